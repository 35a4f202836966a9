"""Strategy bars come with the Minute that ends them, whole, and the same for any cut of the day."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from core.bars import Resampler
from core.session import MINUTE_NS
from core.types import MinuteSpan, Records, minute_of
from providers.resampling import ResamplingProvider
from tests.market import CASH, FIVE_MINUTES_NS, TWO_PART_DAY, at, flat, span_of


class GivenSpans:
    def __init__(self, given: Sequence[MinuteSpan]) -> None:
        self._given = given

    async def spans(self) -> AsyncIterator[MinuteSpan]:
        for span in self._given:
            yield span


def resampled(given: Sequence[MinuteSpan]) -> list[MinuteSpan]:
    provider = ResamplingProvider(GivenSpans(given), Resampler([FIVE_MINUTES_NS], MINUTE_NS, [0]))

    async def main() -> list[MinuteSpan]:
        return [span async for span in provider.spans()]

    return asyncio.run(main())


def one_by_one(span: MinuteSpan) -> list[MinuteSpan]:
    return [minute_of(span, index) for index in range(len(span.close_ns))]


def bars_of(spans: Sequence[MinuteSpan]) -> Records:
    """Their strategy bars; the Minute is a place in a span, so it differs by the cut."""
    bars = np.concatenate([span.strategy_bars for span in spans])
    bars["minute"] = 0
    return bars


@pytest.fixture(scope="module")
def day() -> MinuteSpan:
    """Two parts, and nothing traded from 09:20 to 09:30."""
    bars = [
        *flat("09:15", "09:20", day=TWO_PART_DAY),
        *flat("09:30", "10:00", 101.0, day=TWO_PART_DAY),
        *flat("11:30", "12:30", 102.0, day=TWO_PART_DAY),
    ]
    return span_of(bars, days=[TWO_PART_DAY], classes=(CASH,))


def test_a_day_minute_by_minute_gives_the_bars_of_the_whole_day(day: MinuteSpan) -> None:
    whole, pieces = resampled([day]), resampled(one_by_one(day))

    assert len(bars_of(whole)) == 1 + 6 + 12
    assert np.array_equal(bars_of(whole), bars_of(pieces))


def test_a_bar_comes_in_the_minute_that_ends_it_and_in_no_other(day: MinuteSpan) -> None:
    for span in resampled(one_by_one(day)):
        assert (span.strategy_bars["close_ns"] == span.close_ns[0]).all()


def test_a_bar_is_emitted_once_and_no_empty_one(day: MinuteSpan) -> None:
    opens = bars_of(resampled(one_by_one(day)))["open_ns"].tolist()

    assert opens == sorted(set(opens))
    assert at("09:20", TWO_PART_DAY) not in opens


def test_the_minutes_themselves_pass_unchanged(day: MinuteSpan) -> None:
    [span] = resampled([day])

    assert np.array_equal(span.bars, day.bars)
    assert np.array_equal(span.close_ns, day.close_ns)
