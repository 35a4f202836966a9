"""What a user may set for the breakers of a live book: names, defaults and ranges (ADR 0037).

The defaults are for an account of one lakh. A breaker can be set wide, never off.
"""

from pydantic import Field, model_validator

from strategies.settings import Count, CountFromZero, Rupees
from strategies.table import Table


class BrakeSettings(Table):
    """Breakers of mode live; in any other mode they are off."""

    max_positions: Count = Field(5, description="open positions and pending entries together")
    max_exposure: Rupees = Field(
        300_000.0, description="rupees in positions and pending entries; beyond it none is sent"
    )
    max_orders_per_minute: Count = Field(
        30, description="orders, changes and cancels before an entry trips the breaker"
    )
    max_orders_per_day: Count = Field(100, description="orders, changes and cancels")
    orders_kept_for_exits: CountFromZero = Field(40, description="of a day's, for no entry to use")
    max_rejects: Count = Field(3, description="refused orders, changes and cancels in a row")
    max_feed_doubt_minutes: Count = Field(15, description="in a row without a feed to be trusted")
    max_clock_doubt_minutes: Count = Field(
        2, description="in a row in which our clock and the exchange's differ by over 2 s"
    )

    @model_validator(mode="after")
    def _entries_have_room(self) -> "BrakeSettings":
        if self.orders_kept_for_exits >= self.max_orders_per_day:
            raise ValueError(
                f"orders_kept_for_exits {self.orders_kept_for_exits} leaves no entry any of"
                f" max_orders_per_day {self.max_orders_per_day}"
            )
        return self

    @property
    def limits(self) -> dict[str, float]:
        """As LIMITS has them."""
        of_entries = self.max_orders_per_day - self.orders_kept_for_exits
        values = self.model_dump(exclude={"max_orders_per_day", "orders_kept_for_exits"})
        return {**values, "max_orders_of_entries": of_entries}
