"""What PixityAI sees: strategy bars, indicators and events of one instrument.

Written from market.md 4 and pixity.md 2-3 alone. It decides no trade and knows no account.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.oracle.market import MINUTE_NS, Row, Session


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Every key of pixity.md 1 and 5 that a backtest without a model reads."""

    timeframe: str = "15m"
    ema_fast: int = 20
    ema_slow: int = 50
    atr_period: int = 14
    adx_period: int = 14
    swing_period: int = 5
    reversion_k: float = 2.0
    adx_limit: float = 25.0
    warmup_bars: int = 50
    skip_reversion: bool = False
    risk_per_trade: float = 500.0
    sl_mult: float = 1.0
    tp_mult: float = 2.0
    time_stop_bars: int = 12
    cooldown_bars: int = 3
    initial_cash: float = 100_000.0
    slippage_bps: float = 2.0
    fill_on: str = "open"
    fee_profile: str = "upstox"
    max_capital: float = 100_000.0
    leverage: float = 5.0
    max_daily_loss: float = 5_000.0
    max_entries_per_day: int = 10
    last_entry_minutes: int = 45
    square_off_minutes: int = 20
    max_quantity: int | None = None
    max_notional_per_order: float | None = None

    @property
    def timeframe_ns(self) -> int:
        unit = {"m": 1, "h": 60, "d": 1440}[self.timeframe[-1]]
        return int(self.timeframe[:-1]) * unit * MINUTE_NS


@dataclass(slots=True)
class Bar:
    """One strategy bar; it grows until the Minute that ends its period."""

    open_ns: int
    close_ns: int
    day: int
    open: float
    high: float
    low: float
    close: float
    volume: int

    def add(self, row: Row) -> None:
        _, _, high, low, close, volume = row
        self.high = max(self.high, high)
        self.low = min(self.low, low)
        self.close = close
        self.volume += volume or 0


class BarBuilder:
    """Base bars in, complete strategy bars out."""

    def __init__(self, timeframe_ns: int) -> None:
        self._timeframe_ns = timeframe_ns
        self._growing: Bar | None = None

    def add(self, row: Row, session: Session, day: int) -> None:
        if self._growing is None:
            opens, closes = session.period(row[0], self._timeframe_ns)
            self._growing = Bar(opens, closes, day, *row[1:5], row[5] or 0)
        else:
            self._growing.add(row)

    def close(self, close_ns: int) -> Bar | None:
        """The bar whose period ends with this Minute, if anything traded in it."""
        bar = self._growing
        if bar is None or bar.close_ns != close_ns:
            return None
        self._growing = None
        return bar


class RecursiveMean:
    """y = y + alpha * (x - y), seeded with the first x."""

    __slots__ = ("_alpha", "value")

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha
        self.value: float | None = None

    def add(self, x: float) -> float:
        self.value = x if self.value is None else self.value + self._alpha * (x - self.value)
        return self.value


@dataclass(frozen=True, slots=True)
class Reading:
    """The indicators of one closed bar; None where one is not yet defined."""

    bar: Bar
    ema_fast: float
    ema_slow: float
    atr: float | None
    adx: float | None
    vwap: float
    swing_high: float | None
    swing_low: float | None


class Indicators:
    """pixity.md 2, one bar at a time."""

    def __init__(self, parameters: Parameters) -> None:
        self._p = parameters
        self._bars: list[Bar] = []
        self._ema_fast = RecursiveMean(2 / (parameters.ema_fast + 1))
        self._ema_slow = RecursiveMean(2 / (parameters.ema_slow + 1))
        self._atr = RecursiveMean(1 / parameters.atr_period)
        self._adx = _Adx(parameters.adx_period)
        self._vwap = _DayVwap()
        self._swing_high: float | None = None
        self._swing_low: float | None = None

    def add(self, bar: Bar) -> Reading:
        previous = self._bars[-1] if self._bars else None
        self._bars.append(bar)
        count = len(self._bars)
        true_range = bar.high - bar.low
        if previous is not None:
            true_range = max(
                true_range, abs(bar.high - previous.close), abs(bar.low - previous.close)
            )
        atr = self._atr.add(true_range)
        adx = self._adx.add(bar, previous, true_range)
        self._find_swings()
        return Reading(
            bar=bar,
            ema_fast=self._ema_fast.add(bar.close),
            ema_slow=self._ema_slow.add(bar.close),
            atr=atr if count >= self._p.atr_period else None,
            adx=adx if count >= 2 * self._p.adx_period else None,
            vwap=self._vwap.add(bar),
            swing_high=self._swing_high,
            swing_low=self._swing_low,
        )

    def _find_swings(self) -> None:
        """The bar `swing_period` ago is decided now: its window has just become complete."""
        p = self._p.swing_period
        if len(self._bars) < 2 * p + 1:
            return
        window = self._bars[-2 * p - 1 :]
        middle = window[p]
        if middle.high == max(bar.high for bar in window):
            self._swing_high = middle.high
        if middle.low == min(bar.low for bar in window):
            self._swing_low = middle.low


class _Adx:
    """Wilder's ADX; `add` gives None until a first DX exists."""

    def __init__(self, period: int) -> None:
        self._range = RecursiveMean(1 / period)
        self._plus = RecursiveMean(1 / period)
        self._minus = RecursiveMean(1 / period)
        self._adx = RecursiveMean(1 / period)

    def add(self, bar: Bar, previous: Bar | None, true_range: float) -> float | None:
        smooth_range = self._range.add(true_range)
        if previous is None:
            return None
        up, down = bar.high - previous.high, previous.low - bar.low
        plus = self._plus.add(up if up > down and up > 0 else 0.0)
        minus = self._minus.add(down if down > up and down > 0 else 0.0)
        plus_di = 100 * plus / smooth_range if smooth_range else 0.0
        minus_di = 100 * minus / smooth_range if smooth_range else 0.0
        if plus_di + minus_di != 0:
            self._adx.add(100 * abs(plus_di - minus_di) / (plus_di + minus_di))
        return self._adx.value


class _DayVwap:
    """VWAP since the day's first strategy bar; the mean typical price while volume is 0."""

    def __init__(self) -> None:
        self._day: int | None = None
        self._count = 0
        self._sum = 0.0
        self._volume = 0
        self._turnover = 0.0

    def add(self, bar: Bar) -> float:
        if bar.day != self._day:
            self._day, self._count, self._sum = bar.day, 0, 0.0
            self._volume, self._turnover = 0, 0.0
        typical = (bar.high + bar.low + bar.close) / 3
        self._count += 1
        self._sum += typical
        self._volume += bar.volume
        self._turnover += typical * bar.volume
        return self._turnover / self._volume if self._volume else self._sum / self._count


Event = tuple[str, int]
"""kind, side (+1 BUY, -1 SELL)."""


@dataclass(slots=True)
class Chart:
    """One instrument's strategy bars so far and what they say."""

    parameters: Parameters
    close_ns: list[int] = field(default_factory=list)
    _indicators: Indicators = field(init=False)
    _previous: Bar | None = None

    def __post_init__(self) -> None:
        self._indicators = Indicators(self.parameters)

    def add(self, bar: Bar) -> tuple[Reading, list[Event]]:
        """The reading of a closed bar and every event that holds on it, first priority first."""
        previous, self._previous = self._previous, bar
        self.close_ns.append(bar.close_ns)
        reading = self._indicators.add(bar)
        if previous is None or len(self.close_ns) < self.parameters.warmup_bars:
            return reading, []
        return reading, list(events(self.parameters, previous, reading))


def events(parameters: Parameters, previous: Bar, now: Reading) -> Iterator[Event]:
    """pixity.md 3, in its order."""
    before, close = previous.close, now.bar.close
    if (
        now.swing_high is not None
        and close > now.vwap
        and now.ema_fast > now.ema_slow
        and before <= now.swing_high < close
    ):
        yield "TREND", 1
    if (
        now.swing_low is not None
        and close < now.vwap
        and now.ema_fast < now.ema_slow
        and before >= now.swing_low > close
    ):
        yield "TREND", -1
    if parameters.skip_reversion or now.adx is None or now.atr is None:
        return
    if now.adx >= parameters.adx_limit or previous.day != now.bar.day:
        return
    lower = now.vwap - parameters.reversion_k * now.atr
    if before < lower <= close:
        yield "REVERSION", 1
    upper = now.vwap + parameters.reversion_k * now.atr
    if before > upper >= close:
        yield "REVERSION", -1
