"""Upstox's market feed as a Feed: as many connections as its instruments need, one stream.

Decides which connection carries which instruments. Never asks for more than the account may have,
and hands on no item before its reader has done with the one before it of the same connection.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count, pairwise

import structlog

from core.errors import ConfigError
from core.ports import Clock, FeedItem
from core.types import Instrument
from providers.upstox.line import MODE, Access, Dial, Line, dialled
from providers.upstox.wire import REASONS

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the broker allows one user, of our mode alone (upstox.md 1.3)."""

    keys: int = 2_000  # of one connection
    connections: int = 2  # with Plus 5

    def shares(self, instruments: int) -> list[range]:
        """Numbers by connection, as few and as even as can be. Raises ConfigError."""
        most = self.keys * self.connections
        if instruments > most:
            raise ConfigError(
                f"{instruments} instruments over {most}: the broker allows {self.connections}"
                f" connections of {self.keys} in mode {MODE}"
            )
        lines = -(-instruments // self.keys)
        edges = [instruments * line // max(lines, 1) for line in range(lines + 1)]
        return [range(*pair) for pair in pairwise(edges)]


STANDARD = Allowance()


class UpstoxFeed:
    """The ticks of the instruments.

    Args:
        address: an authorised address of the feed, good for one connection.
        clock: market time, by which arrivals are stamped.
        token: the one in use: where it is refused, another one is waited for; raises AuthExpired
            without one.
        seed: of the jitter between two tries.
    """

    def __init__(
        self,
        address: Callable[[], Awaitable[str]],
        clock: Clock,
        *,
        token: Callable[[], object] = lambda: None,
        allowance: Allowance = STANDARD,
        seed: int = 0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        dial: Dial = dialled,
    ) -> None:
        self._allowance = allowance
        self._seed = seed
        # What made no sense, by reason, over all connections.
        self.rejected = dict.fromkeys(("garbage", *REASONS), 0)
        self._access = Access(
            address=address,
            token=token,
            clock=clock,
            sleep=sleep,
            dial=dial,
            numbers=count(),
            rejected=self.rejected,
        )

    async def stream(self, instruments: Sequence[Instrument]) -> AsyncGenerator[FeedItem]:
        """Without end; `instruments` by their broker keys. Raises ConfigError for too many."""
        keys = [str(instrument.id) for instrument in instruments]
        shares = self._allowance.shares(len(keys))
        lines = [
            Line(
                self._access,
                keys[share.start : share.stop],
                share.start,
                count=len(keys),
                seed=f"{self._seed} {share.start}",
            ).items()
            for share in shares
        ]
        try:
            async with aclosing(lines[0] if len(lines) == 1 else merged(lines)) as items:
                async for item in items:
                    yield item
        finally:
            counts = {reason: count for reason, count in self.rejected.items() if count}
            if counts:
                log.warning("frames_rejected", counts=counts)


async def merged(streams: Sequence[AsyncGenerator[FeedItem]]) -> AsyncGenerator[FeedItem]:
    """The items of all as they come; a stream is asked again when its item has been read."""
    asked = {asyncio.ensure_future(anext(stream)): stream for stream in streams}
    try:
        while asked:
            done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in asked if task in done]:
                stream = asked.pop(task)
                yield task.result()
                asked[asyncio.ensure_future(anext(stream))] = stream
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        for stream in streams:
            await stream.aclose()
