"""What the configuration says of real orders: whose account it may be, and how many calls.

One of three acts that mode live needs (docs/live.md); by itself it switches nothing on.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from brokers.upstox.limits import BROKER_WINDOWS, OrderLimits
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
    orders_per_day: int = Field(100, ge=1, le=10_000, description="calls to the broker")
    kept_for_exits: int = Field(40, ge=0, le=10_000, description="of these no entry may use")
    accept_dirty_tree: bool = Field(
        False, description="trade with a program that differs from its commit, or has none"
    )

    @model_validator(mode="after")
    def _leaves_some_for_entries(self) -> "LiveSettings":
        if self.kept_for_exits >= self.orders_per_day:
            raise ValueError(
                f"kept_for_exits = {self.kept_for_exits} leaves nothing of"
                f" orders_per_day = {self.orders_per_day} for entries"
            )
        return self

    @property
    def limits(self) -> OrderLimits:
        return OrderLimits(
            per_second=self.orders_per_second,
            per_day=self.orders_per_day,
            kept_for_exits=self.kept_for_exits,
        )
