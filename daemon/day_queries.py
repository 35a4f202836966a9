"""What the page asks about the day: bars of an instrument, why it was or was not traded, orders.

Answers from the stores, each on its owner's thread, one question at a time and each of bounded
length: so that at most one of them ever stands before a Minute's commit. Decides nothing.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

from core.errors import StoreFailed
from core.ports import DecidedBar, MarketStore
from core.session import ist_text
from core.types import MISSING, Instrument, Records, Refusal, Side, SignalStatus
from daemon.proof.certified_days import certificate_of, certified_days
from daemon.scanner import Json
from providers.live import DayFrame
from stores.owner import Owner

MAX_BARS = 1_440  # 1m bars of a day that never closes
MAX_DECIDED_BARS = 500  # of all strategies of one instrument
MAX_TABLE_ROWS = 500  # orders, trades

TIMES = {
    "orders": {"created": "created_ns", "updated": "updated_ns"},
    "trades": {"entry": "entry_ns", "exit": "exit_ns"},
    "positions": {"entry": "entry_ns"},
}


class Deciding(Protocol):
    """What is shown of a strategy: what its numbers are called."""

    @property
    def name(self) -> str: ...

    @property
    def kinds(self) -> tuple[str, ...]: ...

    @property
    def gates(self) -> tuple[str, ...]: ...


class StoredDay:
    """The dashboard's `DayQueries` over the stores of a running daemon.

    Args:
        frame: the day that is shown; None before there is one.
        strategies: those that run, once they are built.
        store: asked by `store_owner` alone; None until it is open.
        ledger_rows: a projection's rows of a day, read by the ledger's owner. Raises StoreFailed.
        directory: of the state, in which the evenings leave their files.
    """

    def __init__(
        self,
        *,
        instruments: Sequence[Instrument],
        frame: Callable[[], DayFrame | None],
        strategies: Callable[[], Sequence[Deciding]],
        store: Callable[[], MarketStore | None],
        store_owner: Owner,
        ledger_rows: Callable[[str, int | None], Awaitable[list[Json]]],
        directory: Path,
    ) -> None:
        # People write either name; the symbol wins where one is the key of another.
        self._numbers = {str(one.id): number for number, one in enumerate(instruments)}
        self._numbers |= {one.symbol: number for number, one in enumerate(instruments)}
        self._frame = frame
        self._strategies = strategies
        self._store = store
        self._store_owner = store_owner
        self._ledger_rows = ledger_rows
        self._directory = directory
        self._one_at_a_time = asyncio.Lock()

    def knows(self, instrument: str) -> bool:
        return instrument in self._numbers

    async def bars(self, instrument: str) -> list[Json]:
        """The 1m bars of the day so far, in order."""
        number, day = self._numbers[instrument], self._day()

        def read(store: MarketStore) -> list[Json]:
            return minute_rows(store.bars(day.open_ns, day.close_ns, number)[-MAX_BARS:])

        return await self._ask_store(read)

    async def decisions(self, instrument: str) -> list[Json]:
        """The last decided strategy bars of the day, in order, with their gates."""
        number, day = self._numbers[instrument], self._day().day
        strategies = {one.name: one for one in self._strategies()}

        def read(store: MarketStore) -> list[Json]:
            decided = store.decisions(number, day, MAX_DECIDED_BARS)
            return [
                decision_row(bar, strategies[bar.strategy])
                for bar in decided
                if bar.strategy in strategies
            ]

        return await self._ask_store(read)

    async def table(self, view: str) -> list[Json]:
        """The last rows of "orders" or "trades" of the day, or the open "positions"."""
        async with self._one_at_a_time:
            rows = await self._ledger_rows(view, self._day().day)
        return [
            row | {shown: ist_text(int(str(row[column]))) for shown, column in TIMES[view].items()}
            for row in rows[-MAX_TABLE_ROWS:]
        ]

    async def certificates(self) -> list[Json]:
        """The last closed days, newest first, with their verdicts."""
        async with self._one_at_a_time:
            return await self._store_owner.run(certified_days, self._directory)

    async def certificate(self, day: int) -> Json | None:
        """What was certified of a day."""
        async with self._one_at_a_time:
            return await self._store_owner.run(certificate_of, self._directory, day)

    async def _ask_store(self, read: Callable[[MarketStore], list[Json]]) -> list[Json]:
        store = self._store()
        if store is None:
            raise StoreFailed("the market store is not open")
        async with self._one_at_a_time:
            return await self._store_owner.run(read, store)

    def _day(self) -> DayFrame:
        frame = self._frame()
        if frame is None:
            raise StoreFailed("no day is shown yet")
        return frame


def minute_rows(bars: Records) -> list[Json]:
    """1m bars as the page reads them; one that is missing has no prices."""
    return [
        {
            "time_ns": int(bar["open_ns"]),
            "time": ist_text(bar["open_ns"]),
            "open": _finite(bar["open"]),
            "high": _finite(bar["high"]),
            "low": _finite(bar["low"]),
            "close": _finite(bar["close"]),
            "volume": int(bar["volume"]),
            "gap": bool(bar["quality"] & MISSING),
        }
        for bar in bars
    ]


def decision_row(bar: DecidedBar, strategy: Deciding) -> Json:
    """A strategy bar, its events and what became of the first, and every gate by its name."""
    return {
        "strategy": bar.strategy,
        "open_ns": bar.open_ns,
        "time": ist_text(bar.open_ns),
        "close_ns": bar.close_ns,
        "close_time": ist_text(bar.close_ns),
        "open": _finite(bar.open),
        "high": _finite(bar.high),
        "low": _finite(bar.low),
        "close": _finite(bar.close),
        "volume": bar.volume,
        "minutes_seen": bar.minutes_seen,
        "minutes_expected": bar.minutes_expected,
        "gap": bar.gap,
        "atr": _finite(bar.atr),
        "vwap": _finite(bar.vwap),
        "events": [
            {"kind": strategy.kinds[kind - 1], "side": Side(side).name} for kind, side in bar.events
        ],
        "status": SignalStatus(bar.status).name if bar.events else None,
        "quantity": bar.quantity,
        "refusal": _refusal(bar) if bar.refusal else None,
        "gates": [
            {
                "gate": name,
                "value": _finite(value),
                "threshold": _finite(threshold),
                "passed": passed,
            }
            for name, (value, threshold, passed) in zip(strategy.gates, bar.gates, strict=True)
        ],
    }


def _refusal(bar: DecidedBar) -> Json:
    """The rule that objected, with what it saw and its limit; times as people read them."""
    shown: Callable[[float], object] = _finite
    if bar.refusal == Refusal.LAST_ENTRY:
        shown = _time
    return {
        "rule": Refusal(bar.refusal).name.lower(),
        "value": shown(bar.value),
        "limit": shown(bar.limit),
    }


def _time(ns: float) -> str | None:
    return ist_text(int(ns)) if math.isfinite(ns) else None


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
