"""Settings as arrays: every key arrives where the rules read it, rupees as paise."""

import numpy as np
import pytest

from core.errors import ConfigError
from core.session import MINUTE_NS
from core.types import Instrument, InstrumentId, Market, SessionClass
from strategies.settings import RiskSettings, StrategySettings
from strategies.terms import limits_row, open_holdings, terms_rows

RISK = RiskSettings().for_market(Market.NSE)


def test_defaults_of_the_specification_arrive() -> None:
    row = limits_row(RISK)[0]

    assert (10_000_000, 500_000, 10) == (
        row.initial_cash_paise,
        row.max_daily_loss_paise,
        row.max_entries_per_day,
    )
    assert (5.0, 100_000.0, 2.0, False) == (
        row.leverage,
        row.max_capital,
        row.slippage_bps,
        row.fill_on_close,
    )
    assert np.isinf([row.max_quantity, row.max_notional_per_order]).all()


def test_limits_that_are_set_arrive() -> None:
    risk = RiskSettings(
        max_quantity=7, max_notional_per_order=999.5, fill_on="close", initial_cash=20_000.55
    ).for_market(Market.NSE)
    row = limits_row(risk)[0]

    assert (7.0, 999.5, True, 2_000_055) == (
        row.max_quantity,
        row.max_notional_per_order,
        row.fill_on_close,
        row.initial_cash_paise,
    )


def test_terms_come_in_configured_order_with_the_resamplers_numbers() -> None:
    strategies = [
        StrategySettings(timeframe="5m", sl_mult=1.5, cooldown_bars=0),
        StrategySettings(timeframe="1h", gap_policy="accept", time_stop_bars=4),
    ]
    rows = terms_rows(strategies, [60 * MINUTE_NS, 5 * MINUTE_NS])

    assert [1, 0] == rows["timeframe"].tolist()
    assert [False, True] == rows["accept_gaps"].tolist()
    assert [1.5, 1.0] == rows["sl_mult"].tolist()
    assert [12, 4] == rows["time_stop_bars"].tolist()
    assert [0, 3] == rows["cooldown_bars"].tolist()
    assert [500.0, 500.0] == rows["risk_per_trade"].tolist()


def test_a_book_knows_group_and_tick_of_each_instrument() -> None:
    kinds = [SessionClass.CASH, SessionClass.CASH_AUCTION, SessionClass.ALWAYS_OPEN]
    instruments = [Instrument(InstrumentId(k.name), k.name, k) for k in kinds]
    instruments[1] = Instrument(InstrumentId("B"), "B", kinds[1], tick_paise=10)
    holdings = open_holdings(RISK, [StrategySettings()], instruments, [0, 1, 2], [15 * MINUTE_NS])

    assert [0, 1, 2] == holdings.instruments["group"].tolist()
    assert [0, 10, 1] == holdings.instruments["tick_paise"].tolist()
    assert (1, 3) == holdings.since_exit.shape


def test_told_fills_arrive_and_cannot_be_those_of_a_close() -> None:
    told = open_holdings(RISK, [StrategySettings()], [], [], [15 * MINUTE_NS], fills_are_told=True)
    on_close = RISK.model_copy(update={"fill_on": "close"})

    assert told.limits[0].fills_are_told
    with pytest.raises(ConfigError, match="no broker fills at a past close"):
        open_holdings(on_close, [StrategySettings()], [], [], [], fills_are_told=True)
