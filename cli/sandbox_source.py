"""`run --feed sandbox`: a local exchange in the daemon's own process, over the real protocol.

Puts the two together: the exchange and the daemon go by one clock, everything else is said over
loopback. The daemon is told an address and a token and nothing more.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager

from pydantic import SecretStr

from core.ports import Clock
from core.session import SECOND_NS, at_ist, next_live_session, parse_day
from core.types import SessionClass
from daemon.clocks import VirtualClock
from daemon.sources import FIRST_GENERATED_DAY, day_to_come, paced_clock
from providers.live import DayFrame
from sandbox.accounts import Accounts, Grant
from sandbox.market.exchange import Exchange, hours
from sandbox.market.universe import listings
from sandbox.market.world import GeneratedWorld
from sandbox.server import Sandbox

FIRST_DAY = parse_day(FIRST_GENERATED_DAY)
DAWN = "08:00"  # tokens end at 03:30, and nothing has traded yet
DEMO = ("RELIANCE", "TATAPOWER")  # traded where no symbol is configured


class OwnSandbox:
    """The venue: generated days, each from where the daemon left it, at its pace.

    Args:
        learned: is told of each token before it is used.
        host: days come by this clock, when they come; None: each waits for its reader.
        day: the exchange begins on its morning: what is counted by its time never sees it go back.
    """

    name = "sandbox"

    def __init__(
        self,
        *,
        seed: int,
        speed: float,
        accept: frozenset[int] = frozenset(),
        learned: Callable[[SecretStr], None] = lambda _: None,
        host: Clock | None = None,
        day: int = FIRST_DAY,
    ) -> None:
        self.identity = f"sandbox seed {seed}"
        self.is_live = host is not None
        self._speed = speed
        self._accept = accept
        self._host = host
        clock = host or _at_dawn(day)
        self.exchange = Exchange(listings(), GeneratedWorld(seed, hours), hours, clock)
        self.accounts = Accounts(None, clock.now_ns())
        self.sandbox = Sandbox(
            self.exchange, self.accounts, waits=not self.is_live, now_s=self.now_s
        )
        self._learned = learned
        self._token = ""

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Open to whoever has the token; the address."""
        address = await self.sandbox.start()
        try:
            yield address
        finally:
            await self.sandbox.stop()

    def token(self) -> str:
        """One that is good now."""
        now_ns = self.exchange.clock.now_ns()
        if self.accounts.grant(self._token, now_ns) is None:
            self._token = self.accounts.issue(Grant.FULL, now_ns)
            self._learned(SecretStr(self._token))
        return self._token

    # --- whose time it is ------------------------------------------------------------------------

    def now_ns(self) -> int:
        return self.exchange.clock.now_ns()

    def next_day(self, after_day: int) -> int:
        if self._host is not None:
            return day_to_come(after_day, self._host.now_ns(), self._accept)
        if after_day < 0:
            return FIRST_DAY
        return next_live_session(after_day, SessionClass.CASH, accept=self._accept).day

    def dawn(self, day: int) -> None:
        if self._host is None:
            self.exchange.clock = _at_dawn(day)

    def clock(self, frame: DayFrame, after_ns: int) -> Clock:
        if self._host is None:
            self.exchange.clock = paced_clock(frame, after_ns, self._speed)
        return self.exchange.clock

    async def pause(self, seconds: float, clock: Clock) -> None:
        await clock.sleep_until(clock.now_ns() + round(seconds * SECOND_NS))

    def held(self) -> AbstractContextManager[None]:
        return self.exchange.clock.held()

    def now_s(self) -> float:
        """Of the market, where a day waits for its reader: a day at speed max is over in seconds,
        and would ask too often in them, and look for an order after its end."""
        loop = asyncio.get_running_loop()
        return loop.time() if self.is_live else self.now_ns() / SECOND_NS

    async def sleep(self, seconds: float) -> None:
        if self.is_live:
            await asyncio.sleep(seconds)
        else:
            await self.pause(seconds, self.exchange.clock)


def _at_dawn(day: int) -> Clock:
    return VirtualClock(at_ist(day, DAWN))
