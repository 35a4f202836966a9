"""The account: each refusal in its order with what it saw, and the limits that live for a day."""

from collections.abc import Callable

import numpy as np
import pytest

from core.rules.account import ask_exit, decide, exposure, fill_entry, submit_entry
from core.rules.holdings import FLAT, PENDING_EXIT, Holdings
from core.types import (
    SESSION,
    STRATEGY_BAR,
    ExitReason,
    Refusal,
    Row,
    SignalStatus,
    TradingState,
)
from tests.market import (
    BUY,
    CASH,
    DAY,
    NEXT_DAY,
    SELL,
    Played,
    at,
    bar,
    flat,
    holdings_of,
    play,
    rules_on,
    span_of,
)

LAST_ENTRY_NS, CLOSE_NS = at("14:45"), at("14:50")


def strategy_bar() -> Row:
    row = np.zeros(1, STRATEGY_BAR)[0]
    row.close_ns, row.gap = CLOSE_NS, 2
    return row


def session() -> Row:
    row = np.zeros(1, SESSION)[0]
    row.last_entry_ns = LAST_ENTRY_NS
    return row


def refused_by_everything() -> tuple[Holdings, Row]:
    """A book in which every rule refuses an entry of 0.4 shares."""
    holdings = holdings_of(
        limits={"max_entries_per_day": 4, "max_daily_loss_paise": 5_000, "max_quantity": 0.4}
    )
    account, position = holdings.account[0], holdings.positions[0]
    account.state, account.entries_today = TradingState.REDUCING, 4
    account.day_loss_latched, account.day_realised_paise = True, -7_550
    position.status, position.side, position.quantity = PENDING_EXIT, SELL, 30
    position.entry_value_paise, position.last_close = 300_000, 100.0
    holdings.since_exit[0, 0] = 2
    return holdings, strategy_bar()


def cure_gap(holdings: Holdings, row: Row) -> None:
    row.gap = 0


def cure_state(holdings: Holdings, row: Row) -> None:
    holdings.account[0].state = TradingState.ACTIVE


def cure_last_entry(holdings: Holdings, row: Row) -> None:
    row.close_ns = LAST_ENTRY_NS


def cure_position(holdings: Holdings, row: Row) -> None:
    holdings.positions[0].status = FLAT


def cure_cooldown(holdings: Holdings, row: Row) -> None:
    holdings.since_exit[0, 0] = 3


def cure_entries(holdings: Holdings, row: Row) -> None:
    holdings.account[0].entries_today = 3


def cure_loss(holdings: Holdings, row: Row) -> None:
    holdings.account[0].day_loss_latched = False


def cure_quantity(holdings: Holdings, row: Row) -> None:
    holdings.limits[0].max_quantity = 40.0


Cure = Callable[[Holdings, Row], None]
ORDER: list[tuple[Cure, Refusal, float, float]] = [
    (cure_gap, Refusal.GAP, 2.0, 0.0),
    (cure_state, Refusal.STATE, 1.0, 0.0),
    (cure_last_entry, Refusal.LAST_ENTRY, float(CLOSE_NS), float(LAST_ENTRY_NS)),
    (cure_position, Refusal.POSITION, -30.0, 0.0),
    (cure_cooldown, Refusal.COOLDOWN, 2.0, 3.0),
    (cure_entries, Refusal.MAX_ENTRIES, 4.0, 4.0),
    (cure_loss, Refusal.DAY_LOSS, -75.5, -50.0),
    (cure_quantity, Refusal.QUANTITY, 0.4, 1.0),
]


def ask(holdings: Holdings, row: Row, *, late: bool = False) -> tuple[int, float, float, int]:
    return decide(holdings, 0, row, BUY, 100.0, 2.0, session(), late)


def test_the_first_refusing_rule_answers_with_its_value_and_limit() -> None:
    holdings, row = refused_by_everything()
    for cure, refusal, value, limit in ORDER:
        assert (refusal, value, limit, 0) == ask(holdings, row)
        cure(holdings, row)

    assert (Refusal.NONE, 0.0, 0.0, 40) == ask(holdings, row)


def test_a_late_minute_is_refused_after_gap_and_before_state() -> None:
    holdings, row = refused_by_everything()
    first, _, _, _ = ask(holdings, row, late=True)
    cure_gap(holdings, row)

    assert Refusal.GAP == first
    assert (Refusal.LATE, 0.0, 0.0, 0) == ask(holdings, row, late=True)


def test_a_strategy_may_accept_bars_with_a_gap() -> None:
    holdings, row = refused_by_everything()
    holdings.terms[0].accept_gaps = True
    refusal, _, _, _ = ask(holdings, row)

    assert Refusal.STATE == refusal


@pytest.mark.parametrize(
    ("array", "column", "value"),
    [
        ("account", "state", TradingState.REDUCING),
        ("account", "state", TradingState.HALTED),
        ("account", "doubts", 1),
        ("positions", "blocked", 1),
    ],
)
def test_any_doubt_refuses_state(array: str, column: str, value: int) -> None:
    holdings, row = holdings_of(), strategy_bar()
    cure_gap(holdings, row)
    cure_last_entry(holdings, row)
    clear, _, _, _ = ask(holdings, row)
    getattr(holdings, array)[column][0] = value
    doubtful, _, _, _ = ask(holdings, row)

    assert (Refusal.NONE, Refusal.STATE) == (clear, doubtful)


def test_exposure_counts_pending_entries_at_their_signal_and_positions_at_their_last_close() -> (
    None
):
    holdings = holdings_of([CASH, CASH, CASH])
    nothing = exposure(holdings)
    submit_entry(holdings, 0, 0, BUY, 100.0, 2.0, 10)
    submit_entry(holdings, 0, 2, SELL, 50.0, 2.0, 4)
    pending = exposure(holdings)
    fill_entry(holdings, 0, 101.0, at("10:00"), rules_on("2026-07-22"), 0)
    holdings.positions[0].last_close = 103.0

    assert [0.0, 1_200.0, 1_230.0] == [nothing, pending, exposure(holdings)]


def test_a_second_exit_is_not_asked() -> None:
    holdings = holdings_of()
    submit_entry(holdings, 0, 0, BUY, 100.0, 2.0, 10)
    fill_entry(holdings, 0, 101.0, at("10:00"), rules_on("2026-07-22"), 0)
    first = ask_exit(holdings, 0, int(ExitReason.TIME), 0)
    second = ask_exit(holdings, 0, int(ExitReason.SQUARE_OFF), first)

    assert (1, 1) == (first, second)
    assert ExitReason.TIME == holdings.positions[0].exit_reason


# --- over days and bars --------------------------------------------------------------------------


def every_bar(first: str, count: int, day: int = DAY) -> dict[tuple[int, int], int]:
    """A BUY on each of `count` 5m bars."""
    return {(0, at(first, day) + 5 * i * 60_000_000_000): BUY for i in range(count)}


def stopped_at(minute: str) -> Played:
    """Entered at 09:20 for 100, stopped at 98 in the bar of `minute`; a signal on every bar."""
    bars = [*flat("09:15", "10:15"), bar(minute, 100, 100, 97, 100)]
    return play(span_of(bars), every_bar("09:15", 10))


@pytest.mark.parametrize("minute", ["09:30", "09:32", "09:34"])
def test_cooldown_refuses_the_bar_of_the_exit_and_the_next_and_allows_the_third(
    minute: str,
) -> None:
    played = stopped_at(minute)  # the exit fills in bar N = 09:30, also in its last minute

    assert ["NONE", "POSITION", "POSITION", "COOLDOWN", "COOLDOWN", "NONE"] == played.refusals[:6]
    assert [1.0, 2.0] == [s.value for s in played.signals[3:5]]


def test_an_exit_in_the_minute_after_a_bar_belongs_to_the_next_bar() -> None:
    played = stopped_at("09:35")

    assert ["NONE", *["POSITION"] * 3, "COOLDOWN", "COOLDOWN", "NONE"] == played.refusals[:7]


def test_a_forced_exit_counts_one_over_the_night() -> None:
    bars = [*flat("09:15", "15:10"), *flat("09:15", "10:00", day=NEXT_DAY)]
    events = {(0, at("14:35")): BUY, **every_bar("09:15", 3, NEXT_DAY)}
    played = play(span_of(bars, days=[DAY, NEXT_DAY]), events)

    assert ExitReason.FORCED is played.trades[0].exit_reason
    assert ["NONE", "COOLDOWN", "NONE", "POSITION"] == played.refusals
    assert 2.0 == played.signals[1].value


def test_max_entries_counts_entries_over_all_instruments_and_begins_anew_each_day() -> None:
    bars = [
        *flat("09:15", "10:00"),
        *flat("09:15", "10:00", instrument=1),
        *flat("09:15", "10:00", instrument=1, day=NEXT_DAY),
    ]
    events = {(0, at("09:15")): BUY, (1, at("09:20")): SELL, (1, at("09:15", NEXT_DAY)): SELL}
    span = span_of(bars, days=[DAY, NEXT_DAY], classes=[CASH, CASH])
    played = play(span, events, classes=[CASH, CASH], limits={"max_entries_per_day": 1})

    assert ["NONE", "MAX_ENTRIES", "NONE"] == played.refusals
    assert (1.0, 1.0) == (played.signals[1].value, played.signals[1].limit)


def test_exposure_of_a_pending_entry_limits_the_next_instrument_of_the_same_minute() -> None:
    bars = [*flat("09:15", "09:25"), *flat("09:15", "09:25", instrument=1)]
    events = {(0, at("09:15")): BUY, (1, at("09:15")): BUY}
    played = play(
        span_of(bars, classes=[CASH, CASH]),
        events,
        classes=[CASH, CASH],
        limits={"max_capital": 30_000.0, "leverage": 1.0},
    )

    assert [250, 50] == [s.quantity for s in played.signals]


def test_day_loss_latches_for_the_day_and_a_new_day_releases_it() -> None:
    """250 shares lose 125 rupees for one minute, unrealised; then everything is as before."""
    dip = bar("09:22", 99.5, 99.5, 99.5, 99.5)
    bars = [
        *flat("09:15", "10:00"),
        dip,
        *flat("09:15", "10:00", instrument=1),
        *flat("09:15", "10:00", instrument=1, day=NEXT_DAY),
    ]
    events = {(0, at("09:15")): BUY, (1, at("09:30")): BUY, (1, at("09:15", NEXT_DAY)): BUY}
    played = play(
        span_of(bars, days=[DAY, NEXT_DAY], classes=[CASH, CASH]),
        events,
        classes=[CASH, CASH],
        limits={"max_daily_loss_paise": 12_500},
    )

    assert ["NONE", "DAY_LOSS", "NONE"] == played.refusals
    assert (0.0, -125.0) == (played.signals[1].value, played.signals[1].limit)


def test_day_loss_one_paisa_short_of_the_limit_is_no_day_loss() -> None:
    bars = [*flat("09:15", "09:50"), bar("09:22", 99.5, 99.5, 99.5, 99.5)]
    bars += flat("09:15", "09:50", instrument=1)
    events = {(0, at("09:15")): BUY, (1, at("09:30")): BUY}
    played = play(
        span_of(bars, classes=[CASH, CASH]),
        events,
        classes=[CASH, CASH],
        limits={"max_daily_loss_paise": 12_501},
    )

    assert ["NONE", "NONE"] == played.refusals


def test_day_loss_counts_what_was_realised_today_with_the_fees_of_both_orders() -> None:
    loss = -stopped_at("09:30").trades[0].net_paise
    bars = [*flat("09:15", "10:15"), bar("09:30", 100, 100, 97, 100)]
    events = {(0, at("09:15")): BUY, (0, at("09:45")): BUY}
    refusals = [
        play(span_of(bars), events, limits={"max_daily_loss_paise": limit}).refusals[1]
        for limit in (loss, loss + 1)
    ]

    assert loss > 50_000  # 250 shares lost 2 rupees each, and the charges
    assert ["DAY_LOSS", "NONE"] == refusals


def test_exits_pass_whatever_is_refused() -> None:
    played = stopped_at("09:30")
    halted = play(
        span_of([*flat("09:15", "10:15"), bar("09:30", 100, 100, 97, 100)]),
        every_bar("09:15", 10),
        limits={"max_daily_loss_paise": 1, "max_entries_per_day": 1},
    )

    assert ExitReason.STOP is halted.trades[0].exit_reason
    assert played.trades[0] == halted.trades[0]
    assert SignalStatus.REFUSED is halted.signals[-1].status


def test_last_entry_time_itself_is_still_allowed() -> None:
    played = play(span_of(flat("09:15", "15:30")), {(0, at("14:40")): BUY, (0, at("14:45")): BUY})

    assert "NONE" == played.refusals[0]
    late = play(span_of(flat("09:15", "15:30")), {(0, at("14:45")): BUY})
    assert ["LAST_ENTRY"] == late.refusals
    assert (at("14:50"), at("14:45")) == (late.signals[0].value, late.signals[0].limit)


def test_a_loss_of_yesterday_is_none_of_today() -> None:
    """A is stopped for 500 rupees and its charges; next day A is open again and B may enter."""
    bars = [*flat("09:15", "10:00"), bar("09:30", 100, 100, 97, 100)]
    bars += flat("09:15", "10:00", instrument=1)
    bars += flat("09:15", "10:00", day=NEXT_DAY) + flat(
        "09:15", "10:00", instrument=1, day=NEXT_DAY
    )
    events = {
        (0, at("09:15")): BUY,
        (1, at("09:35")): BUY,
        (0, at("09:15", NEXT_DAY)): BUY,
        (1, at("09:30", NEXT_DAY)): BUY,
    }
    played = play(
        span_of(bars, days=[DAY, NEXT_DAY], classes=[CASH, CASH]),
        events,
        classes=[CASH, CASH],
        limits={"max_daily_loss_paise": 50_000},
    )

    assert ["NONE", "DAY_LOSS", "NONE", "NONE"] == played.refusals


def test_cooldown_after_an_exit_on_a_close_counts_the_bar_of_that_close() -> None:
    """`fill_on = "close"`: TIME at 09:35 fills in the minute 09:34, so in the bar 09:30."""
    played = play(
        span_of(flat("09:15", "10:15")),
        every_bar("09:15", 8),
        limits={"fill_on_close": True},
        terms={"time_stop_bars": 3},
    )

    assert at("09:35") == played.trades[0].exit_ns
    assert ["NONE", "POSITION", "POSITION", "COOLDOWN", "COOLDOWN", "NONE"] == played.refusals[:6]
    assert [1.0, 2.0] == [s.value for s in played.signals[3:5]]


@pytest.mark.parametrize("end", ["15:05", "15:08"])
def test_cooldown_after_an_exit_on_an_old_close_counts_the_bar_of_that_close(end: str) -> None:
    """The square-off at 15:10 takes the last close there is, of a bar that has closed or closes."""
    bars = [*flat("14:00", end), *flat("09:15", "10:00", day=NEXT_DAY)]
    played = play(
        span_of(bars, days=[DAY, NEXT_DAY]),
        {(0, at("14:35")): BUY, **every_bar("09:15", 2, NEXT_DAY)},
        limits={"fill_on_close": True},
    )

    assert ExitReason.SQUARE_OFF is played.trades[0].exit_reason
    assert ["NONE", "COOLDOWN", "NONE"] == played.refusals
    assert 2.0 == played.signals[1].value
