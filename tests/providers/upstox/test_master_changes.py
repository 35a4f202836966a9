"""What a new day's list says otherwise of the instruments that are ours."""

from providers.upstox.instruments import Master
from providers.upstox.master_changes import changes
from tests.providers.upstox.masters import (
    BSE,
    NIFTY,
    ROWS,
    TATAPOWER,
    TMPV,
    intraday,
    packed,
    share,
)

OURS = ("TATAPOWER", BSE, "NIFTY 50")
BEFORE = Master.of(packed(ROWS), intraday([TATAPOWER, TMPV]))
OTHERS = [row for row in ROWS if row["instrument_key"] not in (TATAPOWER, BSE)]


def test_nothing_is_told_of_a_list_that_is_the_same() -> None:
    assert [] == changes(BEFORE, BEFORE, OURS)


def test_what_trading_depends_on_is_told_by_symbol_and_key() -> None:
    after = Master.of(
        packed(
            [
                *OTHERS,
                share(TATAPOWER, "TATAPOWER", tick_size=10.0, freeze_quantity=5.0),
                share(BSE, "BSE"),
            ]
        ),
        intraday([TMPV]),
    )

    assert changes(BEFORE, after, OURS) == [
        f"TATAPOWER ({TATAPOWER}): tick, paise 5 -> 10",
        f"TATAPOWER ({TATAPOWER}): freeze quantity 100000 -> 5",
        f"TATAPOWER ({TATAPOWER}): intraday yes -> no",
        f"BSE ({BSE}): closing auction no -> yes",
    ]


def test_a_symbol_under_another_key_is_told() -> None:
    key = "NSE_EQ|INE245A01039"
    after = Master.of(packed([*ROWS[1:], share(key, "TATAPOWER")]), intraday([TMPV]))

    [told, _] = changes(BEFORE, after, ["TATAPOWER"])

    assert f"TATAPOWER ({key}): key {TATAPOWER} -> {key}" == told


def test_what_is_new_and_what_is_gone_is_told() -> None:
    without = Master.of(packed(OTHERS), intraday([TMPV]))

    gone = changes(BEFORE, without, ["TATAPOWER", "NOPE"])
    new = changes(without, BEFORE, ["TATAPOWER", NIFTY])

    assert [f"TATAPOWER ({TATAPOWER}): not in the instrument master any more"] == gone
    assert [f"TATAPOWER ({TATAPOWER}): new in the instrument master"] == new
