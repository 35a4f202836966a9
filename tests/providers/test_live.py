"""The frame of a day, and Minutes handed from ingest to trading through a bounded queue."""

import asyncio

import numpy as np
import pytest

from core.rules.fees import FeeProfile
from core.session import MINUTE_NS, parse_day, recorded_session
from core.types import BAR, SessionClass
from providers.live import MAX_WAITING_MINUTES, DayFrame, LiveProvider, day_frame
from providers.replay import ReplayProvider, SessionTerms
from tests.datasets import MARKETS, generated
from tests.market import ALWAYS_OPEN, AUCTION, AUCTION_DAY, CASH, DAY, TWO_PART_DAY, at

TERMS = SessionTerms(
    last_entry_minutes=45, square_off_minutes=20, fee_profile=FeeProfile.UPSTOX, fee_bps=0.0
)


def frame_of(day: int, *classes: SessionClass) -> DayFrame:
    return day_frame(day, [recorded_session(day, one) for one in classes], TERMS, MINUTE_NS)


@pytest.mark.parametrize(
    ("day", "classes", "minutes", "close"),
    [
        (DAY, (CASH,), 375, "15:30"),
        (AUCTION_DAY, (AUCTION,), 360, "15:15"),
        (AUCTION_DAY, (CASH, AUCTION), 375, "15:30"),
        (TWO_PART_DAY, (CASH,), 105, "12:30"),
        (parse_day("2023-11-12"), (CASH,), 60, "19:15"),
    ],
)
def test_a_day_has_the_minutes_of_the_union_of_its_sessions(
    day: int, classes: tuple[SessionClass, ...], minutes: int, close: str
) -> None:
    frame = frame_of(day, *classes)

    assert (frame.minutes, frame.close_ns) == (minutes, at(close, day))


def test_a_day_without_a_session_has_no_minutes() -> None:
    assert frame_of(parse_day("2026-07-25"), CASH).minutes == 0


def test_data_that_ends_within_a_day_ends_its_frame() -> None:
    session = recorded_session(DAY, ALWAYS_OPEN)
    assert session is not None
    end_ns = session.open_ns + 90 * MINUTE_NS
    frame = day_frame(DAY, [session], TERMS, MINUTE_NS, end_ns)

    assert (frame.minutes, frame.close_ns) == (90, end_ns)


@pytest.mark.parametrize("market", MARKETS)
def test_a_minute_of_a_frame_is_that_of_the_replay(market: str) -> None:
    """What a re-run builds from the ledger is what the replay gave."""
    replay = ReplayProvider(generated(market, seed=2), TERMS)
    for day in replay.days.tolist():
        sessions = [recorded_session(day, one) for one in replay.classes]
        frame = day_frame(day, sessions, TERMS, MINUTE_NS, replay.end_ns)
        [span] = replay.day_spans(day, day)
        assert len(span.close_ns) == frame.minutes
        for index in (0, len(span.close_ns) // 2, len(span.close_ns) - 1):
            bars = span.bars[span.first_bar[index] : span.first_bar[index + 1]]
            own = frame.span(int(span.close_ns[index]), bars)

            assert own.sessions.tobytes() == span.sessions[span.day_index[index]].tobytes()
            assert own.rules.tobytes() == span.rules[span.day_index[index]].tobytes()
            assert own.first_bar.tolist() == [0, len(bars)]


def test_minutes_are_read_in_the_order_published_and_end_with_close() -> None:
    async def main() -> list[int]:
        live, frame = LiveProvider(), frame_of(DAY, CASH)
        for minute in range(3):
            await live.publish(frame.span(at("09:16") + minute * MINUTE_NS, np.zeros(0, BAR)))
        await live.close()
        return [int(span.close_ns[0]) async for span in live.spans()]

    assert asyncio.run(main()) == [at("09:16"), at("09:17"), at("09:18")]


def test_who_publishes_waits_while_too_many_minutes_are_waiting() -> None:
    async def main() -> tuple[bool, bool]:
        live, frame = LiveProvider(), frame_of(DAY, CASH)
        span = frame.span(at("09:16"), np.zeros(0, BAR))
        for _ in range(MAX_WAITING_MINUTES):
            await live.publish(span)
        one_more = asyncio.create_task(live.publish(span))
        await asyncio.sleep(0)
        waited = not one_more.done()
        await anext(aiter(live.spans()))
        await one_more
        return waited, one_more.done()

    assert asyncio.run(main()) == (True, True)
