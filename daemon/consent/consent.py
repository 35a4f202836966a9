"""Whether a day may be traded with real orders: confirmed by a person, and ready.

Decides at the start, and again before each later day. Never lets a day begin that nobody confirmed,
and never asks twice for the same one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import structlog

from core.errors import BrokerError, ConfigError, NotReady
from core.session import MINUTE_NS
from daemon.consent.confirmation import Terms, lacks
from daemon.consent.readiness import OF_THE_BROKER, names_of, reds
from daemon.doctor import Check
from daemon.plan import Standing, masked

LOOK_EVERY_S = 1.0  # for a confirmation, of real time
EXAMINE_EVERY_S = 30.0  # again, what was not ready; of real time
GOOD_FOR_NS = 15 * MINUTE_NS  # what was looked at a moment ago need not be asked again

Examine = Callable[[int], Awaitable[list[Check]]]

log = structlog.get_logger()


class Consent:
    """Of one process in mode live.

    Args:
        terms_of: what has to be confirmed for a day.
        examine: every check of readiness at a moment, those of the broker included.
        lines: what a person is shown before typing.
        standing: what the page and `status` show; written here while a day waits. `touch` tells
            them that it has changed.
    """

    def __init__(
        self,
        directory: Path,
        terms_of: Callable[[int], Terms],
        examine: Examine,
        lines: Sequence[str],
        standing: Standing,
        touch: Callable[[], None] = lambda: None,
    ) -> None:
        self.directory = directory
        self.terms_of = terms_of
        self.lines = list(lines)
        self._examine = examine
        self._standing = standing
        self._touch = touch
        self._ready = (-1, 0)  # a day, and when all of its checks held

    def lacks(self, day: int) -> str:
        """Why `day` is not confirmed; "": it is. Shown from now on."""
        terms = self.terms_of(day)
        why = lacks(self.directory, terms)
        self._standing.consent = asdict(terms) | {"lacks": why, "lines": self.lines}
        return why

    async def require(self, day: int, now_ns: int, *, is_under_way: bool) -> list[Check]:
        """At the start of a process. Returns what failed and leaves exits possible.

        A day that is under way may hold positions: whoever is in the market must be able to leave
        it, so of its failures only a contradiction about the account refuses the start.

        Raises ConfigError without a confirmation; BrokerError, NotReady where it is refused.
        """
        if why := self.lacks(day):
            raise ConfigError(f"mode live: {why}")
        failed = reds(await self._examine(now_ns))
        if refused := [one for one in failed if not is_under_way or _is_another_account(one)]:
            self._standing.readiness = [str(one) for one in refused]
            names = names_of(refused)
            kind = BrokerError if OF_THE_BROKER & {one.name for one in refused} else NotReady
            raise kind(f"mode live is refused, not ready: {names}")
        if not failed:
            self._ready = (day, now_ns)
        return failed

    async def granted(
        self, day: int, now_ns: Callable[[], int], until_ns: int, stop: asyncio.Event
    ) -> bool:
        """Wait until `day` is confirmed and ready; False: it is over by then, or `stop` came."""
        said = unready = ""
        examine_in_s = 0.0
        while not stop.is_set() and now_ns() < until_ns:
            why = self.lacks(day)
            if not why and examine_in_s <= 0:
                unready = await self._unready(day, now_ns())
                examine_in_s = EXAMINE_EVERY_S
            why = why or unready
            if not why:
                return True
            if why != said:
                log.warning("live_day_waits", day=self.terms_of(day).day, reason=why)
                said = why
            self._standing.waiting_for = f"consent to real orders: {why}"
            self._touch()
            examine_in_s -= LOOK_EVERY_S
            try:
                await asyncio.wait_for(stop.wait(), LOOK_EVERY_S)
            except TimeoutError:
                continue
        if not stop.is_set():
            log.error("live_day_left_out", day=self.terms_of(day).day, reason=said)
        return False

    async def _unready(self, day: int, now_ns: int) -> str:
        """What is not ready, in one line; "": all is."""
        ready_day, at_ns = self._ready
        if ready_day == day and now_ns - at_ns < GOOD_FOR_NS:
            return ""
        failed = reds(await self._examine(now_ns))
        self._standing.readiness = [str(one) for one in failed]
        for one in failed:
            log.error("readiness_failed", check=one.name, found=one.found, advice=one.advice)
        if not failed:
            self._ready = (day, now_ns)
        return f"not ready: {names_of(failed)}" if failed else ""


def _is_another_account(check: Check) -> bool:
    """Not that it cannot be asked: that it is not ours."""
    return check.name == "account" and not check.heals


def tell_start(terms: Terms) -> None:
    """To the log: orders are real from now on."""
    log.warning(
        "live_orders_on",
        exchange=terms.exchange,
        account=masked(terms.account),
        day=terms.day,
        setup=terms.setup,
    )
