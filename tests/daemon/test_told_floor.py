"""A floor with a real broker: told what paper would have filled it is paper; told anything, it
remembers all of it once and runs again byte for byte."""

from collections import Counter
from collections.abc import Sequence

import pytest

from core.errors import ConfigError
from core.ports import BrokerReport, EventKind, LedgerEvent, ReportKind
from core.session import MINUTE_NS, recorded_session
from core.types import Command, Refusal, TradingState
from daemon.floor import Floor
from daemon.memory.journal import report_of
from daemon.memory.takeover import take_over
from daemon.rerun import rerun
from providers.live import DayFrame, day_frame
from strategies.brakes import BrakeSettings
from tests.daemon.brokered import (
    DAYS,
    PAPER,
    PLAN,
    TOLD,
    AsOnPaper,
    Brokered,
    Rough,
    Silent,
    minutes,
    opened,
)

DAY = DAYS[2]
TIGHT = BrakeSettings(
    max_orders_per_minute=3, max_orders_per_day=12, orders_kept_for_exits=4, max_rejects=2
)
SEEDS = range(6)


def of(kind: EventKind, events: Sequence[LedgerEvent]) -> list[dict[str, object]]:
    return [event.payload for event in events if event.kind is kind]


VARIANTS = {
    "lively": ([], {"STOP", "TARGET"}),
    "soon over": (["sl_mult=4", "tp_mult=5", "time_stop_bars=2"], {"TIME"}),
    "to the square-off": (["sl_mult=9", "tp_mult=9", "time_stop_bars=1000"], {"SQUARE_OFF"}),
    "every limit": (["max_quantity=40", "max_entries_per_day=4", "max_daily_loss=50"], {"STOP"}),
}
CASH = ("instrument", "side", "quantity", "price", "value_paise", "fees_paise", "ts_ns")


@pytest.mark.parametrize("variant", VARIANTS)
def test_told_what_paper_fills_days_have_papers_signals_and_trades(variant: str) -> None:
    assignments, wanted = VARIANTS[variant]
    reasons = set[object]()
    for day in DAYS[1:]:
        both = AsOnPaper(day, *assignments)
        both.play(day)
        trades = of(EventKind.TRADE, both.found)
        reasons |= {trade["exit_reason"] for trade in trades}

        assert trades == of(EventKind.TRADE, both.events)
        assert of(EventKind.SIGNAL, both.found) == of(EventKind.SIGNAL, both.events)
        assert both.floor.main.account_row() == both.paper.main.account_row()
        ours, theirs = (
            [[row[name] for name in CASH] for row in of(EventKind.FILL, events)]
            for events in (both.events, both.found)
        )
        assert ours == theirs
    assert wanted <= reasons


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("hard", [False, True])
def test_every_fill_of_the_exchange_is_in_the_ledger_once(seed: int, hard: bool) -> None:
    rough = Rough(DAY, seed, hard=hard)
    rough.play(DAY)
    booked = [
        (row["order_id"], row["fill_id"], row["quantity"], row["price"])
        for row in of(EventKind.FILL, rough.events)
    ]
    made = [(one.order_id, one.fill_id, one.quantity, one.price) for one in rough.tape]

    assert len(made) > 5
    assert sorted(made) == sorted(booked)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_position_is_what_the_exchange_has_given(seed: int) -> None:
    rough = Rough(DAY, seed)
    rough.play(DAY)
    held = Counter[object]()
    for row in of(EventKind.FILL, rough.events):
        held[row["instrument"]] += (1 if row["side"] == "BUY" else -1) * int(str(row["quantity"]))
    for number, symbol in enumerate(rough.floor.symbols):
        position = rough.floor.main.engine.position_of(number)
        ours = 0 if position is None else position.side * position.quantity
        assert ours == held[symbol]


@pytest.mark.parametrize("count", [60, 123, 240, None])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_told_day_left_anywhere_runs_again_byte_for_byte(seed: int, count: int | None) -> None:
    rough = Rough(DAY, seed)
    opening = rough.floor.opening()
    rough.play(DAY, count)
    again = Floor((TOLD,))
    again.restore_opening(opening)
    frame = frame_of(DAY)

    assert [] == rerun(again, frame, rough.steps, lambda span, done: None)
    assert again.close_day(1) == rough.floor.close_day(1)


def frame_of(day: int) -> DayFrame:
    kinds = sorted({one.session_class for one in PAPER.instruments})
    return day_frame(day, [recorded_session(day, kind) for kind in kinds], PLAN.terms, MINUTE_NS)


def test_a_position_half_out_is_remembered_with_its_fills() -> None:
    """Over the closing snapshot into another process: nothing is booked twice."""
    held = half_out()
    again = Floor((TOLD,))
    again.carry_over(held.floor.close_day(1))
    ours, theirs = (floor.main.engine for floor in (held.floor, again))

    assert theirs.orders == ours.orders
    assert vars(theirs)["booked"] == vars(ours)["booked"]
    assert vars(theirs)["changing"] == vars(ours)["changing"] != {}
    repeated = report_of(held.steps[-1][0].payload)
    assert [] == again.reported(repeated)[1][1:]


def test_what_is_latched_is_so_after_a_restart_and_the_next_morning_until_a_resume() -> None:
    told = Brokered(DAY)
    opening = told.floor.opening()
    told.tell(BrokerReport(ReportKind.STRANGER, "240722", 1, "bought by hand"))
    tripped = {Refusal.UNKNOWN_ORDER: (1, "an order that is not ours: bought by hand")}
    restarted = Floor((TOLD,))
    restarted.restore_opening(opening)
    assert [] == rerun(restarted, frame_of(DAY), told.steps, lambda span, done: None)
    assert tripped == restarted.main.breakers
    morning = Floor((TOLD,))
    morning.carry_over(restarted.close_day(1))
    morning.open_day(DAY + 1, [], 2)
    again = Floor((TOLD,))
    again.restore_opening(morning.opening())
    assert (tripped, TradingState.HALTED) == (again.main.breakers, again.main.state)
    assert TradingState.ACTIVE is again.main.commanded

    _, events = again.obey(Command.RESUME, "operator", 1)
    assert [("breaker_released", "unknown_order")] == [
        (event.key, event.payload["breaker"]) for event in events[1:]
    ]
    assert ({}, TradingState.ACTIVE) == (again.main.breakers, again.main.state)


def test_rough_days_trip_several_breakers_and_each_is_released_by_a_resume() -> None:
    notes = Counter[tuple[str, object]]()
    for seed in SEEDS:
        rough = Rough(DAY, seed, brakes=TIGHT)
        opening = rough.floor.opening()
        rough.play(DAY)
        notes.update((event.key, event.payload["breaker"]) for event in rough.noted)
        again = Floor((rough.floor.main.setup,))
        again.restore_opening(opening)
        assert [] == rerun(again, frame_of(DAY), rough.steps, lambda span, done: None)
        assert again.close_day(1) == rough.floor.close_day(1)

    for breaker in ("order_rate", "rejects", "unknown_order"):
        assert notes["breaker_tripped", breaker] > 0
        assert notes["breaker_released", breaker] > 0


def half_out() -> Brokered:
    """Half an entry has come and part of it is out again; nothing asked for is answered."""
    silent = Silent(DAY)
    orders = silent.floor.main.engine.orders
    for span in minutes(DAY):
        silent.minute(span)
        if orders:
            break
    [entry] = orders.values()
    now_ns, half = silent.floor.now_ns, entry.quantity // 2
    for number, quantity in enumerate((half, half // 2)):
        fill = (str(number), quantity, 100.0)
        silent.tell(BrokerReport(ReportKind.FILLED, entry.order_id, now_ns, "", *fill))
    stop = f"{entry.order_id[:-1]}S"
    silent.tell(BrokerReport(ReportKind.FILLED, stop, now_ns, "", "9", half // 2, 99.0))
    return silent


def test_a_day_that_a_broker_told_of_is_not_taken_over_by_another_setup() -> None:
    rough = Rough(DAY, 1)
    opening = rough.floor.opening()
    rough.play(DAY)
    with pytest.raises(ConfigError, match="orders of this day are at a broker"):
        take_over(Floor((TOLD,)), frame_of(DAY), opening, rough.steps, [])


def test_what_is_told_is_part_of_the_setup_and_paper_has_its_old_one() -> None:
    assert TOLD.digest != PAPER.digest
    assert not opened(TOLD, DAY).wrote(opened(PAPER, DAY).opening())


def test_what_trips_the_breaker_is_a_note_that_names_it() -> None:
    told = Brokered(DAY)
    told.tell(BrokerReport(ReportKind.FILLED, "x-E", 1, "", "7", 10, 100.0))
    [note] = [event for event in told.events if event.kind is EventKind.NOTE]

    assert ("breaker_tripped", "x-E") == (note.key, note.payload["order_id"])
    assert "unknown_order" == note.payload["breaker"]
    assert "fill 7 of 10 at 100.0: no such order works" == note.payload["reason"]
    assert TradingState.HALTED is told.floor.main.state
