"""The history before a day: asked until it is told, compared, and made anew where it is doubted."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from core.errors import AuthExpired, BrokerError, ConnectionLost
from core.session import parse_day
from core.types import Records
from daemon.upstox.warm_up import WarmUp
from providers.upstox.history import MAX_TRIES, sessions_between
from stores.memory import MemoryMarketStore
from stores.owner import InlineOwner
from tests.daemon.backfilling import CASH, SHARES, Known, day_bars
from tests.virtual_loop import VirtualLoop, run_virtual

FIRST, LAST = parse_day("2026-06-01"), parse_day("2026-06-12")
DAYS = list(sessions_between(FIRST, LAST, CASH))


class Away(Known):
    """Not there for its first questions."""

    def __init__(self, error: BrokerError, questions: int) -> None:
        super().__init__()
        self._error = error
        self._questions = questions

    async def historical(self, key: str, from_day: int, to_day: int) -> tuple[Records, int]:
        if self._questions > 0:
            self._questions -= 1
            raise self._error
        return await super().historical(key, from_day, to_day)


class Mornings:
    """One store and what the log says; time is virtual."""

    def __init__(self, directory: Path | None = None) -> None:
        self.store = MemoryMarketStore(SHARES)
        self.directory = directory
        self.log: list[Any] = []

    def warmed(
        self, broker: Known, to_day: int = LAST, doubted: frozenset[int] = frozenset()
    ) -> frozenset[int]:
        days = [day for day in DAYS if day <= to_day]
        warm_up = WarmUp(broker, self.directory)
        with capture_logs() as logged:
            found: frozenset[int] = run_virtual(
                VirtualLoop(), warm_up.fetch(SHARES, days, self.store, InlineOwner(), doubted)
            )
        self.log = list(logged)
        return found

    def said(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.log if one["event"] == event]


def test_the_first_morning_brings_every_session_and_the_next_one_the_last() -> None:
    mornings, broker = Mornings(), Known()
    first = mornings.warmed(broker, LAST - 1)
    asked = len(broker.asked)
    second = mornings.warmed(broker)

    assert (frozenset(range(3)), frozenset()) == (first, second)
    assert 3 == asked
    assert [(one.symbol, LAST - 1, LAST) for one in SHARES] == broker.asked[asked:]
    assert [set(DAYS)] * 3 == mornings.store.held_days("backfill")
    [told] = mornings.said("history_fetched")
    assert (6, 12, 6 * 373) == (told["days"], told["bars"], told["missing"])
    assert [] == mornings.said("history_differs")


def test_bars_of_our_own_become_what_the_broker_says_and_it_is_told() -> None:
    mornings = Mornings()
    mornings.warmed(Known(), LAST - 1)
    ours = day_bars(2, LAST)
    ours["volume"][0] = 9
    mornings.store.append_bars(ours, "feed")
    mornings.store.commit()
    mornings.warmed(Known())

    [told] = mornings.said("history_differs")
    assert (1, 0, 0) == (told["minutes"], told["only_ours"], told["only_theirs"])
    assert told["first"].endswith("volume 9 is 10")
    bars = mornings.store.bars(int(ours["open_ns"][0]), 2**62, 2)
    assert day_bars(2, LAST).tolist() == bars.tolist()


@pytest.mark.parametrize(
    "error", [ConnectionLost("HTTP 502"), AuthExpired("no access token: run `tradingd login`")]
)
def test_a_history_that_is_not_told_is_asked_for_until_it_is(error: BrokerError) -> None:
    mornings = Mornings()

    assert frozenset(range(3)) == mornings.warmed(Away(error, 20 * MAX_TRIES))
    assert str(error) == mornings.said("history_failed")[0]["reason"]
    assert [set(DAYS)] * 3 == mornings.store.held_days("backfill")


def test_a_comparison_alone_does_not_hold_the_day_up() -> None:
    mornings = Mornings()
    mornings.warmed(Known(), LAST - 1)
    for number in range(3):
        mornings.store.append_bars(day_bars(number, LAST), "feed")
    mornings.store.commit()
    ended = AuthExpired("the access token ended: run `tradingd login`")

    assert frozenset() == mornings.warmed(Away(ended, 10**9))
    assert [str(ended)] == [one["reason"] for one in mornings.said("history_not_compared")]
    assert [] == mornings.said("history_failed")


def test_what_is_doubted_is_made_anew_also_if_the_broker_was_away(tmp_path: Path) -> None:
    mornings = Mornings(tmp_path)
    mornings.warmed(Known())
    broker = Away(ConnectionLost("HTTP 502"), 4 * MAX_TRIES)

    assert frozenset({1}) == mornings.warmed(broker, doubted=frozenset({1}))
    assert ("S1", DAYS[0], LAST) in broker.asked
    assert ("S0", LAST, LAST) in broker.asked


def test_another_price_than_the_brokers_is_told_with_its_factor() -> None:
    mornings = Mornings()
    mornings.warmed(Known())

    def split(number: int, day: int) -> Records:
        return day_bars(number, day, price=20.0 if number == 0 else 100.0)

    assert frozenset({0}) == mornings.warmed(Known(split))
    [told] = mornings.said("history_renewed")
    assert ("S0", pytest.approx(0.2, abs=1e-3)) == (told["instrument"], told["factor"])
    assert 20.0 == mornings.store.bars(0, 2**62, 0)["close"][0]


def test_stopped_while_it_is_asked_nothing_is_left_under_way() -> None:
    async def main() -> int:
        store = MemoryMarketStore(SHARES)
        away = Away(ConnectionLost("HTTP 502"), 10**9)
        asking = asyncio.create_task(WarmUp(away).fetch(SHARES, DAYS, store, InlineOwner()))
        await asyncio.sleep(100)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return len(asyncio.all_tasks())

    with capture_logs():
        assert 1 == run_virtual(VirtualLoop(), main())
