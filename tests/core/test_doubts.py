"""When a doubt begins and ends: rejected ticks, silence, clocks, prices of another history."""

import numpy as np
import pytest

from core.doubts import (
    ALL,
    BUSY_TICKS,
    Doubt,
    DoubtKind,
    Rejections,
    Silence,
    block,
    clock_is_doubtful,
    is_corporate_action,
)
from core.events import Doubted
from core.rules.merging import BAD_PRICE, LATE, MERGED, OUTCOMES, OUTSIDE, REPEATED
from core.session import MINUTE_NS, SECOND_NS
from core.types import Int64s, Refusal, SignalStatus
from tests.core.test_engine import decided, question
from tests.core.tick_tapes import OPEN_NS, one_tick, ticks_of
from tests.market import CASH, holdings_of


def counted(*rows: dict[int, int]) -> Int64s:
    """Ticks of the day by outcome, a row an instrument, and the last for strangers."""
    counts = np.zeros((len(rows) + 1, len(OUTCOMES)), np.int64)
    for number, row in enumerate(rows):
        for outcome, count in row.items():
            counts[number, outcome] = count
    return counts


# --- rejected ticks ------------------------------------------------------------------------------


def test_more_than_one_in_a_hundred_is_doubtful_and_one_is_not() -> None:
    counts = counted({MERGED: 99, BAD_PRICE: 1}, {MERGED: 98, BAD_PRICE: 1})

    assert Rejections(2).minute(counts) == ([1], [0])


def test_a_doubtful_instrument_is_clean_after_a_minute_of_good_ticks_not_of_silence() -> None:
    rejections = Rejections(1)
    assert rejections.minute(counted({MERGED: 10, BAD_PRICE: 5})) == ([0], [])

    assert rejections.minute(counted({MERGED: 10, BAD_PRICE: 5})) == ([], [])
    assert rejections.minute(counted({MERGED: 11, BAD_PRICE: 5})) == ([], [0])


def test_ticks_that_are_only_late_repeated_or_outside_the_session_are_no_lies() -> None:
    counts = counted({MERGED: 1, LATE: 50, REPEATED: 50, OUTSIDE: 50})

    assert Rejections(1).minute(counts) == ([], [0])


# --- silence -------------------------------------------------------------------------------------


def test_a_feed_is_stale_after_five_seconds_without_any_frame() -> None:
    silence = Silence(1)
    silence.connected(OPEN_NS)
    silence.frame(OPEN_NS + SECOND_NS, one_tick(0)[:0])

    assert not silence.of_feed(OPEN_NS + 6 * SECOND_NS)
    assert silence.of_feed(OPEN_NS + 6 * SECOND_NS + 1)


def busy(ticks_a_minute: int, minutes: int = 3) -> Silence:
    """Instrument 0 with so many ticks a minute, 1 with one; both last seen at the end."""
    silence = Silence(2)
    silence.connected(OPEN_NS)
    for minute in range(minutes):
        for n in range(ticks_a_minute):
            after_s = 60 * minute + 60 * (n + 1) / ticks_a_minute
            silence.frame(OPEN_NS + round(after_s * SECOND_NS), one_tick(after_s))
        silence.frame(OPEN_NS + (minute + 1) * MINUTE_NS, one_tick(60 * minute + 60, instrument=1))
        silence.minute()
    return silence


@pytest.mark.parametrize(("ticks", "stale"), [(BUSY_TICKS, True), (BUSY_TICKS - 1, False)])
def test_a_busy_instrument_is_stale_after_fifteen_seconds_and_a_slow_one_never(
    ticks: int, stale: bool
) -> None:
    silence, last_ns = busy(ticks), OPEN_NS + 3 * MINUTE_NS

    assert silence.of_instruments(last_ns + 15 * SECOND_NS).tolist() == [False, False]
    assert silence.of_instruments(last_ns + 15 * SECOND_NS + 1).tolist() == [stale, False]


def test_what_was_busy_before_a_reconnect_has_fifteen_seconds_to_be_told() -> None:
    silence, back_ns = busy(BUSY_TICKS), OPEN_NS + 4 * MINUTE_NS
    silence.connected(back_ns)

    assert silence.of_instruments(back_ns + 15 * SECOND_NS).tolist() == [False, False]
    assert silence.of_instruments(back_ns + 15 * SECOND_NS + 1).tolist() == [True, False]


def test_a_reconnect_of_some_gives_the_others_no_time() -> None:
    silence, back_ns = busy(BUSY_TICKS), OPEN_NS + 4 * MINUTE_NS
    silence.connected(back_ns, [1])

    assert silence.of_instruments(back_ns).tolist() == [True, False]


def test_ticks_of_instruments_nobody_asked_for_are_not_counted() -> None:
    silence = Silence(1)
    silence.frame(OPEN_NS, one_tick(0, instrument=7))
    silence.frame(OPEN_NS, one_tick(0, instrument=-1))
    silence.minute()

    assert not silence.of_instruments(OPEN_NS + MINUTE_NS).any()


# --- clocks --------------------------------------------------------------------------------------


def test_how_far_our_clock_is_ahead_is_the_least_delay_of_a_minute() -> None:
    silence = Silence(1)
    for delay_s in (0.7, 0.2, 40.0):
        silence.frame(OPEN_NS, ticks_of([(1, 100.0, 1)], delay_s=delay_s))

    assert silence.minute() == 0.2 * SECOND_NS
    assert silence.minute() is None


def test_a_tick_far_ahead_is_a_bad_tick_and_no_clock() -> None:
    silence = Silence(1)
    silence.frame(OPEN_NS, ticks_of([(1, 100.0, 1)], delay_s=-5.5))
    assert silence.minute() is None
    silence.frame(OPEN_NS, ticks_of([(1, 100.0, 1)], delay_s=-4.5))

    assert silence.minute() == -4.5 * SECOND_NS


@pytest.mark.parametrize("sign", [-1, 1])
def test_two_seconds_of_difference_are_borne_and_no_more(sign: int) -> None:
    assert not clock_is_doubtful(sign * 2 * SECOND_NS)
    assert clock_is_doubtful(sign * (2 * SECOND_NS + 1))


# --- history -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("feed", "doubtful"), [(100.9, False), (99.1, False), (101.1, True)])
def test_closes_more_than_one_percent_apart_are_a_corporate_action(
    feed: float, doubtful: bool
) -> None:
    assert is_corporate_action(100.0, feed) is doubtful


# --- effect --------------------------------------------------------------------------------------


def test_doubts_block_their_instrument_or_all_until_they_are_over() -> None:
    holdings = holdings_of((CASH, CASH))
    feed, ticks = Doubt(DoubtKind.FEED), Doubt(DoubtKind.TICKS, 1)
    silent = Doubt(DoubtKind.SYMBOL, 1)
    block(holdings, frozenset({feed, ticks, silent}))
    assert (holdings.account[0].doubts, holdings.positions["blocked"].tolist()) == (1, [0, 2])
    block(holdings, frozenset({ticks}))

    assert (holdings.account[0].doubts, holdings.positions["blocked"].tolist()) == (0, [0, 1])
    assert feed.instrument == ALL


def test_a_doubt_refuses_entries_where_it_is_open_and_takes_nothing_back() -> None:
    asked = question()
    asked.engine.handle(Doubted(frozenset({Doubt(DoubtKind.SYMBOL, 0)})))
    assert [(SignalStatus.REFUSED, Refusal.STATE)] == decided(asked.ask())
    asked.engine.handle(Doubted(frozenset({Doubt(DoubtKind.FEED)})))
    assert [(SignalStatus.REFUSED, Refusal.STATE)] == decided(asked.ask())

    assert [] == asked.engine.handle(Doubted(frozenset()))
    assert [(SignalStatus.ACTED, Refusal.NONE)] == decided(asked.ask())
