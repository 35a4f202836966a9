"""Settings as the arrays the rules read: one LIMITS row for the book, one TERMS row a strategy."""

from collections.abc import Sequence

import numpy as np

from core.errors import ConfigError
from core.rules.holdings import BRAKES, LIMITS, TERMS, UNLIMITED, Holdings, new_holdings
from core.rules.ticks import instrument_tick_paise
from core.types import INSTRUMENT, Instrument, Records, SessionClass
from strategies.brakes import BrakeSettings
from strategies.settings import MarketRisk, StrategySettings


def limits_row(risk: MarketRisk, brakes: BrakeSettings | None = None) -> Records:
    """LIMITS[1] of the risk table; rupees become paise where they are only compared.

    `brakes`: of a live book; any other has none.
    """
    row: Records = np.zeros(1, LIMITS)
    row["initial_cash_paise"] = round(risk.initial_cash * 100)
    row["leverage"] = risk.leverage
    row["max_capital"] = risk.max_capital
    row["max_daily_loss_paise"] = round(risk.max_daily_loss * 100)
    row["max_entries_per_day"] = risk.max_entries_per_day
    row["max_quantity"] = UNLIMITED if risk.max_quantity is None else risk.max_quantity
    notional = risk.max_notional_per_order
    row["max_notional_per_order"] = UNLIMITED if notional is None else notional
    row["slippage_bps"] = risk.slippage_bps
    row["fill_on_close"] = risk.fill_on == "close"
    values = dict.fromkeys(BRAKES, UNLIMITED) if brakes is None else brakes.limits
    for name, value in values.items():
        row[name] = value
    return row


def terms_rows(strategies: Sequence[StrategySettings], timeframes_ns: Sequence[int]) -> Records:
    """TERMS[k], in configured order; `timeframes_ns` as the resampler numbers them."""
    rows: Records = np.zeros(len(strategies), TERMS)
    for row, settings in zip(rows, strategies, strict=True):
        row["timeframe"] = list(timeframes_ns).index(settings.timeframe_ns)
        row["accept_gaps"] = settings.gap_policy == "accept"
        for name in ("risk_per_trade", "sl_mult", "tp_mult", "time_stop_bars", "cooldown_bars"):
            row[name] = getattr(settings, name)
    return rows


def open_holdings(
    risk: MarketRisk,
    strategies: Sequence[StrategySettings],
    instruments: Sequence[Instrument],
    groups: Sequence[int],
    timeframes_ns: Sequence[int],
    *,
    fills_are_told: bool = False,
    brakes: BrakeSettings | None = None,
) -> Holdings:
    """A flat book over `instruments`; `groups` are their session groups. Raises ConfigError."""
    if fills_are_told and risk.fill_on == "close":
        raise ConfigError(
            'fill_on = "close" is for comparison only: no broker fills at a past close'
        )
    rows: Records = np.zeros(len(instruments), INSTRUMENT)
    for row, instrument, group in zip(rows, instruments, groups, strict=True):
        always_open = instrument.session_class is SessionClass.ALWAYS_OPEN
        row["group"] = group
        row["watched"] = instrument.is_watched
        row["tick_paise"] = instrument_tick_paise(instrument, always_open=always_open)
    limits = limits_row(risk, brakes)
    limits["fills_are_told"] = fills_are_told
    return new_holdings(limits, terms_rows(strategies, timeframes_ns), rows)
