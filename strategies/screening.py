"""The screener: which bars are worth an expensive look, told cheaply and by the past alone.

screener.md 1. One kernel, `screen_bar`, moves the indicators by one bar and says whether it is a
candidate; a screen of years, the fusion strategy's first gate and live trading all call it, so
there are no two sets of features to differ. It never sees the account and never trades.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pydantic import Field

from core.errors import ConfigError
from core.indicators import (
    ADX_FIELDS,
    adx_next,
    deviation_of_last,
    mean_of_last,
    put_sorted,
    recursive_mean,
    rsi,
    take_sorted,
    true_range,
)
from core.jit import kernel
from core.session import DAY_NS, MINUTE_NS
from core.types import Bools, Int64s, Records, Row, record
from strategies.settings import AdxLevel, Probability, Timeframe, timeframe_ns
from strategies.table import Table

HIGHER_NS = (240 * MINUTE_NS, DAY_NS)  # of the trend's strength, and of its direction
DAY, FOUR_HOURS, DECISION = 0, 1, 2  # STRATEGY_BAR.timeframe: the longest is 0

FAST, SLOW = 20, 50  # closes in the moving averages, of decision bars and of days
WILDER = 14  # bars of RSI, ATR and ADX
REGIME = 99  # ATRs with which the newest is compared
REGIME_QUANTILE = 0.75
VOLUMES, VOLUME_DEVIATIONS = 20, 2.0
MOST_MISSING = 2  # bars inside a session that may be missing without a break
LEAST_ADX = 20.0  # a side is told above it; min_adx is the candidate's own
LOW_RSI, HIGH_RSI = 30.0, 70.0
CALM_VOLATILITY = 25.0  # of the volatility index

SENTINELS = ("sma20_cross", "sma50_cross", "atr_regime", "volume_spike", "session_break")
CROSS_FAST, CROSS_SLOW, NEW_REGIME, VOLUME_SPIKE, SESSION_BREAK = 1, 2, 4, 8, 16


class ScreenKeys(Table):
    """What a candidate is: the keys that the screener and a strategy behind it share."""

    min_score: Probability = Field(0.35, description="of a candidate, at least")
    min_adx: AdxLevel = Field(22.0, description="4h ADX of a candidate, at least")
    volatility_path: str | None = Field(
        None, description="CSV or Parquet of date, value: yesterday's under 25 is calm"
    )


class ScreenSettings(ScreenKeys):
    """[screen]: the keys of `tradingd screen`; a strategy behind it takes them over."""

    decision_bar: Timeframe = Field("1h", description="bars that are screened, under 4h")

    @property
    def timeframe_ns(self) -> int:
        return timeframe_ns(self.decision_bar)


PARAMS = record([("min_score", "f8"), ("min_adx", "f8"), ("timeframe_ns", "i8")])

# Of one instrument. Whatever a bar is judged by was known when the bar before it closed ("s1").
SCREEN_FIELDS = [
    ("count", "i8"),  # decision bars seen
    ("day", "i8"),  # of the last one
    ("close_ns", "i8"),
    ("close", "f8"),
    ("gain", "f8"),  # smoothed by Wilder
    ("loss", "f8"),
    ("atr", "f8"),
    ("sma_fast", "f8"),  # NaN: not enough bars
    ("sma_slow", "f8"),
    ("regime", "i8"),  # 0 not known, 1 quiet, 2 wild
    ("regime_before", "i8"),
    ("closes", "f8", (SLOW,)),
    ("volumes", "f8", (VOLUMES,)),
    ("atrs", "f8", (REGIME,)),
    ("atrs_sorted", "f8", (REGIME + 1,)),
    ("higher_count", "i8"),  # 4h bars seen
    ("higher_high", "f8"),
    ("higher_low", "f8"),
    ("higher_close", "f8"),
    *ADX_FIELDS,
    ("day_count", "i8"),  # 1d bars seen
    ("day_closes", "f8", (SLOW,)),
]
STATE = record(SCREEN_FIELDS)

# What was found on a decision bar; a higher bar's row has no side and no sentinel.
SCREENED = record(
    [
        ("candidate", "?"),
        ("side", "i1"),  # 0: none
        ("trend", "i1"),  # of days: +1 up, -1 not up, 0 not known
        ("sentinels", "u1"),
        ("sma_fast", "f8"),
        ("sma_slow", "f8"),
        ("rsi", "f8"),
        ("atr", "f8"),
        ("adx", "f8"),
        ("score", "f8"),
    ]
)


@kernel
def screen_bar(params: Row, state: Row, bar: Row, calm: bool, row: Row) -> None:
    """One bar of one instrument: a decision bar is judged, then every bar moves the state.

    score = 0.3*clip(adx/50) + 0.2*clip((rsi-30)/40) + 0.3*trend + 0.2*calm, RSI mirrored under the
    average; candidate = a sentinel, a side, score >= min_score and adx >= min_adx.
    """
    row.candidate = False
    row.side = 0
    row.trend = 0
    row.sentinels = 0
    if bar.timeframe == DAY:
        state.day_closes[state.day_count % SLOW] = bar.close
        state.day_count += 1
    elif bar.timeframe == FOUR_HOURS:
        add_four_hours(state, bar)
    else:
        judge(params, state, bar, calm, row)
        add_decision_bar(state, bar)


@kernel
def judge(params: Row, state: Row, bar: Row, calm: bool, row: Row) -> None:
    """Hold the bar against what was known before it; what is undefined is NaN, decides nothing."""
    close = bar.close
    fast = state.sma_fast if state.count >= FAST else np.nan
    slow = state.sma_slow if state.count >= SLOW else np.nan
    strength = rsi(state.gain, state.loss) if state.count > WILDER else np.nan
    adx = state.adx if state.higher_count >= 2 * WILDER and state.adx_seeded else np.nan
    trend = 0
    if state.day_count >= SLOW:
        over = mean_of_last(state.day_closes, state.day_count, FAST) > mean_of_last(
            state.day_closes, state.day_count, SLOW
        )
        trend = 1 if over else -1
    up, down = close > fast, close < fast

    sentinels = 0
    if crossed(state.close, close, fast):
        sentinels |= CROSS_FAST
    if crossed(state.close, close, slow):
        sentinels |= CROSS_SLOW
    if state.regime_before > 0 and state.regime != state.regime_before:
        sentinels |= NEW_REGIME
    usual = mean_of_last(state.volumes, state.count, VOLUMES)
    spread = deviation_of_last(state.volumes, state.count, VOLUMES)
    if bar.volume > usual + VOLUME_DEVIATIONS * spread:
        sentinels |= VOLUME_SPIKE
    missing_ns = bar.open_ns - state.close_ns
    if state.count > 0 and bar.day == state.day and missing_ns > MOST_MISSING * params.timeframe_ns:
        sentinels |= SESSION_BREAK

    side = 0
    if up and strength < HIGH_RSI and adx > LEAST_ADX:
        side = 1
    elif down and strength > LOW_RSI and adx > LEAST_ADX:
        side = -1
    mirrored = 100.0 - strength if down else strength
    aligned = (up and trend > 0) or (down and trend < 0)
    score = 0.3 * min(adx / 50.0, 1.0)
    score += 0.2 * min(max((mirrored - LOW_RSI) / (HIGH_RSI - LOW_RSI), 0.0), 1.0)
    score += 0.3 if aligned else 0.0
    score += 0.2 if calm else 0.0

    row.side = side
    row.trend = trend
    row.sentinels = sentinels
    row.sma_fast = fast
    row.sma_slow = slow
    row.rsi = strength
    row.atr = state.atr if state.count >= WILDER else np.nan
    row.adx = adx
    row.score = score
    row.candidate = (
        sentinels > 0 and side != 0 and score >= params.min_score and adx >= params.min_adx
    )


@kernel
def crossed(previous_close: float, close: float, mean: float) -> bool:
    """Whether the close changed sides of an average that was known before it did."""
    return previous_close <= mean < close or previous_close >= mean > close


@kernel
def add_decision_bar(state: Row, bar: Row) -> None:
    """Move what the next bar is judged by: averages, RSI, ATR and its regime, volumes."""
    count = state.count + 1
    if count == 1:
        state.atr = bar.high - bar.low
    else:
        gain, loss = max(bar.close - state.close, 0.0), max(state.close - bar.close, 0.0)
        if count == 2:
            state.gain = gain
            state.loss = loss
        else:
            state.gain = recursive_mean(state.gain, gain, 1.0 / WILDER)
            state.loss = recursive_mean(state.loss, loss, 1.0 / WILDER)
        range_ = true_range(bar.high, bar.low, state.close)
        state.atr = recursive_mean(state.atr, range_, 1.0 / WILDER)
    state.closes[(count - 1) % SLOW] = bar.close
    state.volumes[(count - 1) % VOLUMES] = bar.volume
    state.sma_fast = mean_of_last(state.closes, count, FAST)
    state.sma_slow = mean_of_last(state.closes, count, SLOW)
    if count >= WILDER:
        add_atr(state, count - WILDER)
    state.count = count
    state.day = bar.day
    state.close = bar.close
    state.close_ns = bar.close_ns


@kernel
def add_atr(state: Row, known: int) -> None:
    """Compare the ATR with the `known` ones before it, 99 at most, then put it among them.

    wild if over their 75th percentile, interpolated between neighbours; 0 while they are fewer.
    """
    state.regime_before = state.regime
    place = known % REGIME
    if known < REGIME:
        put_sorted(state.atrs_sorted, known, state.atr)
    else:
        position = REGIME_QUANTILE * (REGIME - 1)
        below = int(position)
        low, high = state.atrs_sorted[below], state.atrs_sorted[below + 1]
        state.regime = 2 if state.atr > low + (position - below) * (high - low) else 1
        take_sorted(state.atrs_sorted, REGIME, state.atrs[place])
        put_sorted(state.atrs_sorted, REGIME - 1, state.atr)
    state.atrs[place] = state.atr


@kernel
def add_four_hours(state: Row, bar: Row) -> None:
    """Wilder's ADX of the 4h bars."""
    state.higher_count += 1
    range_ = bar.high - bar.low
    if state.higher_count > 1:
        range_ = true_range(bar.high, bar.low, state.higher_close)
    adx_next(
        state,
        state.higher_count,
        bar.high,
        bar.low,
        state.higher_high,
        state.higher_low,
        range_,
        1.0 / WILDER,
    )
    state.higher_high = bar.high
    state.higher_low = bar.low
    state.higher_close = bar.close


@kernel
def drive(params: Records, states: Records, bars: Records, calm: Bools, rows: Records) -> None:
    """`screen_bar` over bars of many instruments, in order."""
    for i in range(len(bars)):
        screen_bar(params[0], states[bars[i].instrument], bars[i], calm[i], rows[i])


# --- around the kernel ---------------------------------------------------------------------------


class Candidates(NamedTuple):
    """What a screener found: rows of the bars it was given, in order; one bar may have two."""

    rows: Int64s
    sides: Int64s  # +1, -1
    scores: np.ndarray
    reasons: Int64s  # bit k: names[k]
    names: tuple[str, ...]


def timeframes_of(decision_ns: int) -> tuple[int, ...]:
    """The decision timeframe, then the higher ones. Raises ConfigError."""
    if decision_ns >= HIGHER_NS[0]:
        raise ConfigError("decision bars of the screener must be shorter than 4h")
    return (decision_ns, *HIGHER_NS)


def params_of(keys: ScreenKeys, decision_ns: int) -> Records:
    """PARAMS[1]."""
    params: Records = np.zeros(1, PARAMS)
    params["min_score"], params["min_adx"] = keys.min_score, keys.min_adx
    params["timeframe_ns"] = decision_ns
    return params


def screen(keys: ScreenKeys, decision_ns: int, bars: Records, calm: Bools) -> Records:
    """SCREENED rows of `bars`: STRATEGY_BAR of `timeframes_of`, in order, from the first on."""
    states: Records = np.zeros(int(bars["instrument"].max(initial=-1)) + 1, STATE)
    rows: Records = np.zeros(len(bars), SCREENED)
    drive(params_of(keys, decision_ns), states, bars, calm, rows)
    return rows


def candidates(keys: ScreenKeys, decision_ns: int, bars: Records, calm: Bools) -> Candidates:
    """The screener's own candidates among `bars`."""
    screened = screen(keys, decision_ns, bars, calm)
    rows = np.flatnonzero(screened["candidate"])
    found = screened[rows]
    return Candidates(
        rows=rows,
        sides=found["side"].astype(np.int64),
        scores=found["score"],
        reasons=found["sentinels"].astype(np.int64),
        names=SENTINELS,
    )


def reasons_text(reasons: int, names: Sequence[str]) -> str:
    """Names of the bits that are set, as the file lists them."""
    return ",".join(name for bit, name in enumerate(names) if reasons >> bit & 1)
