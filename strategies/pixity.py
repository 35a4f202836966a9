"""PixityAI: breakouts of causal swing levels with the trend, and returns into a VWAP band.

pixity.md 1-4, whole: what the bars are is the resampler's business, whether an event is acted upon
the account's. The meta-model of section 4 looks at the features of events that were raised.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from core.errors import ConfigError
from core.indicators import ADX_FIELDS, adx_next, is_peak, recursive_mean, true_range, z_score
from core.jit import kernel
from core.types import Records, Row, record
from strategies import model
from strategies.forest import Judge
from strategies.kernel import KernelSpec, KernelStrategy, blank, gate, raise_event
from strategies.screening import Candidates
from strategies.settings import AdxLevel, Count, Multiple, Probability, StrategySettings

MAX_SWING_PERIOD = 100
VOLUME_BARS, VOLUME_LEAST = 100, 20
IST_MINUTES, DAY_MINUTES = 330, 1440

TREND, REVERSION = 1, 2
BUY, SELL = 1, -1
KINDS = ("TREND", "REVERSION")
GATES = (
    "warmup_bars",
    "trend_buy_close_over_vwap",
    "trend_buy_ema_fast_over_slow",
    "trend_buy_previous_close_at_most_swing_high",
    "trend_buy_close_over_swing_high",
    "trend_sell_close_under_vwap",
    "trend_sell_ema_fast_under_slow",
    "trend_sell_previous_close_at_least_swing_low",
    "trend_sell_close_under_swing_low",
    "reversion_adx_under_limit",
    "reversion_same_day",
    "reversion_buy_previous_close_under_band",
    "reversion_buy_close_at_least_band",
    "reversion_sell_previous_close_over_band",
    "reversion_sell_close_at_most_band",
)
FEATURES = ("vwap_dist", "ema_slope", "atr_pct", "adx", "hour", "minute", "vol_z")
FEATURES_DEPEND_ON = ("timeframe", "ema_fast", "atr_period", "adx_period")


# Not `Count = Field(5, le=...)`: the bounds within an Annotated type win over those of the default.
SwingPeriod = Annotated[int, Field(ge=1, le=MAX_SWING_PERIOD)]


class PixitySettings(StrategySettings):
    """pixity.md 1. Defaults are the strategy's; see there for what each means."""

    ema_fast: Count = Field(20, description="bars of the fast EMA")
    ema_slow: Count = Field(50, description="bars of the slow EMA")
    atr_period: Count = Field(14, description="bars of Wilder's ATR")
    adx_period: Count = Field(14, description="bars of Wilder's ADX")
    swing_period: SwingPeriod = Field(5, description="bars on each side of a swing")
    reversion_k: Multiple = Field(2.0, description="band half-width in ATR")
    adx_limit: AdxLevel = Field(25.0, description="reversion only below this ADX")
    skip_reversion: bool = Field(False, description="drop both reversion kinds")
    skip_meta_model: bool = Field(True, description="trade every event, ask no model")
    model_path: str | None = Field(None, description="needed when skip_meta_model = false")
    long_threshold: Probability = Field(0.45, description="meta-model pass mark of a BUY")
    short_threshold: Probability = Field(0.45, description="meta-model pass mark of a SELL")
    model_hash: str | None = Field(
        None, description="of the model in use, found at start: another model is another strategy"
    )

    @field_validator("model_hash")
    @classmethod
    def _of_the_model_in_use(cls, known: str | None, info: ValidationInfo) -> str | None:
        """The model is read and checked wherever settings are made, and is part of their identity.

        `known`: of a run whose settings these are; then no other model will do.
        """
        if info.data.get("skip_meta_model", True):
            return None
        path = info.data.get("model_path")
        if path is None:
            raise ConfigError("skip_meta_model = false needs model_path: the folder of a model")
        found = model.load(path, wanted(info.data)).sha256
        if known not in (None, found):
            raise ConfigError(f"model {path}: is {found[:16]}, these settings know {known[:16]}")
        return found


def wanted(settings: Mapping[str, Any]) -> model.Wanted:
    """What a model for a PixityAI with these settings must be made for."""
    made_with = {key: settings[key] for key in FEATURES_DEPEND_ON if key in settings}
    return model.Wanted(strategy="pixity", features=FEATURES, settings=made_with)


PARAMS = record(
    [
        ("ema_fast", "i8"),
        ("ema_slow", "i8"),
        ("atr_period", "i8"),
        ("adx_period", "i8"),
        ("swing_period", "i8"),
        ("warmup_bars", "i8"),
        ("reversion_k", "f8"),
        ("adx_limit", "f8"),
        ("skip_reversion", "?"),
    ]
)

STATE = record(
    [
        ("count", "i8"),  # strategy bars seen
        ("day", "i8"),  # session date of the last bar
        ("high", "f8"),  # of the last bar
        ("low", "f8"),
        ("close", "f8"),
        ("ema_fast", "f8"),
        ("ema_slow", "f8"),
        ("atr", "f8"),
        *ADX_FIELDS,
        ("day_bars", "i8"),  # VWAP sums since the day's first strategy bar
        ("day_typical", "f8"),
        ("day_turnover", "f8"),
        ("day_volume", "f8"),
        ("swing_high", "f8"),  # NaN: none known
        ("swing_low", "f8"),
        ("highs", "f8", (2 * MAX_SWING_PERIOD + 1,)),
        ("lows", "f8", (2 * MAX_SWING_PERIOD + 1,)),
        ("volumes", "f8", (VOLUME_BARS,)),
    ]
)


@kernel
def step(params: Row, state: Row, bar: Row, signal: Row) -> None:
    """One strategy bar of one instrument: indicators first, then the four events in order.

    ema += 2/(n+1) * (close - ema); atr += 1/n * (TR - atr); vwap = sum(tp*v)/sum(v) of the day;
    swing level = extreme of the latest swing confirmed by now. Undefined ADX, ATR: NaN, no
    reversion.
    """
    previous_close, previous_ema = state.close, state.ema_fast
    same_day = state.count > 0 and state.day == bar.day
    atr, adx = update(params, state, bar, same_day)
    vwap = state.day_typical / state.day_bars
    if state.day_volume > 0.0:
        vwap = state.day_turnover / state.day_volume
    close, band = bar.close, params.reversion_k * atr
    lower, upper = vwap - band, vwap + band

    blank(signal, bar)
    signal.atr = atr
    signal.vwap = vwap
    seen = min(state.count, params.warmup_bars)
    warm = gate(signal, 0, seen, params.warmup_bars, seen == params.warmup_bars)
    fast, slow, high, low = state.ema_fast, state.ema_slow, state.swing_high, state.swing_low
    buy = gate(signal, 1, close, vwap, close > vwap)
    buy &= gate(signal, 2, fast, slow, fast > slow)
    buy &= gate(signal, 3, previous_close, high, previous_close <= high)
    buy &= gate(signal, 4, close, high, close > high)
    sell = gate(signal, 5, close, vwap, close < vwap)
    sell &= gate(signal, 6, fast, slow, fast < slow)
    sell &= gate(signal, 7, previous_close, low, previous_close >= low)
    sell &= gate(signal, 8, close, low, close < low)
    calm = gate(signal, 9, adx, params.adx_limit, adx < params.adx_limit)
    calm &= gate(signal, 10, state.day_bars, 2.0, same_day)
    calm &= not params.skip_reversion
    back_up = gate(signal, 11, previous_close, lower, previous_close < lower)
    back_up &= gate(signal, 12, close, lower, close >= lower)
    back_down = gate(signal, 13, previous_close, upper, previous_close > upper)
    back_down &= gate(signal, 14, close, upper, close <= upper)
    if not warm:
        return
    if buy:
        raise_event(signal, TREND, BUY)
    if sell:
        raise_event(signal, TREND, SELL)
    if calm and back_up:
        raise_event(signal, REVERSION, BUY)
    if calm and back_down:
        raise_event(signal, REVERSION, SELL)
    if signal.count > 0:
        set_features(signal, state, bar, atr, adx, vwap, previous_ema)


@kernel
def update(params: Row, state: Row, bar: Row, same_day: bool) -> tuple[float, float]:
    """Move every recurrence by one bar; returns (ATR, ADX), NaN while undefined."""
    state.count += 1
    count = state.count
    if count == 1:
        range_ = bar.high - bar.low
        state.ema_fast = bar.close
        state.ema_slow = bar.close
        state.atr = range_
        state.swing_high = np.nan
        state.swing_low = np.nan
    else:
        range_ = true_range(bar.high, bar.low, state.close)
        state.ema_fast = recursive_mean(state.ema_fast, bar.close, 2.0 / (params.ema_fast + 1))
        state.ema_slow = recursive_mean(state.ema_slow, bar.close, 2.0 / (params.ema_slow + 1))
        state.atr = recursive_mean(state.atr, range_, 1.0 / params.atr_period)
    adx_next(
        state, count, bar.high, bar.low, state.high, state.low, range_, 1.0 / params.adx_period
    )
    if not same_day:
        state.day_bars = 0
        state.day_typical = 0.0
        state.day_turnover = 0.0
        state.day_volume = 0.0
    typical = (bar.high + bar.low + bar.close) / 3.0
    state.day_bars += 1
    state.day_typical += typical
    state.day_turnover += typical * bar.volume
    state.day_volume += bar.volume
    state.volumes[(count - 1) % VOLUME_BARS] = bar.volume
    reach = params.swing_period
    length = 2 * reach + 1
    state.highs[(count - 1) % length] = bar.high
    state.lows[(count - 1) % length] = bar.low
    if is_peak(state.highs, count, reach, 1):
        state.swing_high = state.highs[(count - 1 - reach) % length]
    if is_peak(state.lows, count, reach, -1):
        state.swing_low = state.lows[(count - 1 - reach) % length]
    state.day = bar.day
    state.high = bar.high
    state.low = bar.low
    state.close = bar.close
    atr = state.atr if count >= params.atr_period else np.nan
    adx = state.adx if count >= 2 * params.adx_period and state.adx_seeded else np.nan
    return atr, adx


@kernel
def set_features(
    signal: Row,
    state: Row,
    bar: Row,
    atr: float,
    adx: float,
    vwap: float,
    previous_ema: float,
) -> None:
    """The seven features of pixity.md 4, in order; undefined ones are 0."""
    minute = (bar.open_ns // 60_000_000_000 + IST_MINUTES) % DAY_MINUTES
    signal.features[0] = (bar.close - vwap) / vwap
    signal.features[1] = (state.ema_fast - previous_ema) / previous_ema if state.count > 1 else 0.0
    signal.features[2] = 0.0 if np.isnan(atr) else atr / bar.close
    signal.features[3] = 0.0 if np.isnan(adx) else adx
    signal.features[4] = minute // 60
    signal.features[5] = minute % 60
    signal.features[6] = z_score(state.volumes, state.count, VOLUME_LEAST)


@kernel
def drive(params: Records, states: Records, bars: Records, signals: Records) -> None:
    """`step` over bars of many instruments, in order."""
    for i in range(len(bars)):
        step(params[0], states[bars[i].instrument], bars[i], signals[i])


def judge_of(settings: StrategySettings) -> Judge | None:
    """The meta-model of the settings, which was checked when they were made."""
    assert isinstance(settings, PixitySettings)
    if settings.model_path is None or settings.model_hash is None:
        return None
    forest = model.forest_of(settings.model_path, settings.model_hash)
    return Judge(forest, settings.long_threshold, settings.short_threshold)


SPEC = KernelSpec(
    name="pixity",
    settings=PixitySettings,
    params=PARAMS,
    state=STATE,
    kinds=KINDS,
    gates=GATES,
    features=FEATURES,
    drive=drive,
    judge=judge_of,
)


# --- screening -----------------------------------------------------------------------------------

SCREENED_BY = ("timeframe", "swing_period", "reversion_k", "atr_period")
LOOKS = (  # reason, side, and the two gates that make it: an entry needs one of these
    ("swing_high_cross", BUY, 3, 4),
    ("swing_low_cross", SELL, 7, 8),
    ("lower_band_return", BUY, 11, 12),
    ("upper_band_return", SELL, 13, 14),
)


def candidates(settings: PixitySettings, bars: Records) -> Candidates:
    """Bars on which the close crosses a causal swing level or re-crosses a band.

    Read from the gates of the step that trades, so no entry can be missing. A bar with both sides
    has two rows; there are no degrees, so every score is 1.
    """
    settings = settings.model_copy(update={"skip_meta_model": True, "model_path": None})
    strategy = KernelStrategy(SPEC, settings, int(bars["instrument"].max(initial=-1)) + 1)
    passed = strategy.on_bars(bars)["gate_passed"] > 0
    reasons = np.zeros((len(bars), 2), np.int64)
    for bit, (_, side, before, now) in enumerate(LOOKS):
        reasons[passed[:, before] & passed[:, now], int(side == SELL)] |= 1 << bit
    rows, sides = np.nonzero(reasons)
    return Candidates(
        rows=rows,
        sides=np.where(sides == 0, BUY, SELL),
        scores=np.ones(len(rows)),
        reasons=reasons[rows, sides],
        names=tuple(reason for reason, *_ in LOOKS),
    )
