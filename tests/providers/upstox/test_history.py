"""The broker's history: asked by months within the limits, tried again, and judged row by row."""

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from core.errors import BrokerError, ConnectionLost, ProtocolViolation, TooFast
from core.session import at_ist, day_text, days_of, parse_day
from core.types import BAR, Instrument, InstrumentId, Records, SessionClass
from providers.upstox.history import (
    FIRST_DAY,
    MAX_TRIES,
    MAX_TRIES_TOO_FAST,
    Chunk,
    Fetched,
    UpstoxHistory,
    chunks,
    least_s,
    sessions_between,
)
from providers.upstox.rest import RateWindows, UpstoxRest
from sandbox.accounts import Accounts
from sandbox.market.universe import SHARES
from sandbox.server import Sandbox
from tests.sandbox.markets import DAY, WORLD, HandClock, exchange_by

CASH, AUCTION = SessionClass.CASH, SessionClass.CASH_AUCTION
SHARE = Instrument(InstrumentId(SHARES[0].key), SHARES[0].symbol, AUCTION)


def days(*texts: str) -> list[int]:
    return [parse_day(text) for text in texts]


# --- what is asked -------------------------------------------------------------------------------


def test_days_with_a_session_are_asked_from_2022_on() -> None:
    assert parse_day("2022-01-03") == min(sessions_between(0, FIRST_DAY + 5, CASH))
    week = sessions_between(*days("2026-09-11", "2026-09-16"), CASH)

    assert days("2026-09-11", "2026-09-15", "2026-09-16") == list(week)  # a weekend, and a holiday
    assert days("2024-01-20") == list(sessions_between(*days("2024-01-20", "2024-01-21"), CASH))


def test_a_request_spans_at_most_a_month_by_every_reading() -> None:
    wanted = range(*days("2022-01-31", "2022-06-01"))
    spans = [(day_text(one.from_day), day_text(one.to_day)) for one in chunks({0: wanted})]

    assert [
        ("2022-01-31", "2022-02-27"),
        ("2022-02-28", "2022-03-27"),
        ("2022-03-28", "2022-04-27"),
        ("2022-04-28", "2022-05-27"),
        ("2022-05-28", "2022-05-31"),
    ] == spans


def test_only_what_is_missing_is_asked_oldest_first() -> None:
    may = days("2026-05-04", "2026-05-20")

    assert [
        Chunk(1, may[0], may[0], (may[0],)),
        Chunk(0, may[1], may[1] + 1, (may[1], may[1] + 1)),
        Chunk(0, may[1] + 40, may[1] + 40, (may[1] + 40,)),
    ] == chunks({0: [may[1] + 40, may[1] + 1, may[1]], 1: [may[0]], 2: []})


def test_the_half_hour_says_how_long_many_requests_take() -> None:
    assert 0 == least_s(45)
    assert 1 == least_s(46)
    assert 1_800 + 60 + 3 == least_s(2_400)  # 50 symbols, four years
    assert 3 * 1_800 + 60 + 3 == least_s(6_000)  # 2,000 instruments, 60 sessions


# --- what is answered ----------------------------------------------------------------------------


class Told:
    """A broker that answers what it was told to, one after the other; the last one for ever."""

    def __init__(self, *answers: Records | BrokerError) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def historical(self, key: str, from_day: int, to_day: int) -> tuple[Records, int]:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BrokerError):
            raise answer
        return answer, 0


def bars_at(*moments: int) -> Records:
    bars = np.zeros(len(moments), BAR)
    bars["open_ns"] = moments
    return bars


def fetched(
    told: Told, *wanted: int, until: int = 0, slept: list[float] | None = None
) -> tuple[Fetched, UpstoxHistory]:
    async def sleep(seconds: float) -> None:
        if slept is not None:
            slept.append(seconds)

    history = UpstoxHistory(told, [SHARE, SHARE], sleep=sleep)
    chunk = Chunk(1, wanted[0], max(wanted[-1], until), wanted)
    return asyncio.run(history.fetch(chunk)), history


def test_rows_are_parted_by_session_and_those_of_no_day_asked_are_none_of_ours() -> None:
    friday, monday = DAY - 5, DAY - 2  # the closing auction's first week
    told = Told(
        bars_at(
            at_ist(friday - 1, "15:29"),  # before the span
            at_ist(friday, "09:14"),
            at_ist(friday, "09:15"),
            at_ist(friday + 1, "11:00"),  # a Saturday
            at_ist(monday, "15:14"),
            at_ist(monday, "15:15"),  # the auction
            at_ist(monday + 1, "10:00"),  # held already
            at_ist(DAY, "10:00"),  # behind the span
        )
    )
    one, _ = fetched(told, friday, monday, until=monday + 1)

    assert [at_ist(friday, "09:15"), at_ist(monday, "15:14")] == one.bars["open_ns"].tolist()
    assert [1, 1] == one.bars["instrument"].tolist()
    assert [
        at_ist(friday, "09:14"),
        at_ist(friday + 1, "11:00"),
        at_ist(monday, "15:15"),
    ] == one.outside["open_ns"].tolist()
    assert (2, ()) == (one.strays, one.quiet)


def test_an_empty_answer_is_an_answer() -> None:
    told = Told(bars_at())

    one, history = fetched(told, DAY - 2, DAY - 1)

    assert ((DAY - 2, DAY - 1), 0) == (one.quiet, history.retried)


def test_a_broker_that_is_away_is_asked_again_later_and_later() -> None:
    slept: list[float] = []
    away, page = ConnectionLost("HTTP 502"), ProtocolViolation("HTTP 200, and no JSON")
    told = Told(away, page, away, bars_at(at_ist(DAY - 1, "10:00")))

    one, history = fetched(told, DAY - 1, slept=slept)

    assert 3 == history.retried
    for seconds, mean in zip(slept, (1.0, 2.0, 4.0), strict=True):
        assert mean / 2 <= seconds < 1.5 * mean
    assert 1 == len(one.bars)


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (ConnectionLost("away"), MAX_TRIES),
        (TooFast("429"), MAX_TRIES_TOO_FAST),
        (BrokerError("UDAPI100011"), 1),
    ],
)
def test_every_error_has_an_end(error: BrokerError, tries: int) -> None:
    slept: list[float] = []
    told = Told(error)

    with pytest.raises(type(error)):
        fetched(told, DAY - 1, slept=slept)

    assert tries == told.asked
    assert tries < MAX_TRIES_TOO_FAST or sum(slept) > 1_800  # longer than the longest window


# --- against the local exchange -----------------------------------------------------------------


def run(test: Callable[[UpstoxHistory, Sandbox], Awaitable[None]]) -> None:
    """Asked and counted in a time that only waiting moves."""
    now_s = [0.0]

    async def sleep(seconds: float) -> None:
        now_s[0] += seconds

    async def main() -> None:
        clock = HandClock(at_ist(DAY, "12:00"))
        sandbox = Sandbox(
            exchange_by(clock), Accounts(None, clock.now_ns()), now_s=lambda: now_s[0]
        )
        windows = RateWindows(now_s=lambda: now_s[0], sleep=sleep)
        rest = UpstoxRest(lambda: "", address=await sandbox.start(), windows=windows)
        try:
            await test(UpstoxHistory(rest, [SHARE], sleep=sleep), sandbox)
        finally:
            await rest.close()
            await sandbox.stop()

    asyncio.run(main())


def test_history_is_the_candles_of_the_exchange_without_a_token() -> None:
    async def test(history: UpstoxHistory, _: Sandbox) -> None:
        wanted = list(sessions_between(DAY - 40, DAY - 1, AUCTION))
        asked = chunks({0: wanted})
        found = [one async for one in history.each(asked)]
        bars = np.concatenate([one.bars for one in found])
        known = [WORLD.tape(SHARES[0], day).candles() for day in wanted]

        assert asked == [one.chunk for one in found]
        assert wanted == np.unique(days_of(bars["open_ns"], AUCTION)).tolist()
        for name in ("open", "high", "low", "close", "volume"):
            told = np.concatenate([getattr(candles, name) for candles in known])
            assert told.tolist() == bars[name].tolist()
        opens = np.concatenate([candles.open_ms for candles in known])
        assert opens.tolist() == (bars["open_ns"] // 1_000_000).tolist()
        assert 0 == sum(one.refused + one.strays + len(one.outside) for one in found)

    run(test)


def test_the_running_day_is_no_history() -> None:
    async def test(history: UpstoxHistory, _: Sandbox) -> None:
        assert (DAY,) == (await history.fetch(Chunk(0, DAY, DAY, (DAY,)))).quiet

    run(test)


def test_a_question_over_the_cap_would_be_refused() -> None:
    async def test(history: UpstoxHistory, _: Sandbox) -> None:
        with pytest.raises(BrokerError, match="UDAPI1148"):
            await history.fetch(Chunk(0, DAY - 33, DAY - 1, (DAY - 33, DAY - 1)))

    run(test)


def test_asked_at_once_the_limits_are_kept() -> None:
    async def test(history: UpstoxHistory, _: Sandbox) -> None:
        asked = [Chunk(0, DAY, DAY, (DAY,))] * 110

        assert 110 == len([one async for one in history.each(asked)])
        assert 0 == history.retried

    run(test)
