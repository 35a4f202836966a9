"""Fusion: four views of the market on 1h, 4h and 1d bars, added up to one confidence.

screener.md 3. Its recursive state moves in a kernel on every bar; the evaluation is plain Python
over windows of three timeframes. The first gate is the screener's candidate, by the same kernel,
so an evaluation may be left out where the screener found none and no trade changes. A replay
without focus evaluates every bar: the gates answer "why no signal" for each.

Parts are signed, +1 for a long and -1 for a short; what cannot be known yet counts 0.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pydantic import Field

from core.book import AccountView
from core.indicators import recursive_mean, rsi
from core.jit import kernel
from core.types import Bools, Float64s, Int64s, Records, Row, record
from strategies.focus import among, bar_keys
from strategies.kernel import signal_dtype
from strategies.screening import (
    CALM_VOLATILITY,
    DECISION,
    SCREEN_FIELDS,
    SCREENED,
    WILDER,
    ScreenKeys,
    params_of,
    screen_bar,
    timeframes_of,
)
from strategies.settings import (
    Count,
    CountFromZero,
    Multiple,
    Probability,
    StrategySettings,
    Timeframe,
)
from strategies.volatility import Volatility

WINDOW = 64  # bars of each timeframe that an evaluation looks back over
OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)  # rows of a view
TIMEFRAMES = (2, 1, 0)  # decision, 4h, 1d, as STRATEGY_BAR numbers them
TIMEFRAME_WEIGHTS = (0.5, 0.3, 0.2)
PART_WEIGHTS = (0.30, 0.25, 0.30, 0.15)

SWING_REACH = 3  # bars on each side of a swing
RANGE_BARS = 20
SWEEP_BARS = 6  # decision bars in which a sweep still counts
VOLUME_BARS = 20
FLOW_BARS = 8
EMA_BARS = 20
BUY, SELL = 1, -1


class FusionSettings(StrategySettings, ScreenKeys):
    """screener.md 3; the keys of the screener are those of [screen] unless set here."""

    timeframe: Timeframe = Field("1h", description="decision bar, under 4h; 4h and 1d are read too")
    warmup_bars: CountFromZero = Field(
        100, description="signals from this strategy bar on, included"
    )
    sl_mult: Multiple = Field(1.5, description="stop distance in ATR")
    tp_mult: Multiple = Field(3.0, description="target distance in ATR")
    time_stop_bars: Count = Field(96, description="strategy bars until a market exit")
    entry_threshold: Probability = Field(0.45, description="confidence from which it enters")


# Its own fields first: of two records that begin alike, numba takes one for a kind of the other.
STATE = record(
    [
        ("ema", "f8"),  # of decision closes
        ("ema_before", "f8"),
        ("bars", "i8", (3,)),  # seen of each timeframe
        # Bar k lies at k % WINDOW and again WINDOW later, so that the newest are one slice.
        ("window", "f8", (3, 5, 2 * WINDOW)),
        *SCREEN_FIELDS,
    ]
)


Levels = tuple[float, float]  # low and high of the latest swings, NaN: none


class Evaluation(NamedTuple):
    """The four parts, each in [-1, 1]; what they add up to is confidence and side."""

    structure: float
    liquidity: float
    momentum: float
    flow: float

    @property
    def total(self) -> float:
        return sum(weight * part for weight, part in zip(PART_WEIGHTS, self, strict=True))


class FusionStrategy:
    """Evaluates decision bars one by one; `states` is the whole memory."""

    kinds: tuple[str, ...] = ("FUSION",)
    gates: tuple[str, ...] = ("candidate", "warmup_bars", "confidence")
    features: tuple[str, ...] = Evaluation._fields

    def __init__(self, settings: FusionSettings, instruments: Sequence[str], name: str) -> None:
        self.name = name
        self.settings = settings
        self.timeframes_ns: tuple[int, ...] = timeframes_of(settings.timeframe_ns)
        self.states: Records = np.zeros(len(instruments), STATE)
        self.evaluations = 0
        self._params = params_of(settings, settings.timeframe_ns)
        self._volatility = Volatility(settings.volatility_path)
        self._windows: Float64s = self.states["window"]  # a view, as the next one is
        self._bars: Int64s = self.states["bars"]
        self._dtype = signal_dtype(len(self.features), len(self.gates))
        self._focus: Int64s | None = None
        self.sees_account = False  # in focus it is: in a position it evaluates nothing

    def focus(self, keys: Int64s | None) -> None:
        """Evaluate on the decision bars of `keys` (`bar_keys`, sorted) alone, and while flat; None:
        on all."""
        self._focus = keys
        self.sees_account = keys is not None

    def speaks_on(self, bars: Records) -> Bools:
        """The decision bars that are in focus."""
        chosen: Bools = bars["timeframe"] == DECISION
        if self._focus is not None:
            chosen &= among(bar_keys(bars["instrument"], bars["open_ns"]), self._focus)
        return chosen

    def on_bars(self, bars: Records, account: AccountView | None = None) -> Records:
        """SIGNAL rows for closed bars of all timeframes, in order."""
        signals = self._blank(bars)
        calm = self._volatility.calm(bars["day"], CALM_VOLATILITY)
        screened: Records = np.zeros(len(bars), SCREENED)
        begin = 0
        for row in self._evaluated(bars, account):
            upto = slice(begin, row + 1)
            drive(self._params, self.states, bars[upto], calm[upto], screened[upto])
            self._decide(bars[row], screened[row], signals[row])
            begin = row + 1
        drive(self._params, self.states, bars[begin:], calm[begin:], screened[begin:])
        return signals

    def _evaluated(self, bars: Records, account: AccountView | None) -> list[int]:
        rows: list[int] = np.flatnonzero(self.speaks_on(bars)).tolist()
        if self._focus is not None and account is not None:
            rows = [row for row in rows if account.position(bars["instrument"][row]) is None]
        self.evaluations += len(rows)
        return rows

    def _blank(self, bars: Records) -> Records:
        signals: Records = np.zeros(len(bars), self._dtype)
        signals["close"] = bars["close"]
        signals["confidence"] = 0.5
        for column in ("atr", "vwap", "value", "limit"):
            signals[column] = np.nan
        return signals

    def _decide(self, bar: Row, screened: Row, signal: Row) -> None:
        """Three gates on one decision bar, with everything they say."""
        state = self.states[bar["instrument"]]
        parts = evaluate(state, self._views(int(bar["instrument"])))
        total = parts.total
        confidence = abs(total)
        settings = self.settings
        seen = min(int(state["count"]), settings.warmup_bars)
        passed = (
            bool(screened["candidate"]),
            seen == settings.warmup_bars,
            confidence >= settings.entry_threshold,
        )
        signal["atr"] = state["atr"] if state["count"] >= WILDER else np.nan
        signal["confidence"] = confidence
        signal["features"] = parts
        signal["gate_value"] = (screened["score"], seen, confidence)
        signal["gate_threshold"] = (
            settings.min_score,
            settings.warmup_bars,
            settings.entry_threshold,
        )
        signal["gate_passed"] = passed
        if all(passed) and total != 0.0:
            signal["count"] = 1
            signal["kind"][0] = 1
            signal["side"][0] = BUY if total > 0.0 else SELL

    def _views(self, instrument: int) -> list[Float64s]:
        """The newest bars of decision, 4h and 1d, each float64[5, n], n <= WINDOW, newest last."""
        views = []
        for timeframe in TIMEFRAMES:
            count = int(self._bars[instrument, timeframe])
            end = (count - 1) % WINDOW + 1 + WINDOW
            views.append(self._windows[instrument, timeframe, :, end - min(count, WINDOW) : end])
        return views


# --- the four parts ------------------------------------------------------------------------------


def evaluate(state: Row, views: Sequence[Float64s]) -> Evaluation:
    """All parts at the newest decision bar, which is the last of the first view."""
    decision, *higher = views
    known = [decision[:, :-1], *higher]  # the decision bar is held against the bars before it
    levels = [swings(view) for view in known]
    earlier = swings(decision[:, :-SWEEP_BARS])
    return Evaluation(
        structure(decision, known, levels),
        liquidity(decision, [earlier, *levels[1:]]),
        momentum(state),
        flow(decision),
    )


def structure(decision: Float64s, known: Sequence[Float64s], levels: Sequence[Levels]) -> float:
    """Where the close stands in the range of the last 20 bars, low -1 to high +1; a spring (low
    under the last swing low, close back over it) +1, its mirror, the upthrust, -1.

    Weighted 0.5, 0.3, 0.2 over decision, 4h and 1d. Source: R. Wyckoff's trading range, spring
    and upthrust, as in D. Weis, "Trades About to Happen" (2013); the range is Donchian's channel.
    """
    _, high, low, close, _ = decision[:, -1].tolist()
    total = 0.0
    for weight, view, (floor, ceiling) in zip(TIMEFRAME_WEIGHTS, known, levels, strict=True):
        if view.shape[1] < RANGE_BARS:
            continue
        top = max(view[HIGH, -RANGE_BARS:].tolist())
        bottom = min(view[LOW, -RANGE_BARS:].tolist())
        if low < floor < close:
            total += weight
        elif high > ceiling > close:
            total -= weight
        elif top > bottom:
            total += weight * clipped(2.0 * (close - bottom) / (top - bottom) - 1.0)
    return total


def liquidity(decision: Float64s, levels: Sequence[Levels]) -> float:
    """A sweep of a prior swing with volume: of the last 6 decision bars the newest that went under
    a swing low and closed over it (+), or over a swing high and closed under it (-).

    Its volume against twice the mean of the 20 bars before the six, at most 1; a sixth less for
    each bar since; weighted over the timeframes whose swing it was. Swings of the decision bars
    are those known before the six. Source: stop orders cluster beyond extremes, and prices turn
    once they are used up: C. Osler, J. Int. Money and Finance 24 (2005) 219-241.
    """
    earlier, recent = decision[VOLUME, :-SWEEP_BARS], decision[:, -SWEEP_BARS:]
    usual = earlier[-VOLUME_BARS:].sum() / VOLUME_BARS
    if len(earlier) < VOLUME_BARS or usual == 0.0:  # too early, or an index
        return 0.0
    total = 0.0
    bars = recent[[LOW, HIGH, CLOSE, VOLUME]].T.tolist()
    for weight, (floor, ceiling) in zip(TIMEFRAME_WEIGHTS, levels, strict=True):
        for age, (low, high, close, volume) in enumerate(reversed(bars)):
            swept = int(low < floor < close) - int(high > ceiling > close)
            if swept:
                force = min(volume / (2.0 * usual), 1.0) * (1.0 - age / SWEEP_BARS)
                total += weight * force * swept
                break
    return float(total)


def momentum(state: Row) -> float:
    """Half RSI14 (30 to 70 is -1 to +1), half the slope of EMA20 (0.2 ATR a bar is 1), times
    the ADX14 of the 4h bars (40 is 1).

    Source: RSI, ATR and ADX of J. W. Wilder, "New Concepts in Technical Trading Systems" (1978).
    """
    if state["count"] <= EMA_BARS or state["higher_count"] < 2 * WILDER or state["atr"] <= 0.0:
        return 0.0
    strength = clipped((rsi(state["gain"], state["loss"]) - 50.0) / 20.0)
    slope = clipped((state["ema"] - state["ema_before"]) / (0.2 * state["atr"]))
    return float(min(state["adx"] / 40.0, 1.0) * (strength + slope) / 2.0)


def flow(decision: Float64s) -> float:
    """Twice the body and wick imbalance of the last 8 decision bars, weighted by volume.

    Of one bar: (body + lower wick - upper wick) / range, body signed, which is
    (2c - h - l) / (h - l). A proxy: bars know no orders. Source: the close location value in
    M. Chaikin's accumulation/distribution line.
    """
    bars = decision[:, -FLOW_BARS:]
    span = bars[HIGH] - bars[LOW]
    told = (2.0 * bars[CLOSE] - bars[HIGH] - bars[LOW]) / np.where(span > 0.0, span, 1.0)
    volume = bars[VOLUME].sum()
    mean = (told * bars[VOLUME]).sum() / volume if volume > 0.0 else told.mean()
    return clipped(2.0 * mean)


def swings(view: Float64s) -> Levels:
    """Low and high of the latest swings of a view: the extreme of 3 bars on each side, ties count.

    NaN: none in the view. Lists, not arrays: seven numbers are compared at a time.
    """
    lows, highs = view[LOW].tolist(), view[HIGH].tolist()
    floor = ceiling = float("nan")
    for i in range(len(lows) - 1 - SWING_REACH, SWING_REACH - 1, -1):
        if lows[i] == min(lows[i - SWING_REACH : i + SWING_REACH + 1]):
            floor = lows[i]
            break
    for i in range(len(highs) - 1 - SWING_REACH, SWING_REACH - 1, -1):
        if highs[i] == max(highs[i - SWING_REACH : i + SWING_REACH + 1]):
            ceiling = highs[i]
            break
    return floor, ceiling


def clipped(value: float) -> float:
    return float(min(max(value, -1.0), 1.0))


# --- the state -----------------------------------------------------------------------------------


@kernel
def drive(params: Records, states: Records, bars: Records, calm: Bools, rows: Records) -> None:
    """`screen_bar` and `remember` over bars of many instruments, in order."""
    for i in range(len(bars)):
        state = states[bars[i].instrument]
        screen_bar(params[0], state, bars[i], calm[i], rows[i])
        remember(state, bars[i])


@kernel
def remember(state: Row, bar: Row) -> None:
    """Put the bar into the window of its timeframe; ema += 2/(n+1) * (close - ema)."""
    timeframe = bar.timeframe
    place = state.bars[timeframe] % WINDOW
    for at in (place, place + WINDOW):
        state.window[timeframe, OPEN, at] = bar.open
        state.window[timeframe, HIGH, at] = bar.high
        state.window[timeframe, LOW, at] = bar.low
        state.window[timeframe, CLOSE, at] = bar.close
        state.window[timeframe, VOLUME, at] = bar.volume
    state.bars[timeframe] += 1
    if timeframe == DECISION:
        state.ema_before = state.ema
        if state.bars[timeframe] == 1:
            state.ema = bar.close
        else:
            state.ema = recursive_mean(state.ema, bar.close, 2.0 / (EMA_BARS + 1))
