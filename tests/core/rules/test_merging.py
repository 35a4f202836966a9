"""What a tick adds to its bar (market.md 3), each rule and all of them against a plain copy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.minutes import BarBuilder
from core.session import MINUTE_NS, SECOND_NS
from core.types import PARTIAL, TICK, Records
from tests.core.tick_tapes import (
    AUCTION,
    CASH,
    OPEN_NS,
    at,
    bar_of,
    builder,
    first_minute,
    one_tick,
    ticks_of,
)

Trade = tuple[int, float, float, int]  # instrument, seconds after the open, price, volume
Bars = dict[tuple[int, int], tuple[float, ...]]  # by minute and instrument

# --- bars ----------------------------------------------------------------------------------------


def test_bar_volume_is_the_difference_of_the_days_volume_not_the_sum_of_quantities() -> None:
    built = builder()
    built.add(ticks_of([(1, 100.0, 50), (30, 103.0, 80), (59, 101.0, 90), (61, 99.0, 95)]))
    built.close_through(at(122))

    first, second = built.take_minutes()

    assert bar_of(first) == (100.0, 103.0, 100.0, 101.0, 90)
    assert bar_of(second) == (99.0, 99.0, 99.0, 99.0, 5)


def test_a_minute_is_that_of_the_exchange_time_not_of_the_arrival() -> None:
    built = builder()
    built.add(ticks_of([(59.9, 100.0, 10)], delay_s=1.5))
    built.add(ticks_of([(60.0, 101.0, 20)], delay_s=1.4))

    assert bar_of(first_minute(built))[3] == 100.0


def test_late_ticks_of_an_open_minute_give_the_bar_of_the_sorted_ticks() -> None:
    rows = [(1.0, 100.0, 10), (2.0, 105.0, 20), (3.0, 95.0, 30), (4.0, 101.0, 40)]
    sorted_builder, shuffled_builder = builder(), builder()
    sorted_builder.add(ticks_of(rows))
    shuffled_builder.add(ticks_of([rows[2], rows[0], rows[3], rows[1]]))

    assert bar_of(first_minute(shuffled_builder)) == bar_of(first_minute(sorted_builder))
    assert shuffled_builder.counts["reordered"] == 2
    assert shuffled_builder.counts["volume_backwards"] == 0


def test_trades_of_one_stamp_are_ordered_by_the_days_volume() -> None:
    built = builder()
    built.add(ticks_of([(5, 101.0, 20), (5, 100.0, 10), (5, 102.0, 30), (5, 101.5, 25)]))

    assert bar_of(first_minute(built)) == (100.0, 102.0, 100.0, 102.0, 30)


def test_a_tick_of_a_closed_minute_is_counted_and_changes_nothing() -> None:
    built = builder()
    built.add(ticks_of([(10, 100.0, 10), (61, 101.0, 20)]))
    built.add(ticks_of([(59, 200.0, 15)], delay_s=2.5))
    built.close_through(at(122))

    first, second = built.take_minutes()

    assert bar_of(first) == (100.0, 100.0, 100.0, 100.0, 10)
    assert bar_of(second) == (101.0, 101.0, 101.0, 101.0, 10)
    assert built.counts["late_ticks"] == 1


def test_a_repeated_trade_adds_nothing_also_after_its_minute_was_closed() -> None:
    built = builder()
    built.add(ticks_of([(10, 100.0, 10), (10, 100.0, 10)]))
    first = first_minute(built)
    built.add(ticks_of([(10, 100.0, 10)], delay_s=60))

    assert bar_of(first)[4] == 10
    assert built.counts["repeated"] == 2
    assert built.counts["late_ticks"] == 0


def test_without_a_volume_of_the_day_last_quantities_are_summed_and_it_is_told() -> None:
    built = builder()
    built.add(ticks_of([(1, 100.0, -1), (2, 100.0, -1), (2, 100.0, -1)], quantity=7))

    assert bar_of(first_minute(built))[4] == 14
    assert built.summed_instruments == [0]
    assert built.counts["repeated"] == 1


def test_an_index_without_any_volume_has_bars_of_volume_zero() -> None:
    built = builder()
    built.add(ticks_of([(1, 100.0, -1), (2, 101.0, -1)], quantity=-1))

    assert bar_of(first_minute(built)) == (100.0, 101.0, 100.0, 101.0, 0)
    assert built.summed_instruments == []


def test_a_tick_without_volume_among_others_gives_its_price_only() -> None:
    built = builder()
    built.add(ticks_of([(1, 100.0, -1), (2, 101.0, 30), (3, 104.0, -1), (4, 102.0, 40)]))

    assert bar_of(first_minute(built)) == (100.0, 104.0, 100.0, 102.0, 40)


def test_a_day_that_begins_without_volumes_counts_from_the_first_one_told() -> None:
    built = builder()
    built.add(ticks_of([(1, 100.0, -1)], quantity=5))
    built.add(ticks_of([(61, 100.0, 900), (62, 100.0, 903)]))
    built.close_through(at(122))

    first, second = built.take_minutes()

    assert bar_of(first)[4] == 5
    assert bar_of(second)[4] == 3
    assert second.bars[0]["quality"] == PARTIAL


# --- what is kept out ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "tick"),
    [
        ("unknown_instrument", one_tick(20, instrument=1)),
        ("unknown_instrument", one_tick(20, instrument=-1)),
        ("bad_price", one_tick(20, 0.0)),
        ("bad_price", one_tick(20, -5.0)),
        ("bad_price", one_tick(20, math.nan)),
        ("bad_price", one_tick(20, math.inf)),
        ("zero_quantity", one_tick(20, quantity=0)),
        ("no_time", one_tick(20, exch_ns=0)),
        ("in_future", one_tick(20, recv_ns=at(20 - 5.001))),
        ("other_day", one_tick(20 - 86_400)),
        ("other_day", one_tick(20 + 86_400)),
        ("volume_backwards", one_tick(20, volume=99)),
        ("volume_backwards", one_tick(5, volume=101)),
    ],
)
def test_a_bad_tick_is_counted_by_its_reason_and_never_enters_a_bar(
    reason: str, tick: Records
) -> None:
    built = builder()
    built.add(ticks_of([(10, 100.0, 100)]))
    before = built.counts
    built.add(tick)

    assert built.counts == before | {reason: 1}
    assert bar_of(first_minute(built)) == (100.0, 100.0, 100.0, 100.0, 100)


@pytest.mark.parametrize(
    ("after_s", "volume"),
    [
        (80, 210),  # older than the youngest trade, more volume
        (75, 90),  # younger than the oldest of its bar, less volume
        (65, 150),  # older than the oldest, more volume
        (65, 40),  # less than the minute before had
    ],
)
def test_an_older_tick_whose_volume_does_not_fit_is_refused(after_s: float, volume: int) -> None:
    built = builder()
    built.add(ticks_of([(10, 100.0, 50), (70, 100.0, 100), (90, 100.0, 200)]))
    built.add(ticks_of([(after_s, 120.0, volume)]))
    built.close_through(at(122))

    assert built.counts["volume_backwards"] == 1
    assert bar_of(built.take_minutes()[1]) == (100.0, 100.0, 100.0, 100.0, 150)


def test_an_older_tick_fits_where_the_oldest_trade_told_no_volume() -> None:
    built = builder()
    built.add(ticks_of([(10, 100.0, -1), (30, 101.0, 80), (20, 103.0, 60)]))

    assert bar_of(first_minute(built)) == (100.0, 103.0, 100.0, 101.0, 80)


def test_pre_open_trades_may_come_late() -> None:
    built = builder()
    built.add(ticks_of([(-180, 98.0, 500), (-190, 97.0, 400), (10, 100.0, 530)]))

    assert bar_of(first_minute(built))[4] == 30
    assert built.counts["outside_session"] == 2


def test_a_trade_exactly_five_seconds_ahead_is_still_taken() -> None:
    built = builder()
    built.add(one_tick(20, recv_ns=at(15)))

    assert built.counts["merged"] == 1


def test_a_rejected_tick_of_a_later_minute_does_not_close_the_minute_before_it() -> None:
    built = builder()
    built.add(ticks_of([(10, 100.0, 100), (61, 100.0, 90), (59, 102.0, 110)]))

    assert bar_of(first_minute(built)) == (100.0, 102.0, 100.0, 102.0, 110)


def test_pre_open_and_auction_trades_are_counted_apart_and_only_move_the_days_volume() -> None:
    built = builder([AUCTION])
    built.add(ticks_of([(-180, 98.0, 500), (10, 100.0, 530)]))
    auction_s = (AUCTION.close_ns - OPEN_NS) / SECOND_NS + 600
    built.add(ticks_of([(auction_s, 130.0, 9_000)]))
    minutes = built.take_minutes()

    assert built.counts["outside_session"] == 2
    assert bar_of(minutes[0]) == (100.0, 100.0, 100.0, 100.0, 30)
    assert len(minutes) == AUCTION.minutes
    assert all(len(minute.bars) == 0 for minute in minutes[1:])


def test_every_tick_is_counted_exactly_once_and_per_instrument() -> None:
    built = builder([CASH, CASH])
    built.add(ticks_of([(1, 100.0, 1), (1, 100.0, 1), (-1, 9.0, 1)], instrument=1))
    built.add(ticks_of([(1, 100.0, 1)], instrument=9))

    assert built.counts_by_instrument.sum(axis=1).tolist() == [0, 3, 1]
    assert sum(built.counts.values()) == 4


# --- against a plain re-statement ----------------------------------------------------------------


@st.composite
def tapes(draw: st.DrawFn) -> list[Trade]:
    """(instrument, seconds, price, volume) of two instruments in order of exchange time."""
    rows = []
    for instrument in (0, 1):
        times = sorted(draw(st.lists(st.integers(0, 6_000), max_size=25)))
        volume = 0
        for tenths in times:
            volume += draw(st.integers(1, 50))
            price = draw(st.integers(1_900, 2_100)) / 20
            rows.append((instrument, tenths / 10, price, volume))
    return sorted(rows, key=lambda row: row[1])


def plain_bars(
    tape: list[Trade],
) -> Bars:
    """Bars by (minute, instrument) from a sorted tape, the way one would explain it."""
    grouped: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for instrument, after_s, price, volume in tape:
        grouped.setdefault((int(after_s // 60), instrument), []).append((price, volume))
    bars: Bars = {}
    seen = {0: 0, 1: 0}
    for (minute, instrument), trades in sorted(grouped.items()):
        prices = [price for price, _ in trades]
        volume = trades[-1][1] - seen[instrument]
        seen[instrument] = trades[-1][1]
        bars[minute, instrument] = (prices[0], max(prices), min(prices), prices[-1], volume)
    return bars


def built_bars(built: BarBuilder) -> Bars:
    return {
        (minute.close_ns // MINUTE_NS - OPEN_NS // MINUTE_NS - 1, int(bar.instrument)): (
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
        )
        for minute in built.take_minutes()
        for bar in minute.bars
    }


def fed(tape: list[Trade]) -> BarBuilder:
    built = builder([CASH, CASH])
    for instrument, after_s, price, volume in tape:
        built.add(ticks_of([(after_s, price, volume)], instrument=instrument))
    built.end_session()
    return built


@given(tapes())
def test_bars_equal_those_of_the_plain_rules(tape: list[Trade]) -> None:
    assert built_bars(fed(tape)) == plain_bars(tape)


@given(tapes(), st.integers(0, 2**32))
def test_the_order_of_arrival_inside_a_minute_changes_no_bar(tape: list[Trade], seed: int) -> None:
    rng = np.random.default_rng(seed)
    by_minute = sorted(tape, key=lambda row: (row[1] // 60, rng.random()))

    built = fed(by_minute)

    assert built_bars(built) == plain_bars(tape)
    assert built.counts["volume_backwards"] == 0


@given(tapes(), st.integers(1, 9))
def test_the_size_of_batches_changes_no_bar(tape: list[Trade], size: int) -> None:
    parts = [ticks_of([(s, p, v)], instrument=i) for i, s, p, v in tape]
    ticks = np.concatenate([np.zeros(0, TICK), *parts])
    built = builder([CASH, CASH])
    for first in range(0, len(ticks), size):
        built.add(ticks[first : first + size])
    built.end_session()

    assert built_bars(built) == plain_bars(tape)
