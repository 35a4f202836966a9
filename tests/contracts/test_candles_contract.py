"""What every broker of candles promises, asked of each at a moment of a known day."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from core.ports import Candles, Clock
from core.session import MINUTE_NS, live_session
from core.types import Records
from daemon.clocks import VirtualClock
from providers.candles import KnownCandles
from providers.live import day_frame
from providers.synthetic import SyntheticFeed
from tests.contracts.test_feed_contract import DAY, INSTRUMENTS
from tests.daemon.days import synthetic_plan

SESSION = live_session(DAY, INSTRUMENTS[0].session_class)
assert SESSION is not None
NOON_NS = SESSION.open_ns + 165 * MINUTE_NS
BARS = SyntheticFeed(7, DAY, VirtualClock(0)).bars(INSTRUMENTS)


def of_the_synthetic_source(clock: Clock) -> Candles:
    plan = synthetic_plan(seed=7, symbols=[one.symbol for one in INSTRUMENTS])
    candles = plan.source.candles(day_frame(DAY, [SESSION], plan.terms, MINUTE_NS), clock)
    assert candles is not None
    return candles


BROKERS: dict[str, Callable[[Clock], Candles]] = {
    "known": lambda clock: KnownCandles(clock, lambda: BARS[::-1]),
    "synthetic": of_the_synthetic_source,
}


@pytest.fixture(params=BROKERS)
def candles(request: pytest.FixtureRequest) -> Candles:
    return BROKERS[request.param](VirtualClock(NOON_NS))


def bars_until(now_ns: int, instrument: int) -> Records:
    own = BARS[BARS["instrument"] == instrument]
    return own[own["open_ns"] + MINUTE_NS <= now_ns]


def test_a_day_so_far_ends_with_the_last_completed_minute(candles: Candles) -> None:
    day = asyncio.run(candles.day(1))

    assert np.array_equal(day, bars_until(NOON_NS, 1))
    assert len(day) > 100


def test_the_last_minute_is_that_of_each_instrument_asked_for(candles: Candles) -> None:
    last = asyncio.run(candles.last_minute([2, 0]))

    assert sorted(last["instrument"].tolist()) == [0, 2]
    assert all(row == bars_until(NOON_NS, int(row["instrument"]))[-1] for row in last)


def test_before_the_first_minute_is_over_there_is_none() -> None:
    for make in BROKERS.values():
        candles = make(VirtualClock(SESSION.open_ns + MINUTE_NS - 1))

        assert len(asyncio.run(candles.day(0))) == 0
        assert len(asyncio.run(candles.last_minute([0, 1, 2]))) == 0


def test_nobody_is_asked_for_nothing(candles: Candles) -> None:
    assert len(asyncio.run(candles.last_minute([]))) == 0


def test_more_instruments_than_a_request_holds_are_a_bug(candles: Candles) -> None:
    with pytest.raises(ValueError, match="501 instruments in one request over 500"):
        asyncio.run(candles.last_minute(range(501)))
