"""The table [live]: its ranges, and that it names an account in the broker's form."""

import pytest

from brokers.upstox.limits import OrderLimits
from core.errors import ConfigError
from daemon.consent.settings import LiveSettings
from strategies.brakes import BrakeSettings
from strategies.table import table


def test_the_limits_of_orders_are_those_that_are_configured() -> None:
    own = table(LiveSettings, {"orders_per_second": 3})
    brakes = BrakeSettings(max_orders_per_day=60, orders_kept_for_exits=20)

    assert OrderLimits(per_second=3, per_day=60, kept_for_exits=20) == own.limits(brakes)
    assert OrderLimits() == LiveSettings().limits(BrakeSettings())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"account": "ab1234"}, "live.account .*an account id has capitals and digits"),
        ({"account": "AB|1234"}, "live.account .*an account id has capitals and digits"),
        ({"orders_per_second": 10}, "live.orders_per_second = 10 is not allowed: .* <= 9"),
        ({"acount": "AB1234"}, 'unknown key "live.acount": did you mean "account"'),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        table(LiveSettings, values, "live")
