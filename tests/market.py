"""Small markets for tests: a few bars become a span, a book and what happened in it.

One instrument has number 0, ticks of 5 paise and no slippage unless a test says otherwise, so that
expected prices can be read off the bars. Nothing here decides anything about trading.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.bars import Resampler
from core.book import AccountView, Book
from core.engine import Engine, StrategyNames
from core.events import Effect, SignalDecided, Step, TradeClosed
from core.rules.dated import day_rules
from core.rules.fees import FeeProfile
from core.rules.holdings import BRAKES, LIMITS, TERMS, UNLIMITED, Holdings, new_holdings
from core.session import MINUTE_NS, at_ist, closed_row, minute_closes, parse_day, recorded_session
from core.session import session_row as row_of
from core.types import (
    BAR,
    INSTRUMENT,
    SESSION,
    STRATEGY_BAR,
    Int64s,
    MinuteSpan,
    Records,
    Row,
    SessionClass,
    Signal,
    Trade,
)
from strategies.kernel import signal_dtype

CASH, AUCTION = SessionClass.CASH, SessionClass.CASH_AUCTION
ALWAYS_OPEN = SessionClass.ALWAYS_OPEN
DAY = parse_day("2026-07-22")  # a Wednesday with the old hours
NEXT_DAY = DAY + 1
TWO_PART_DAY = parse_day("2024-03-02")  # a Saturday, 09:15-10:00 and 11:30-12:30
AUCTION_DAY = parse_day("2026-08-05")  # CASH to 15:30, AUCTION to 15:15
BUY, SELL = 1, -1
FIVE_MINUTES_NS = 5 * MINUTE_NS

BarTuple = tuple[int, int, int, float, float, float, float, int]  # as BAR
Events = Mapping[tuple[int, int], Sequence[tuple[int, int]]]  # (instrument, bar open): (kind, side)


def at(clock: str, day: int = DAY) -> int:
    """Nanoseconds of an IST time of day."""
    return at_ist(day, clock)


def bar(
    clock: str,
    open_: float,
    high: float,
    low: float,
    close: float,
    *,
    volume: int = 100,
    instrument: int = 0,
    day: int = DAY,
    quality: int = 0,
) -> BarTuple:
    """The 1m bar that opens at `clock`."""
    return instrument, quality, at(clock, day), open_, high, low, close, volume


def flat(
    first: str, end: str, price: float = 100.0, *, instrument: int = 0, day: int = DAY
) -> list[BarTuple]:
    """A bar for every minute from `first` up to `end`, at one price."""
    opens = range(at(first, day), at(end, day), MINUTE_NS)
    return [(instrument, 0, open_ns, price, price, price, price, 100) for open_ns in opens]


def span_of(
    bars: Iterable[BarTuple],
    *,
    days: Sequence[int] = (DAY,),
    classes: Sequence[SessionClass] = (CASH,),
    base_ns: int = MINUTE_NS,
    last_entry_minutes: int = 45,
    square_off_minutes: int = 20,
    profile: FeeProfile = FeeProfile.UPSTOX,
) -> MinuteSpan:
    """Every Minute of `days`, with `bars`; of two bars of one minute the later in the list counts.

    `classes` are those of the instruments, in order.
    """
    kinds = sorted(set(classes))
    sessions: Records = np.zeros((len(days), len(kinds)), SESSION)
    closes: list[Int64s] = []
    for d, day in enumerate(days):
        for g, kind in enumerate(kinds):
            session = recorded_session(day, kind)
            sessions[d, g] = closed_row(day)
            if session is not None:
                sessions[d, g] = row_of(
                    session,
                    last_entry_minutes=last_entry_minutes,
                    square_off_minutes=square_off_minutes,
                )
                closes.append(minute_closes(session, base_ns))
    close_ns = np.unique(np.concatenate(closes))
    one_each = {(b[2], b[0]): b for b in bars}
    rows: Records = np.array([one_each[key] for key in sorted(one_each)], BAR)
    minute = np.searchsorted(close_ns, rows["open_ns"], "right")
    ends = sessions["part_close_ns"].max(axis=(1, 2))
    return MinuteSpan(
        close_ns=close_ns,
        day_index=np.searchsorted(ends, close_ns).astype(np.int32),
        first_bar=np.searchsorted(minute, np.arange(len(close_ns) + 1)).astype(np.int64),
        bars=rows,
        sessions=sessions,
        rules=day_rules(days, profile=profile, fee_bps=10.0),
        first_strategy_bar=np.zeros(len(close_ns) + 1, np.int64),
        strategy_bars=np.zeros(0, STRATEGY_BAR),
    )


def groups_of(classes: Sequence[SessionClass]) -> list[int]:
    """The session group of each instrument, as `span_of` numbers them."""
    return [sorted(set(classes)).index(kind) for kind in classes]


def rules_on(date: str, profile: FeeProfile = FeeProfile.UPSTOX, fee_bps: float = 10.0) -> Row:
    """DAY_RULES of an ISO date."""
    return day_rules([parse_day(date)], profile=profile, fee_bps=fee_bps)[0]


def limits_of(**changes: float) -> Records:
    """LIMITS[1] with the defaults of pixity.md 5, without slippage."""
    row: Records = np.zeros(1, LIMITS)
    defaults = {
        "initial_cash_paise": 10_000_000,
        "leverage": 5.0,
        "max_capital": 100_000.0,
        "max_daily_loss_paise": 500_000,
        "max_entries_per_day": 10,
        "max_quantity": UNLIMITED,
        "max_notional_per_order": UNLIMITED,
        **dict.fromkeys(BRAKES, UNLIMITED),
    }
    for name, value in (defaults | changes).items():
        row[name] = value
    return row


def terms_of(count: int = 1, **changes: float) -> Records:
    """TERMS[count] with the defaults of pixity.md 1; all on timeframe number 0."""
    rows: Records = np.zeros(count, TERMS)
    defaults = {
        "risk_per_trade": 500.0,
        "sl_mult": 1.0,
        "tp_mult": 2.0,
        "time_stop_bars": 12,
        "cooldown_bars": 3,
    }
    for name, value in (defaults | changes).items():
        rows[name] = value
    return rows


def holdings_of(
    classes: Sequence[SessionClass] = (CASH,),
    *,
    limits: Mapping[str, float] | None = None,
    terms: Mapping[str, float] | None = None,
    strategies: int = 1,
    tick_paise: int = 5,
) -> Holdings:
    """A flat book over one instrument per class."""
    rows: Records = np.zeros(len(classes), INSTRUMENT)
    rows["group"], rows["tick_paise"] = groups_of(classes), tick_paise
    return new_holdings(limits_of(**limits or {}), terms_of(strategies, **terms or {}), rows)


class Scripted:
    """A strategy that raises what it was told on the bars it was told, in order of priority."""

    kinds: tuple[str, ...] = ("FIRST", "SECOND")
    gates: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    def __init__(
        self,
        events: Events,
        *,
        name: str = "scripted",
        atr: float = 2.0,
        timeframes_ns: tuple[int, ...] = (FIVE_MINUTES_NS,),
        sees_account: bool = False,
    ) -> None:
        self.name = name
        self.timeframes_ns = timeframes_ns
        self.sees_account = sees_account
        self.seen: list[tuple[int, int, int]] = []  # timeframe, instrument, bar open
        self.equities: list[float] = []
        self._events = events
        self._atr = atr

    def on_bars(self, bars: Records, account: AccountView | None = None) -> Records:
        signals: Records = np.zeros(len(bars), signal_dtype(0, 0))
        if account is not None and self.sees_account:
            self.equities.append(account.equity)
        for bar_, signal in zip(bars, signals, strict=True):
            self.seen.append((int(bar_.timeframe), int(bar_.instrument), int(bar_.open_ns)))
            signal.close, signal.atr = bar_.close, self._atr
            for kind, side in self._events.get((int(bar_.instrument), int(bar_.open_ns)), ()):
                signal.kind[signal.count], signal.side[signal.count] = kind, side
                signal.count += 1
        return signals


@dataclass(slots=True)
class Played:
    """What a book did with a span."""

    book: Book
    steps: list[Step] = field(default_factory=list)

    @property
    def effects(self) -> list[Effect]:
        return [effect for step in self.steps for effect in step.effects]

    @property
    def signals(self) -> list[Signal]:
        return [e.signal for e in self.effects if isinstance(e, SignalDecided)]

    @property
    def trades(self) -> list[Trade]:
        return [e.trade for e in self.effects if isinstance(e, TradeClosed)]

    @property
    def refusals(self) -> list[str]:
        return [signal.refusal.name for signal in self.signals]


def book_of(
    strategies: Sequence[Scripted],
    holdings: Holdings,
    timeframes_ns: Sequence[int],
    *,
    observe: bool = False,
) -> Book:
    """A book of scripted strategies; instruments are called A, B, C."""
    names = [StrategyNames(s.name, s.kinds, 500.0) for s in strategies]
    engine = Engine(
        scope="test",
        symbols=["ABC"[i] for i in range(len(holdings.instruments))],
        strategies=names,
        holdings=holdings,
        observe=observe,
    )
    return Book("test", strategies, engine, timeframes_ns)


def play(
    span: MinuteSpan,
    events: Mapping[tuple[int, int], int],
    *,
    classes: Sequence[SessionClass] = (CASH,),
    atr: float = 2.0,
    limits: Mapping[str, float] | None = None,
    terms: Mapping[str, float] | None = None,
    observe: bool = False,
) -> Played:
    """One strategy on 5m bars with one event of a side on each of the named bars."""
    raised = {place: [(1, side)] for place, side in events.items()}
    resampler = Resampler([FIVE_MINUTES_NS], MINUTE_NS, groups_of(classes))
    holdings = holdings_of(classes, limits=limits, terms=terms)
    book = book_of(
        [Scripted(raised, atr=atr)], holdings, resampler.timeframes_ns.tolist(), observe=observe
    )
    return Played(book, list(book.run(resampler.resample(span))))
