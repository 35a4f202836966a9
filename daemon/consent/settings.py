"""What the configuration says of real orders: whose account it may be, and how quick its calls.

One of three acts that mode live needs (docs/live.md); by itself it switches nothing on.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from brokers.upstox.limits import BROKER_WINDOWS, OrderLimits
from strategies.brakes import BrakeSettings
from strategies.table import Table

ACCOUNT = re.compile(r"[A-Z0-9]{2,20}")  # part of every signal id, hence no separator


def _account(account: str) -> str:
    if account and not ACCOUNT.fullmatch(account):
        raise ValueError("an account id has capitals and digits, such as AB1234")
    return account


class LiveSettings(Table):
    """Real orders."""

    account: Annotated[str, AfterValidator(_account)] = Field(
        "",
        description="the broker's user id that may be traded in mode live; only this file can say",
    )
    orders_per_second: int = Field(
        2, ge=1, le=BROKER_WINDOWS[1], description="calls to the broker before an entry waits"
    )
    accept_dirty_tree: bool = Field(
        False, description="trade with a program that differs from its commit, or has none"
    )

    def limits(self, brakes: BrakeSettings) -> OrderLimits:
        """The pace of calls; how many a day has is a matter of the breakers."""
        return OrderLimits(
            per_second=self.orders_per_second,
            per_day=brakes.max_orders_per_day,
            kept_for_exits=brakes.orders_kept_for_exits,
        )
