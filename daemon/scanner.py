"""What the scanner shows: one row per (book, strategy, instrument), and the daemon's own facts.

Fed by the daemon's tasks with what has happened; keeps the latest and presents it as JSON values.
It decides nothing, is asked by nobody who trades, and knows no clock: every time is told.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from core.audit import BarAudit
from core.book import MAIN_BOOK
from core.errors import InvariantBroken
from core.events import Position
from core.rules.fees import value_paise
from core.session import day_text, ist_text
from core.types import Records, Refusal, Signal, SignalStatus, Trade, TradingState
from daemon.plan import Standing
from daemon.provenance import Provenance

Json = dict[str, object]


class BookEntry(NamedTuple):
    """One strategy of one book; strategy names are unique over all books."""

    book: str
    strategy: str
    timeframe: str
    warmup_bars: int


class ScannedInstrument(NamedTuple):
    symbol: str
    id: str


class Scanner:
    """The latest of every row. `version` grows with each change that a row would show.

    Feed it in any order inside a Minute: a row's state follows from the times it was told.
    """

    def __init__(
        self, books: Sequence[tuple[str, str, str, int]], instruments: Sequence[tuple[str, str]]
    ) -> None:
        self.version = 0
        # Counts and results of the day are those of the main book; a shadow has its rows.
        self.signals = 0  # today's events, ACTED and REFUSED
        self.entries = 0
        self.trades = 0
        self._rows = {
            (entry.strategy, instrument.symbol): _Row(entry, instrument)
            for entry in map(BookEntry._make, books)
            for instrument in map(ScannedInstrument._make, instruments)
        }
        if len(self._rows) != len(books) * len(instruments):
            raise InvariantBroken("scanner: a strategy or an instrument is named twice")
        self._rows_of = {
            symbol: [row for row in self._rows.values() if row.instrument.symbol == symbol]
            for symbol, _ in instruments
        }
        self._status = _Status(TradingState.ACTIVE, frozenset(), market_open=False, feed_up=True)

    # --- what has happened -------------------------------------------------------------------

    def day_opened(self, day: int) -> None:
        """A new session date: yesterday's signals and results go, open positions stay."""
        self.signals = self.entries = self.trades = 0
        for row in self._rows.values():
            row.signal, row.realised_paise, row.is_off = None, 0, False
        self.version += 1

    def bar_closed(
        self, strategy: str, instrument: str, open_ns: int, close_ns: int, bars_seen: int
    ) -> None:
        """`bars_seen`: strategy bars of this instrument so far, those of the warm-up included."""
        row = self._rows[strategy, instrument]
        row.bar_open_ns, row.bar_close_ns, row.bars_seen = int(open_ns), int(close_ns), bars_seen
        self.version += 1

    def signal_decided(
        self, signal: Signal, stop: float | None = None, target: float | None = None
    ) -> None:
        if signal.status is SignalStatus.SUPPRESSED:
            return  # another event of the same bar is the row's signal
        row = self._rows[signal.strategy, signal.instrument]
        row.signal, row.stop, row.target = signal, stop, target
        self.signals += row.is_main
        self.entries += row.is_main and signal.status is SignalStatus.ACTED
        self.version += 1

    def switched_off(self, strategy: str) -> None:
        """It failed and decides nothing more today; its positions still run to their exits."""
        for (name, _), row in self._rows.items():
            if name == strategy:
                row.is_off = True
        self.version += 1

    def position_changed(self, strategy: str, instrument: str, position: Position | None) -> None:
        """None: flat. An open position also tells the bracket of the signal that led to it."""
        row = self._rows[strategy, instrument]
        row.position = position
        if position is not None:
            row.stop, row.target = position.stop, position.target
        self.version += 1

    def trade_closed(self, trade: Trade) -> None:
        row = self._rows[trade.strategy, trade.instrument]
        row.realised_paise += trade.net_paise
        self.trades += row.is_main
        self.version += 1

    def marked(self, instrument: str, last_price: float, ns: int) -> None:
        """A last price. Marks may come from ticks and from bars; the latest counts."""
        for row in self._rows_of[instrument]:
            if ns < row.marked_ns:
                continue
            changed = row.position is not None and row.last_price != last_price
            row.last_price, row.marked_ns = float(last_price), ns
            self.version += changed

    def status(
        self,
        *,
        trading_state: TradingState,
        market_open: bool,
        feed_up: bool,
        stale: Collection[str] = (),
    ) -> None:
        """How the daemon stands. `stale`: symbols whose ticks are overdue."""
        status = _Status(trading_state, frozenset(stale), market_open, feed_up)
        self.version += status != self._status
        self._status = status

    # --- what is shown -----------------------------------------------------------------------

    @property
    def day_pnl_paise(self) -> int:
        """Net of today's round trips plus the open positions since their entry."""
        return sum(row.pnl_paise() for row in self._rows.values() if row.is_main)

    @property
    def strategies_off(self) -> list[str]:
        """Those that failed today, in configured order."""
        return list(dict.fromkeys(name for (name, _), row in self._rows.items() if row.is_off))

    def rows(self, now_ns: int, since: int = -1) -> list[Json]:
        """The runner_state rows in configured order; `updated_ns` is `now_ns`.

        Args:
            since: a `version`; only what has changed after it.
        """
        moment: Json = {"updated_ns": now_ns, "updated": ist_text(now_ns)}
        return [
            shown | moment
            for row in self._rows.values()
            if (shown := row.shown(self._status, self.version)) and row.changed_at > since
        ]

    def prepare(self, at_most: int) -> Iterator[None]:
        """Make what `rows` shows ahead, and stop for others after every `at_most` changed ones."""
        made = 0
        for row in self._rows.values():
            before = row.changed_at
            row.shown(self._status, self.version)
            made += row.changed_at != before
            if made >= at_most:
                made = 0
                yield


class _Status(NamedTuple):
    trading_state: TradingState
    stale: frozenset[str]
    market_open: bool
    feed_up: bool

    def of(self, symbol: str) -> str:
        """The gravest that applies."""
        if self.trading_state is TradingState.HALTED:
            return "HALTED"
        if not self.market_open:
            return "WAITING"
        if not self.feed_up or symbol in self.stale:
            return "STALE"
        return "RUNNING"


@dataclass(slots=True)
class _Row:
    entry: BookEntry
    instrument: ScannedInstrument
    bars_seen: int = 0
    bar_open_ns: int | None = None
    bar_close_ns: int | None = None
    signal: Signal | None = None
    stop: float | None = None
    target: float | None = None
    position: Position | None = None
    last_price: float = math.nan
    marked_ns: int = 0
    realised_paise: int = 0
    is_off: bool = False
    changed_at: int = -1  # the scanner's version when it was last shown otherwise than before
    _seen: tuple[object, ...] = ()  # what `_shown` was made of
    _shown: Json = field(default_factory=dict)

    @property
    def is_main(self) -> bool:
        return self.entry.book == MAIN_BOOK

    def signal_state(self) -> str:
        """A signal stands until the next strategy bar closes."""
        signal = self.signal
        if signal is not None and signal.bar_close_ns >= (self.bar_close_ns or 0):
            return "REFUSED" if signal.status is SignalStatus.REFUSED else "TRIGGERED"
        return "WATCHING" if self.bars_seen >= self.entry.warmup_bars else "WARMING"

    def pnl_paise(self) -> int:
        held = self.position
        if held is None or self.marked_ns < held.entry_ns:
            return self.realised_paise
        now = value_paise(held.quantity, self.last_price)
        entry = value_paise(held.quantity, held.entry_price)
        return self.realised_paise + int(held.side) * int(now - entry)

    def shown(self, status: _Status, version: int) -> Json:
        """Without the moment. Made anew when something of it changed: of 2,400 rows, few did."""
        seen = (
            *(self.bars_seen, self.bar_open_ns, self.bar_close_ns, self.signal, self.stop),
            *(self.target, self.position, self.pnl_paise(), self.is_off),
            status.of(self.instrument.symbol),
        )
        if seen != self._seen:
            self._seen, self._shown, self.changed_at = seen, self._made(status), version
        return self._shown

    def _made(self, status: _Status) -> Json:
        leading = self.position or self.signal
        return {
            "book": self.entry.book,
            "strategy": self.entry.strategy,
            "instrument": self.instrument.symbol,
            "instrument_id": self.instrument.id,
            "timeframe": self.entry.timeframe,
            "bias": leading.side.name if leading else "NONE",
            "confidence": _finite(self.signal.confidence) if self.signal else None,
            "signal_state": self.signal_state(),
            "status": "OFF" if self.is_off else status.of(self.instrument.symbol),
            "last_signal": self._signal_shown(),
            "last_bar_open_ns": self.bar_open_ns,
            "last_bar_open": _ist(self.bar_open_ns),
            "last_bar_close_ns": self.bar_close_ns,
            "last_bar_close": _ist(self.bar_close_ns),
            "position": self._position_shown(),
            "day_pnl_paise": self.pnl_paise(),
        }

    def _signal_shown(self) -> Json | None:
        signal = self.signal
        if signal is None:
            return None
        refused = signal.refusal is not Refusal.NONE
        return {
            "side": signal.side.name,
            "kind": signal.kind,
            "time_ns": signal.bar_close_ns,
            "time": ist_text(signal.bar_close_ns),
            "price": _finite(signal.close),
            "stop": _finite(self.stop),
            "target": _finite(self.target),
            "refusal": signal.refusal.name.lower() if refused else None,
        }

    def _position_shown(self) -> Json | None:
        held = self.position
        if held is None:
            return None
        return {
            "side": held.side.name,
            "quantity": held.quantity,
            "entry_price": _finite(held.entry_price),
            "stop": _finite(held.stop),
            "target": _finite(held.target),
        }


# --- the page's snapshot -----------------------------------------------------------------------


class BarProgress(NamedTuple):
    """The strategy bar now being built. Times None: no trade yet since the last one ended."""

    timeframe: str
    open_ns: int | None
    close_ns: int | None
    minutes_seen: int
    minutes_expected: int


def bars_in_progress(bins: Records, timeframes: Sequence[str]) -> list[BarProgress]:
    """How far each timeframe's bar is, over all instruments: the latest bin, its fullest bar.

    Args:
        bins: `Resampler.bins`; bar edges are read from there, never computed again.
        timeframes: their names, numbered as the resampler does (longest first).
    """
    progress = []
    for timeframe, row in zip(timeframes, bins, strict=True):
        open_bins = row[row["end_ns"] > 0]
        if len(open_bins) == 0:
            progress.append(BarProgress(timeframe, None, None, 0, 0))
            continue
        latest = open_bins[open_bins["open_ns"] == open_bins["open_ns"].max()]
        fullest = latest[latest["minutes_seen"].argmax()]
        names = ("open_ns", "end_ns", "minutes_seen", "minutes_expected")
        progress.append(BarProgress(timeframe, *(int(fullest[name]) for name in names)))
    return progress


def timeframe_text(timeframe_ns: int) -> str:
    minutes = int(timeframe_ns) // 60_000_000_000
    if minutes == 1440:
        return "1d"
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonFacts:
    """How the whole daemon stands, as its tasks know it; the scanner adds counters and results."""

    mode: str
    feed: str
    feed_up: bool
    feed_age_ms: int | None  # since the last frame; None: none yet
    day: int
    trading_state: TradingState
    market_open: bool
    minutes_done: int  # Minutes of the session handled so far
    minutes_expected: int
    last_minute_ns: int | None  # close of the last Minute published
    ticks_seen: int
    doubts: Sequence[str] = ()
    breakers: Sequence[str] = ()  # the latched ones of the main book, and why
    stale: frozenset[str] = frozenset()  # symbols that are not told now
    audits: Mapping[str, BarAudit] = field(default_factory=dict)  # our bars, by whom against
    bars: Sequence[BarProgress] = ()
    standing: Standing = field(default_factory=Standing)
    broker: str | None = None  # whose orders are real, None: nobody's
    account: str | None = None
    provenance: Sequence[Provenance] = ()


def snapshot(scanner: Scanner, facts: DaemonFacts, now_ns: int) -> Json:
    """Everything the page shows, JSON ready."""
    return {
        "updated_at": ist_text(now_ns),
        "data": scanner.rows(now_ns),
        "daemon": {
            "mode": facts.mode,
            "broker": facts.broker,
            "account": facts.account,
            "feed": facts.feed,
            "feed_up": facts.feed_up,
            "feed_age_ms": facts.feed_age_ms,
            "day": day_text(facts.day),
            "market_time": ist_text(now_ns),
            "market_open": facts.market_open,
            "waiting_for": facts.standing.waiting_for,
            "consent": facts.standing.consent,
            "readiness": facts.standing.readiness,
            "reconciliation": facts.standing.reconciled and str(facts.standing.reconciled),
            "report": (facts.standing.report or {}).get("summary", []),
            "trading_state": facts.trading_state.name,
            "minutes_done": facts.minutes_done,
            "minutes_expected": facts.minutes_expected,
            "last_minute": _ist(facts.last_minute_ns),
            "ticks_seen": facts.ticks_seen,
            "doubts": facts.doubts,
            "breakers": facts.breakers,
            "audits": [
                f"{name}: {audit.told()}" for name, audit in facts.audits.items() if audit.compared
            ],
            "signals": scanner.signals,
            "entries": scanner.entries,
            "trades": scanner.trades,
            "day_pnl_paise": scanner.day_pnl_paise,
            "strategies_off": scanner.strategies_off,
            "evidence": [one.shown() for one in facts.provenance],
            "bars": [
                {
                    "timeframe": bar.timeframe,
                    "open": _ist(bar.open_ns),
                    "close": _ist(bar.close_ns),
                    "minutes_seen": bar.minutes_seen,
                    "minutes_expected": bar.minutes_expected,
                }
                for bar in facts.bars
            ],
        },
    }


def _ist(ns: int | None) -> str | None:
    return None if ns is None else ist_text(ns)


def _finite(value: float | None) -> float | None:
    """JSON has no NaN and no infinity; absent is null."""
    return float(value) if value is not None and math.isfinite(value) else None
