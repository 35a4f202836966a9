"""What every BarProvider promises: every Minute, in order, each once, with its own bars."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from core.bars import Resampler
from core.ports import BarProvider
from core.session import MINUTE_NS
from core.types import MinuteSpan, minute_of
from providers.live import LiveProvider
from providers.replay import ReplayProvider
from providers.resampling import ResamplingProvider
from tests.daemon.days import replay_plan
from tests.datasets import MARKETS, generated, request_on
from tests.market import FIVE_MINUTES_NS

Maker = Callable[[ReplayProvider], BarProvider]


class Published:
    """A LiveProvider together with somebody who publishes the Minutes of a replay in it."""

    def __init__(self, replay: ReplayProvider) -> None:
        self._replay = replay

    async def spans(self):  # type: ignore[no-untyped-def]
        live = LiveProvider()

        async def publish() -> None:
            for span in self._replay.day_spans():
                for index in range(len(span.close_ns)):
                    await live.publish(minute_of(span, index))
            await live.close()

        publishing = asyncio.create_task(publish())
        async for span in live.spans():
            yield span
        await publishing


def resampled(inner: BarProvider, replay: ReplayProvider) -> BarProvider:
    return ResamplingProvider(inner, Resampler([FIVE_MINUTES_NS], MINUTE_NS, replay.groups))


PROVIDERS: dict[str, Maker] = {
    "replay": lambda replay: replay,
    "live": Published,
    "resampled replay": lambda replay: resampled(replay, replay),
    "resampled live": lambda replay: resampled(Published(replay), replay),
}


@pytest.fixture(params=MARKETS)
def replay(request: pytest.FixtureRequest) -> ReplayProvider:
    asked = request_on(generated(request.param, seed=3))
    return ReplayProvider(asked.dataset, replay_plan(asked).terms)


@pytest.fixture(params=PROVIDERS)
def spans(request: pytest.FixtureRequest, replay: ReplayProvider) -> list[MinuteSpan]:
    provider = PROVIDERS[request.param](replay)

    async def main() -> list[MinuteSpan]:
        return [span async for span in provider.spans()]

    return asyncio.run(main())


def test_minutes_come_in_order_each_once(spans: list[MinuteSpan]) -> None:
    closes = np.concatenate([span.close_ns for span in spans])

    assert len(closes) > 375
    assert (np.diff(closes) > 0).all()


def test_no_bar_is_lost_repeated_or_in_another_minute(
    spans: list[MinuteSpan], replay: ReplayProvider
) -> None:
    for span in spans:
        minute = np.repeat(np.arange(len(span.close_ns)), np.diff(span.first_bar))
        assert (span.bars["open_ns"] + MINUTE_NS == span.close_ns[minute]).all()
        keys = list(zip(minute.tolist(), span.bars["instrument"].tolist(), strict=True))
        assert keys == sorted(set(keys))
    together = np.concatenate([span.bars for span in spans])
    assert np.array_equal(together, replay.dataset.bars)


def test_every_minute_knows_its_session_and_charges(spans: list[MinuteSpan]) -> None:
    for span in spans:
        session = span.sessions[span.day_index]
        opens, closes = session["part_open_ns"][:, :, 0], session["close_ns"]

        assert (opens.min(axis=1) < span.close_ns).all()
        assert (span.close_ns <= closes.max(axis=1)).all()
        assert len(span.rules) == len(span.sessions)


def test_all_providers_say_the_same(spans: list[MinuteSpan], replay: ReplayProvider) -> None:
    def minutes(given: list[MinuteSpan]) -> list[bytes]:
        return [
            b"|".join(part.tobytes() for part in (one.close_ns, one.bars, one.rules))
            for span in given
            for one in (minute_of(span, index) for index in range(len(span.close_ns)))
        ]

    assert minutes(spans) == minutes(list(replay.day_spans()))
