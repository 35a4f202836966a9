"""The daemon's market store as the keep of a backfill: a chunk is one commit.

Rows there are only ever added, so where a history is made anew, a minute that the broker's does not
know is marked as missing: it is no bar any more.
"""

from collections.abc import Sequence

import numpy as np

from core.ports import MarketStore
from core.session import day_span_ns
from core.types import BAR, MISSING, Records, SessionClass
from daemon.upstox.backfill import Held
from providers.upstox.history import Fetched
from stores.owner import Owner

SOURCE = "backfill"


class StoreKeep:
    """Keeps bars of sessions alone: the strategies are warmed up by what lies there."""

    def __init__(self, store: MarketStore, owner: Owner) -> None:
        self._store = store
        self._owner = owner

    async def held(self) -> list[Held]:
        days = await self._owner.run(self._store.held_days)
        final = await self._owner.run(self._store.held_days, SOURCE)
        return [Held(*one) for one in zip(days, final, strict=True)]

    async def bars(self, instrument: int, from_day: int, to_day: int) -> Records:
        return await self._owner.run(self._bars, instrument, from_day, to_day)

    async def keep(self, fetched: Fetched, anew: Sequence[int]) -> None:
        if len(fetched.bars):
            await self._owner.run(self._keep, fetched, anew)

    async def flush(self) -> None:
        """Every chunk is durable already."""

    def _bars(self, instrument: int, from_day: int, to_day: int) -> Records:
        span = _start_ns(from_day), _start_ns(to_day + 1)
        bars = self._store.bars(*span, instrument)
        priced: Records = bars[bars["quality"] & MISSING == 0]
        return priced

    def _keep(self, fetched: Fetched, anew: Sequence[int]) -> None:
        gone = [self._gone(fetched, day) for day in anew]
        self._store.commit()  # so that this chunk alone is in the next one, and is whole
        self._store.append_bars(np.concatenate([fetched.bars, *gone]).view(BAR), SOURCE)
        self._store.commit()

    def _gone(self, fetched: Fetched, day: int) -> Records:
        """Minutes of `day` that are held and not in the history, as rows without a price."""
        held = self._bars(fetched.chunk.instrument, day, day)
        gone = held[~np.isin(held["open_ns"], fetched.bars["open_ns"])].copy()
        gone["quality"], gone["volume"] = MISSING, 0
        for name in ("open", "high", "low", "close"):
            gone[name] = np.nan
        return gone


def _start_ns(day: int) -> int:
    return day_span_ns(day, SessionClass.CASH)[0]
