"""The broker's list of instruments: what a written symbol or key means, and what may be traded."""

import pytest

from core.errors import ConfigError, ProtocolViolation
from core.types import Instrument, InstrumentId, SessionClass
from providers.upstox.instruments import Margin, Master
from sandbox.account_answers import intraday_master, master
from sandbox.market.universe import listings
from tests.providers.upstox.masters import (
    BAJFINANCE,
    BSE,
    NIFTY,
    ROWS,
    TATAPOWER,
    TMPV,
    intraday,
    packed,
    share,
)

LIST = Master.of(packed(ROWS), intraday([TATAPOWER, TMPV]))
TATAPOWER_INSTRUMENT = Instrument(
    InstrumentId(TATAPOWER), "TATAPOWER", SessionClass.CASH_AUCTION, tick_paise=5
)


@pytest.mark.parametrize("written", ["TATAPOWER", TATAPOWER, f"TATAPOWER={TATAPOWER}"])
def test_a_symbol_a_key_and_both_mean_one_instrument(written: str) -> None:
    chosen = LIST.choose([written])

    assert (TATAPOWER_INSTRUMENT,) == chosen.instruments
    assert () == chosen.notices


def test_what_the_list_says_of_an_instrument_is_what_it_trades_by() -> None:
    tmpv, bse, nifty = LIST.choose(["TMPV"], [BSE, "NIFTY 50"]).instruments

    assert (10, SessionClass.CASH_AUCTION) == (tmpv.tick_paise, tmpv.session_class)
    assert (5, SessionClass.CASH) == (bse.tick_paise, bse.session_class)
    assert (NIFTY, None) == (nifty.id, nifty.tick_paise)


def test_configured_order_is_kept() -> None:
    resolved = LIST.resolve(["NIFTY 50", TMPV, "BSE", "TATAPOWER"])

    assert ["NIFTY 50", "TMPV", "BSE", "TATAPOWER"] == [one.symbol for one in resolved.listed]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (f"TATAPOWER={TMPV}", f"TATAPOWER is {TATAPOWER}, {TMPV} is TMPV"),
        (f"BAJFINANCE={BSE}", f"BAJFINANCE is {BAJFINANCE}, {BSE} is BSE"),
    ],
)
def test_a_key_that_contradicts_its_symbol_is_refused_by_both_names(
    written: str, told: str
) -> None:
    with pytest.raises(ConfigError, match="contradicts the instrument master") as refused:
        LIST.resolve([written])

    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("written", "symbol", "since"),
    [
        ("NSE_EQ|INE296A01024", "BAJFINANCE", "2025-06-16"),
        ("BAJFINANCE=NSE_EQ|INE296A01024", "BAJFINANCE", "2025-06-16"),
        ("TATAMOTORS", "TMPV", "2025-10-24"),
        (f"TATAMOTORS={TMPV}", "TMPV", "2025-10-24"),
    ],
)
def test_a_name_that_has_changed_is_known_and_told_in_one_line(
    written: str, symbol: str, since: str
) -> None:
    resolved = LIST.resolve([written])

    [notice] = resolved.notices
    assert symbol == resolved.listed[0].symbol
    assert since in notice
    assert "\n" not in notice


def test_an_old_name_that_is_listed_again_means_what_is_listed() -> None:
    relisted = Master.of(packed([*ROWS, share("NSE_EQ|INE999A01019", "TATAMOTORS")]))

    resolved = relisted.resolve(["TATAMOTORS"])

    assert ("NSE_EQ|INE999A01019", ()) == (resolved.listed[0].key, resolved.notices)


def test_of_a_symbol_with_several_rows_the_common_share_is_meant() -> None:
    assert "NSE_EQ|INE000A01011" == LIST.resolve(["TWICE"]).listed[0].key


@pytest.mark.parametrize(
    ("configured", "told"),
    [
        (
            ["TATAPOWR"],
            f"TATAPOWR is not in the instrument master; did you mean TATAPOWER ({TATAPOWER}",
        ),
        (["tatapower"], f"did you mean TATAPOWER ({TATAPOWER}"),
        (["NSE_EQ|INE245A01022"], f"did you mean TATAPOWER ({TATAPOWER}"),
        (["BONDS"], "give one of the keys NSE_EQ|INE000A01013 (GS), NSE_EQ|INE000A01014 (GB)"),
        (["ODDTICK"], "ODDTICK cannot be used: tick_size 0.5"),
        (["TATAPOWER 400 CE"], "not in the instrument master"),
        (["BSE", BSE], f"{BSE} is BSE ({BSE}), and BSE ({BSE}) is asked for too"),
        (["TWICE", "NSE_EQ|INE000A01012"], "TWICE (NSE_EQ|INE000A01011) is asked for too"),
        (["", "NOPE1", "NOPE2"], "NOPE2"),
        ([f"NOPE{number}" for number in range(30)], "; and 20 more"),
    ],
)
def test_what_cannot_be_resolved_is_an_error_that_names_it(
    configured: list[str], told: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        LIST.resolve(configured)

    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_only_a_share_that_the_broker_allows_intraday_may_be_traded() -> None:
    listed = LIST.resolve(["TATAPOWER", "BSE", "NIFTY 50"]).listed

    reasons = [LIST.untradable(one) for one in listed]

    assert Margin(20.0, 5.0) == listed[0].margin
    assert reasons == [
        None,
        f"BSE ({BSE}): the broker does not allow it intraday",
        f"NIFTY 50 ({NIFTY}): an index is not traded",
    ]


@pytest.mark.parametrize("written", ["BSE", "NIFTY 50"])
def test_what_may_not_be_traded_is_watched_or_an_error(written: str) -> None:
    with pytest.raises(ConfigError, match=f"{written} .*: name it in watch, not in symbols"):
        LIST.choose(["TATAPOWER", written])

    instruments = LIST.choose(["TATAPOWER"], [written]).instruments

    assert [False, True] == [one.is_watched for one in instruments]


def test_an_instrument_is_traded_or_watched_and_not_both() -> None:
    with pytest.raises(ConfigError, match="is asked for too"):
        LIST.choose(["TATAPOWER"], [TATAPOWER])


def test_without_the_intraday_list_nothing_is_guessed() -> None:
    alone = Master.of(packed(ROWS))

    [listed] = alone.resolve(["TATAPOWER"]).listed

    assert "not known" in str(alone.untradable(listed))


def test_equal_rows_are_one_and_differing_ones_refuse_the_file() -> None:
    again = Master.of(packed([*ROWS, *ROWS]))

    with pytest.raises(ProtocolViolation, match=r"two rows of NSE_EQ\|INE245A01021 differ"):
        Master.of(packed([*ROWS, share(TATAPOWER, "TATAPOWER", tick_size=10.0)]))

    assert again.by_key == LIST.by_key | {key: again.by_key[key] for key in (TATAPOWER, TMPV)}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("tick_size", 0),
        ("tick_size", None),
        ("tick_size", True),
        ("tick_size", 1e9),
        ("lot_size", "1"),
        ("freeze_quantity", -1.0),
        ("cas_eligible", "yes"),
        ("instrument_key", "NSE_EQ|../../etc"),
        ("instrument_key", "NSE_EQ|INE245A01021'; DROP TABLE bars"),
        ("instrument_key", "NSE_INDEX|Nifty 50"),
        ("trading_symbol", "<img onerror=x>"),
    ],
)
def test_a_row_that_says_what_cannot_be_is_kept_out_alone(column: str, value: object) -> None:
    odd = share("NSE_EQ|INE777A01017", "ODD") | {column: value}

    read = Master.of(packed([*ROWS, odd]))

    assert set(LIST.by_key) == set(read.by_key)
    assert str(odd["instrument_key"]) in read.kept_out


def test_the_lists_of_the_local_exchange_resolve_to_its_own_instruments() -> None:
    listed = listings(extra_shares=12)
    read = Master.of(packed(master(listed)), packed(intraday_master(listed)))

    resolved = read.resolve([one.symbol for one in listed])

    assert [one.key for one in listed] == [one.key for one in resolved.listed]
    assert [one.session_class for one in listed] == [
        one.instrument().session_class for one in resolved.listed
    ]
    assert [one.is_intraday for one in listed] == [
        read.untradable(one) is None for one in resolved.listed
    ]
