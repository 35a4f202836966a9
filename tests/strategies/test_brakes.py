"""What a user may set for the breakers: sane for one lakh, in range, and for a live book alone."""

import math

import pytest

from core.errors import ConfigError
from core.rules.holdings import BRAKES
from core.types import Market
from strategies.brakes import BrakeSettings
from strategies.settings import RiskSettings
from strategies.table import table
from strategies.terms import limits_row

RISK = RiskSettings().for_market(Market.NSE)


def test_only_a_live_book_has_brakes() -> None:
    off, on = limits_row(RISK)[0], limits_row(RISK, BrakeSettings())[0]

    assert {math.inf} == {float(off[name]) for name in BRAKES}
    assert [5, 300_000, 30, 60, 3, 15, 2] == [float(on[name]) for name in BRAKES]


def test_the_defaults_leave_room_within_the_risk_of_an_account_of_one_lakh() -> None:
    brakes = BrakeSettings()

    assert RISK.initial_cash < brakes.max_exposure < RISK.max_capital * RISK.leverage
    assert RISK.max_entries_per_day <= brakes.limits["max_orders_of_entries"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"max_positions": 0}, "max_positions = 0"),
        ({"max_exposure": "nan"}, "max_exposure"),
        ({"max_exposure": 1e11}, "max_exposure"),
        ({"max_rejects": True}, "max_rejects"),
        ({"max_orders_per_minute": 1.5}, "max_orders_per_minute"),
        ({"max_clock_doubt_minutes": -1}, "max_clock_doubt_minutes"),
        ({"max_orders": 7}, "max_orders"),
        ({"max_orders_per_day": 40}, "orders_kept_for_exits 40 leaves no entry any"),
    ],
)
def test_what_is_no_limit_is_refused_and_named(values: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        table(BrakeSettings, values)

    assert told in str(refused.value)
