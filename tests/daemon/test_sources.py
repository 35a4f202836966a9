"""Where a day comes from: which day is next, what warms it up, which clock it keeps."""

import math
from dataclasses import replace

import numpy as np
import pytest

from core.errors import ConfigError, DataError
from core.session import MINUTE_NS, SECOND_NS, parse_day
from core.types import NEVER_NS, SessionClass
from daemon.clocks import VirtualClock
from daemon.sources import (
    LEAD_NS,
    ReplaySource,
    SyntheticSource,
    chosen_instruments,
    classes_of,
    groups_of,
    live_open_ns,
    paced_clock,
)
from providers.live import DayFrame, day_frame
from providers.synthetic_market import default_instruments
from stores.memory import MemoryMarketStore
from tests.daemon.days import replay_plan, synthetic_plan
from tests.datasets import MARKETS, generated, request_on
from tests.market import at
from tests.virtual_loop import VirtualLoop, run_virtual

WEEK = MARKETS["week"][0]
FIRST = parse_day("2026-07-27")


def replay_source(market: str = "week", to_day: int | None = None) -> ReplaySource:
    source = replay_plan(request_on(generated(market, seed=2), to_day=to_day)).source
    assert isinstance(source, ReplaySource)
    return source


def synthetic_source(history_sessions: int = 2) -> SyntheticSource:
    source = synthetic_plan(history_sessions=history_sessions).source
    assert isinstance(source, SyntheticSource)
    return source


def frame_of(source: ReplaySource | SyntheticSource, day: int) -> DayFrame:
    return day_frame(day, source.sessions(day), synthetic_plan().terms, MINUTE_NS)


# --- instruments -------------------------------------------------------------------------------


def test_instruments_are_named_by_symbol_key_or_both_and_the_watched_ones_come_last() -> None:
    reliance, tatapower, *_ = default_instruments(2)
    both = f"{reliance.symbol}={reliance.id}"

    chosen = chosen_instruments([both], [tatapower.id])

    assert (reliance, replace(tatapower, is_watched=True)) == chosen
    assert (reliance, tatapower) == chosen_instruments([])


@pytest.mark.parametrize(
    ("symbols", "watch", "told"),
    [
        (["RELIANCE=NSE_EQ|INE245A01021"], [], "unknown symbol RELIANCE="),
        (["RELIANCE"], ["NOPE"], "unknown symbol NOPE"),
        (["RELIANCE"], ["RELIANCE"], "RELIANCE .* is named twice"),
    ],
)
def test_a_pair_that_is_none_and_an_instrument_named_twice_are_refused(
    symbols: list[str], watch: list[str], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        chosen_instruments(symbols, watch)


# --- days --------------------------------------------------------------------------------------


def test_the_first_generated_day_and_those_after_it_skip_weekends() -> None:
    source = synthetic_source()

    assert source.next_day(-1) == FIRST
    assert source.next_day(parse_day("2026-07-31")) == parse_day("2026-08-03")


@pytest.mark.parametrize(
    ("now", "after", "day"),
    [
        ("2026-10-01T08:00", "2026-09-30", "2026-10-01"),  # before the open
        ("2026-10-01T11:00", "2026-09-30", "2026-10-01"),  # and in the middle of the session
        ("2026-10-01T15:30", "2026-09-30", "2026-10-05"),  # at the close; the 2nd is a holiday
        ("2026-10-01T15:30", "2026-10-01", "2026-10-05"),
        ("2026-10-03T11:00", "2026-10-01", "2026-10-05"),
        ("2026-10-01T08:00", "2026-10-01", "2026-10-05"),  # its day was closed already
    ],
)
def test_by_the_hosts_calendar_the_next_day_is_the_first_that_is_not_over(
    now: str, after: str, day: str
) -> None:
    date, _, clock = now.partition("T")
    host = VirtualClock(at(clock, parse_day(date)))
    source = synthetic_plan(host=host).source
    assert isinstance(source, SyntheticSource)

    assert parse_day(day) == source.next_day(parse_day(after))
    assert source.is_live
    assert source.clock(frame_of(source, parse_day(day)), 0) is host


def test_the_days_of_a_replay_are_those_of_its_data_in_order() -> None:
    source = replay_source()

    assert source.days == WEEK
    assert [source.next_day(day) for day in (-1, *WEEK[:-1])] == WEEK
    with pytest.raises(DataError, match="no day after 2026-07-24"):
        source.next_day(WEEK[-1])


def test_days_behind_the_span_are_not_there() -> None:
    assert replay_source(to_day=WEEK[2]).days == WEEK[:3]


def test_only_data_of_a_market_that_never_closes_ends_within_a_day() -> None:
    always, week = replay_source("24x7"), replay_source()
    last_bar_ns = int(generated("24x7", seed=2).bars["open_ns"][-1])

    assert always.end_ns(always.days[-1]) == last_bar_ns + MINUTE_NS
    assert always.end_ns(always.days[0]) == NEVER_NS
    assert week.end_ns(WEEK[-1]) == NEVER_NS
    assert synthetic_source().end_ns(FIRST) == NEVER_NS


def test_a_source_is_known_by_what_it_plays() -> None:
    assert replay_source().identity == replay_source(to_day=WEEK[2]).identity
    assert replay_source().identity != replay_source("24x7").identity
    assert synthetic_source().identity == "synthetic seed 1"


# --- history -----------------------------------------------------------------------------------


def test_every_earlier_bar_of_the_data_warms_a_replayed_day_up() -> None:
    source, dataset = replay_source(), generated("week", seed=2)
    spans = list(source.history(WEEK[2], MemoryMarketStore(source.instruments)))
    earlier = dataset.bars[dataset.bars["open_ns"] < at("09:15", WEEK[2])]

    assert np.array_equal(np.concatenate([span.bars for span in spans]), earlier)


def test_generated_history_is_stored_once_and_then_read_back() -> None:
    source = synthetic_source()
    store = MemoryMarketStore(source.instruments)
    first = [span.bars.copy() for span in source.history(FIRST, store)]
    stored = len(store.bars(0, NEVER_NS))
    second = [span.bars.copy() for span in source.history(FIRST, store)]

    assert stored == len(store.bars(0, NEVER_NS)) == sum(map(len, first)) > 700
    assert np.array_equal(np.concatenate(first), np.concatenate(second))


def test_an_instrument_that_is_new_gets_a_history_beside_a_stored_one() -> None:
    source = synthetic_plan(history_sessions=2, symbols=("INFY", "RELIANCE")).source
    fresh, store = (MemoryMarketStore(source.instruments) for _ in "ab")
    whole = np.concatenate([span.bars.copy() for span in source.history(FIRST, fresh)])
    store.append_bars(whole[whole["instrument"] == 1], "backfill")
    store.commit()

    now = np.concatenate([span.bars.copy() for span in source.history(FIRST, store)])
    assert now.tobytes() == whole.tobytes()
    assert len(store.bars(0, 2**62)) == len(whole)


def test_history_ends_before_the_day_although_the_day_has_begun() -> None:
    source = synthetic_source()
    store = MemoryMarketStore(source.instruments)
    list(source.history(FIRST, store))
    today = store.bars(0, NEVER_NS)[:1].copy()
    today["open_ns"] = at("09:15", FIRST)
    store.append_bars(today, "feed")
    store.commit()
    spans = list(source.history(FIRST, store))

    assert max(int(span.bars["open_ns"].max()) for span in spans) < at("09:15", FIRST)


# --- clock -------------------------------------------------------------------------------------


def test_a_day_begins_just_before_its_open_and_goes_on_where_it_was_left() -> None:
    frame = frame_of(synthetic_source(), FIRST)
    left_ns = frame.open_ns + 77 * MINUTE_NS

    assert paced_clock(frame, 0, math.inf).now_ns() == frame.open_ns - LEAD_NS
    assert paced_clock(frame, left_ns, math.inf).now_ns() == left_ns


@pytest.mark.parametrize(("speed", "seconds"), [(60.0, 10.0), (600.0, 1.0), (math.inf, 0.0)])
def test_a_paced_day_takes_its_time(speed: float, seconds: float) -> None:
    loop = VirtualLoop()
    frame = frame_of(synthetic_source(), FIRST)

    async def main() -> float:
        clock = VirtualClock(frame.open_ns, speed, loop.monotonic_ns)
        await clock.sleep_until(frame.open_ns + 600 * SECOND_NS)
        return loop.now_s

    assert run_virtual(loop, main()) == pytest.approx(seconds, abs=1e-3)


# --- instruments -------------------------------------------------------------------------------


def test_instruments_are_chosen_by_symbol_or_key_in_the_order_asked() -> None:
    a, b, c = default_instruments(3)

    assert chosen_instruments([c.symbol, a.id]) == (c, a)
    assert chosen_instruments([]) == (a, b)


def test_an_unknown_symbol_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown symbol RELIANC: .*did you mean RELIANCE"):
        chosen_instruments(["RELIANC"])


def test_instruments_of_one_class_share_a_session_group() -> None:
    instruments = replay_source("mixed auction").instruments

    assert classes_of(instruments) == [SessionClass.CASH, SessionClass.CASH_AUCTION]
    assert groups_of(instruments) == (0, 1, 0)


def test_a_date_without_a_session_is_refused() -> None:
    with pytest.raises(ConfigError, match="no session"):
        live_open_ns([None])
