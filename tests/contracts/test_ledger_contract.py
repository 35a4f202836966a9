"""What every ledger promises (core.ports.Ledger)."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from core.errors import StoreFailed
from core.ports import EventKind, Ledger, LedgerEvent
from stores.ledger import SqliteLedger
from stores.memory import MemoryLedger
from stores.views import VIEWS, RowOrder
from tests.stores.ledger_events import (
    DAY,
    OPEN_NS,
    POSITION,
    event,
    fill,
    minute,
    order,
    round_trip,
    signal,
    trade,
)

ORDER = RowOrder(strategies=("pixity", "ema_cross"), instruments=("TCS", "RELIANCE", "INFY"))


@pytest.fixture(params=["sqlite", "memory"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    builders: dict[str, Callable[[], Ledger]] = {
        "sqlite": lambda: SqliteLedger(tmp_path, order=ORDER),
        "memory": lambda: MemoryLedger(order=ORDER),
    }
    opened = builders[request.param]()
    yield opened
    opened.close()


def play(ledger: Ledger, steps: Sequence[Sequence[LedgerEvent]]) -> None:
    for step in steps:
        ledger.append(step)


def test_an_empty_ledger_has_no_head(ledger: Ledger) -> None:
    assert ledger.head() == (0, "")
    assert list(ledger.events()) == []


def test_events_come_back_in_order_with_their_blobs(ledger: Ledger) -> None:
    head = ledger.append([minute(1, b"first"), minute(2, b""), event(EventKind.NOTE, "x", a=1)])

    assert head == 3
    recorded = list(ledger.events())
    assert [one.seq for one in recorded] == [1, 2, 3]
    assert [one.event.blob for one in recorded] == [b"first", b"", None]
    assert recorded[2].event == event(EventKind.NOTE, "x", a=1)
    assert ledger.head() == (3, recorded[2].hash)


def test_events_are_narrowed_by_number_and_kind(ledger: Ledger) -> None:
    play(ledger, round_trip())

    found = ledger.events(after=3, kinds=[EventKind.ORDER, EventKind.TRADE])

    assert [(one.seq, one.event.kind.value) for one in found] == [
        (4, "ORDER"),
        (5, "ORDER"),
        (7, "ORDER"),
        (10, "ORDER"),
        (12, "TRADE"),
    ]


def test_an_empty_step_changes_nothing(ledger: Ledger) -> None:
    ledger.append([minute(1)])
    head = ledger.head()

    assert ledger.append([]) == 1
    assert ledger.head() == head


def test_the_hash_depends_on_everything_before(ledger: Ledger) -> None:
    other = MemoryLedger()
    play(ledger, round_trip())
    play(other, [[event(EventKind.RUN_START, "live")], *round_trip()[1:]])

    assert ledger.head()[0] == other.head()[0]
    assert ledger.head()[1] != other.head()[1]


def test_all_implementations_give_the_same_chain_and_rows(ledger: Ledger) -> None:
    other = MemoryLedger(order=ORDER)
    play(ledger, round_trip())
    play(other, round_trip())

    assert ledger.head() == other.head()
    assert list(ledger.events()) == list(other.events())
    assert [ledger.rows(view) for view in VIEWS] == [other.rows(view) for view in VIEWS]


def test_a_price_that_is_not_a_number_is_null(ledger: Ledger) -> None:
    ledger.append([signal(), event(EventKind.NOTE, "n", prices=[1.5, float("nan")])])

    [row] = ledger.rows("signals")
    assert row["vwap"] is None
    assert list(ledger.events())[1].event.payload == {"prices": [1.5, None]}


@pytest.mark.parametrize("value", [float("inf"), object(), b"bytes"])
def test_a_payload_that_is_not_json_is_refused_whole(ledger: Ledger, value: object) -> None:
    with pytest.raises(StoreFailed, match="NOTE bad"):
        ledger.append([minute(1), event(EventKind.NOTE, "bad", value=value)])

    assert ledger.head() == (0, "")


def test_an_intent_is_recorded_once(ledger: Ledger) -> None:
    ledger.append([order()])
    head = ledger.head()

    with pytest.raises(StoreFailed, match="refuses"):
        ledger.append([minute(1), order()])

    assert ledger.head() == head
    assert ledger.append([minute(1)]) == 2


def test_an_intent_is_recorded_once_within_a_step(ledger: Ledger) -> None:
    with pytest.raises(StoreFailed, match="refuses"):
        ledger.append([order(), order()])

    assert ledger.rows("orders") == []


def test_an_order_event_is_the_new_row_of_its_order(ledger: Ledger) -> None:
    play(ledger, [[order()], [order("SUBMITTED")], [order("OPEN", updated_ns=OPEN_NS + 1)]])

    [row] = ledger.rows("orders")
    assert (row["state"], row["updated_ns"]) == ("OPEN", OPEN_NS + 1)


def test_an_order_found_at_the_broker_needs_no_intent(ledger: Ledger) -> None:
    ledger.append([order("OPEN")])

    assert [row["state"] for row in ledger.rows("orders")] == ["OPEN"]


def test_a_fill_is_recorded_once(ledger: Ledger) -> None:
    ledger.append([order(), fill()])

    with pytest.raises(StoreFailed, match="refuses"):
        ledger.append([fill()])

    ledger.append([fill(fill_id="2")])
    assert [row["fill_id"] for row in ledger.rows("fills")] == ["1", "2"]


def test_a_fill_of_an_unknown_order_is_refused(ledger: Ledger) -> None:
    with pytest.raises(StoreFailed, match="refuses"):
        ledger.append([fill()])


def test_a_row_that_lacks_a_column_is_refused(ledger: Ledger) -> None:
    with pytest.raises(StoreFailed, match="refuses"):
        ledger.append([event(EventKind.TRADE, "t", strategy="pixity")])


def test_a_fill_sets_and_clears_its_position(ledger: Ledger) -> None:
    ledger.append([order(), fill(position=POSITION)])
    opened = ledger.rows("positions")
    ledger.append([fill(fill_id="2")])
    untouched = ledger.rows("positions")
    ledger.append([fill(fill_id="3", position=POSITION | {"quantity": 500})])
    changed = ledger.rows("positions")
    ledger.append([fill(fill_id="4", position=None)])

    assert opened == [POSITION]
    assert untouched == opened
    assert changed == [POSITION | {"quantity": 500}]
    assert ledger.rows("positions") == []


def test_signals_come_by_time_then_strategy_then_instrument(ledger: Ledger) -> None:
    names = [("ema_cross", "TCS"), ("pixity", "INFY"), ("pixity", "TCS"), ("new", "TCS")]
    later = signal(strategy="pixity", instrument="TCS", bar_close_ns=OPEN_NS + 10**15)
    ledger.append([later, *(signal(strategy=one, instrument=two) for one, two in names)])

    rows = ledger.rows("signals")

    assert [(row["strategy"], row["instrument"]) for row in rows] == [
        ("pixity", "TCS"),
        ("pixity", "INFY"),
        ("ema_cross", "TCS"),
        ("new", "TCS"),
        ("pixity", "TCS"),
    ]


def test_trades_come_by_entry_though_recorded_at_exit(ledger: Ledger) -> None:
    ledger.append([trade(entry_ns=3), trade(entry_ns=1), trade(entry_ns=1, instrument="TCS")])

    rows = ledger.rows("trades")

    assert [(row["entry_ns"], row["instrument"]) for row in rows] == [
        (1, "TCS"),
        (1, "RELIANCE"),
        (3, "RELIANCE"),
    ]


def test_a_day_narrows_the_views_that_have_one(ledger: Ledger) -> None:
    play(ledger, [[signal(), signal(day=DAY + 1), order(), fill(position=POSITION)]])

    assert [row["day"] for row in ledger.rows("signals", DAY + 1)] == [DAY + 1]
    assert ledger.rows("orders", DAY + 1) == []
    assert ledger.rows("positions", DAY + 1) == [POSITION]


def test_a_book_narrows_every_view_but_runner_state(ledger: Ledger) -> None:
    held = POSITION | {"book": "trial", "strategy": "other"}
    play(ledger, [[signal(), signal(book="trial"), order(), fill(position=POSITION)]])
    play(ledger, [[order(role="X", book="trial"), fill("X", book="trial", position=held), trade()]])
    counts = {
        view: [len(ledger.rows(view, None, book)) for book in ("main", "trial", None)]
        for view in VIEWS
    }

    assert counts.pop("trades") == [1, 0, 1]
    assert set(map(tuple, counts.values())) == {(1, 1, 2)}


def test_rows_have_the_columns_of_the_files_in_order(ledger: Ledger) -> None:
    play(ledger, round_trip())

    [row] = ledger.rows("trades")
    assert ",".join(row) == (
        "strategy,instrument,side,quantity,signal_id,kind,signal_bar_open_ns,entry_ns,entry_price,"
        "exit_ns,exit_price,exit_reason,bars_held,gross_paise,fees_paise,net_paise,r,mae,mfe,day,book"
    )
    [row] = ledger.rows("signals")
    assert ",".join(row).startswith(
        "strategy,instrument,kind,side,bar_open_ns,bar_close_ns,close,atr,vwap,status,refusal,"
        "signal_id"
    )


def test_an_unknown_view_is_refused(ledger: Ledger) -> None:
    with pytest.raises(StoreFailed, match="no view 'sqlite_master'"):
        ledger.rows("sqlite_master")


def test_runner_state_is_replaced_and_not_chained(ledger: Ledger) -> None:
    first = {"book": "main", "strategy": "pixity", "instrument": "TCS", "updated_ns": 1}
    second = {**first, "instrument": "INFY", "bias": "BUY", "value": float("nan")}
    ledger.write_runner_state([first, second])
    ledger.write_runner_state([second, first])

    assert ledger.rows("runner_state") == [second | {"value": None}, first]
    assert ledger.head() == (0, "")


def test_rows_of_the_runner_state_are_updated_where_they_stand(ledger: Ledger) -> None:
    first = {"book": "main", "strategy": "pixity", "instrument": "TCS", "updated_ns": 1}
    second = first | {"instrument": "INFY"}
    changed = first | {"updated_ns": 2, "bias": "BUY"}
    ledger.write_runner_state([first, second])
    ledger.update_runner_state([changed])
    ledger.update_runner_state([])

    assert ledger.rows("runner_state") == [changed, second]


def test_runner_state_has_one_row_per_key(ledger: Ledger) -> None:
    row = {"book": "main", "strategy": "pixity", "instrument": "TCS", "updated_ns": 1}
    ledger.write_runner_state([row])

    with pytest.raises(StoreFailed, match="runner state"):
        ledger.write_runner_state([row, row])

    assert ledger.rows("runner_state") == [row]
