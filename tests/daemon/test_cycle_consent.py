"""Real days in one process: each waits for its own consent, and none is traded without."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from core.ports import EventKind
from core.session import MINUTE_NS, day_text
from core.types import TradingState
from daemon.bootstrap import Daemon
from daemon.consent.confirmation import Terms, confirm
from daemon.consent.consent import Consent
from daemon.cycle import Cycle
from daemon.doctor import Check, ok
from daemon.lock import StateLock
from daemon.schedule import Moment
from stores.market import DuckMarketStore
from stores.owner import InlineOwner
from tests.consenting import TYPED_NS
from tests.daemon.days import recorded
from tests.daemon.test_cycle import WEEK, week
from tests.virtual_loop import VirtualLoop, run_virtual

TERMS = Terms(account="AB1234", exchange="replayed", day="", setup="f" * 16)
HALF_HOUR_S = 30.0  # of the loop's


class LoopDriver:
    """Time that goes on while a day waits, a minute of it in a second of the loop's."""

    def __init__(self) -> None:
        self._reached_ns = 0
        self._at_s = 0.0

    def now_ns(self) -> int:
        waited_s = asyncio.get_running_loop().time() - self._at_s
        return self._reached_ns + round(waited_s * MINUTE_NS)

    async def reach(self, moment: Moment) -> None:
        self._reached_ns = max(self.now_ns(), moment.when_ns)
        self._at_s = asyncio.get_running_loop().time()

    def close(self) -> None:
        """Nothing is held."""


def lived(directory: Path, *confirmed: int, later: Iterable[int] = (), days: int = 2) -> Daemon:
    """Days of a process; those `later` are confirmed after half an hour."""

    async def main() -> Daemon:
        daemon = Daemon(
            week(),
            directory,
            ledger_owner=InlineOwner(),
            store_owner=InlineOwner(),
            open_store=DuckMarketStore,
        )
        consent = Consent(directory, terms_of, sound, [], daemon.standing, daemon.source.touch)
        loop = asyncio.get_running_loop()
        for day in later:
            loop.call_later(HALF_HOUR_S, typed, directory, day)
        cycle = Cycle(daemon, LoopDriver(), examine=lambda now_ns: [], days=days, consent=consent)
        with StateLock(directory):
            try:
                await daemon.open()
                day = await daemon.choose_day(WEEK[1])
                assert day is not None
                daemon.prepare(day)
                await cycle.run(day, asyncio.Event())
            finally:
                await daemon.close()
        return daemon

    for day in confirmed:
        typed(directory, day)
    ended: Daemon = run_virtual(VirtualLoop(), main())
    return ended


async def sound(now_ns: int) -> list[Check]:
    return [ok("disk", "enough")]


def terms_of(day: int) -> Terms:
    return replace(TERMS, day=day_text(day))


def typed(directory: Path, day: int) -> None:
    confirm(directory, terms_of(day), terms_of(day).sentence, TYPED_NS, "trader")


def traded(directory: Path) -> list[object]:
    return [event.payload["day"] for event in recorded(directory, [EventKind.DAY_OPENED])]


def test_the_next_day_begins_when_it_is_confirmed(tmp_path: Path) -> None:
    daemon = lived(tmp_path, WEEK[1], later=[WEEK[2]])

    assert [WEEK[1], WEEK[2]] == traded(tmp_path)
    assert daemon.standing.waiting_for is None
    assert daemon.floor is not None
    assert TradingState.ACTIVE is daemon.floor.main.state


def test_a_day_that_nobody_confirms_is_never_traded_and_the_next_one_can_be(
    tmp_path: Path,
) -> None:
    lived(tmp_path, WEEK[2], days=2)  # the first is WEEK[1], and waits to its close

    assert [WEEK[2]] == traded(tmp_path)
