"""How many connections the broker allows: more instruments than they hold are refused at once."""

import math

import pytest

from backtest.run import session_terms
from cli.config_commands import configuration
from cli.sandbox_source import OwnSandbox
from core.errors import ConfigError
from core.types import Instrument, InstrumentId, Market, SessionClass
from daemon.upstox.source import UpstoxSource
from providers.upstox.feed import Allowance
from providers.upstox.rest import UpstoxRest
from strategies.settings import RiskSettings

SHARES = [Instrument(InstrumentId(f"NSE_EQ|{s}"), s, SessionClass.CASH_AUCTION) for s in "AB"]


def test_more_instruments_than_all_connections_hold_are_refused() -> None:
    venue = OwnSandbox(seed=1, speed=math.inf, accept=frozenset())
    with pytest.raises(ConfigError, match="2 instruments over 1: the broker allows 1 connections"):
        UpstoxSource(
            venue,
            UpstoxRest(venue.token),
            SHARES,
            terms=session_terms(RiskSettings().for_market(Market.NSE)),
            history_sessions=1,
            grace_ns=1,
            allowance=Allowance(keys=1, connections=1),
        )


@pytest.mark.parametrize(
    ("connections", "is_right"), [(1, True), (5, True), (0, False), (6, False)]
)
def test_how_many_connections_there_are_is_configured(connections: int, is_right: bool) -> None:
    wanted = {"upstox": {"connections": connections}}
    if not is_right:
        with pytest.raises(ConfigError, match=r"upstox\.connections"):
            configuration(None, None, wanted)
        return

    assert connections == configuration(None, None, wanted).settings.upstox.connections
