"""Orders that wait for a price (GTT), as values: their rules, and how they are asked for and told.

One entry, or an entry with a target, a stop loss or both. Pure: who watches prices is `gtt.py`.
"""

from dataclasses import dataclass, field
from typing import Any

from core.session import DAY_NS
from sandbox.answers import Json, Refused
from sandbox.market.universe import Listing
from sandbox.market.world import MS_NS
from sandbox.orders.terms import INVALID

LIVES_MS = 365 * DAY_NS // MS_NS
STRATEGIES = {
    "SINGLE": ({"ENTRY"},),
    "MULTIPLE": ({"ENTRY", "TARGET"}, {"ENTRY", "STOPLOSS"}, {"ENTRY", "TARGET", "STOPLOSS"}),
}
TRIGGERS = ("ABOVE", "BELOW", "IMMEDIATE")
SCHEDULED, PENDING, TRIGGERED, CANCELLED = "SCHEDULED", "PENDING", "TRIGGERED", "CANCELLED"


@dataclass(slots=True, kw_only=True)
class Rule:
    """One leg. A target and a stop are PENDING until the entry has traded."""

    strategy: str
    trigger_type: str
    trigger_paise: int
    trailing_paise: int = 0
    protection_percent: float = 0.0
    status: str = SCHEDULED
    order_id: str | None = None

    def is_met(self, sign: int, price_paise: int) -> bool:
        """Whether `price_paise` is where it waits; `sign`: of the entry."""
        beyond = price_paise - self.trigger_paise
        if self.strategy == "TARGET":
            return sign * beyond >= 0
        if self.strategy == "STOPLOSS":
            return sign * beyond <= 0
        if self.trigger_type == "IMMEDIATE":
            return True
        return beyond >= 0 if self.trigger_type == "ABOVE" else beyond <= 0

    def trail(self, sign: int, price_paise: int) -> None:
        """A stop with a gap follows the best price."""
        if self.trailing_paise:
            follows = price_paise - sign * self.trailing_paise
            self.trigger_paise = sign * max(sign * self.trigger_paise, sign * follows)


@dataclass(slots=True, kw_only=True)
class Gtt:
    """One of them."""

    gtt_id: str
    kind: str
    listing: Listing
    sign: int
    quantity: int
    product: str
    created_ms: int
    rules: list[Rule] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return not any(one.status in (SCHEDULED, PENDING) for one in self.rules)


def gtt_row(gtt: Gtt) -> Json:
    return {
        "type": gtt.kind,
        "exchange": "NSE",
        "quantity": gtt.quantity,
        "product": gtt.product,
        "trading_symbol": gtt.listing.symbol,
        "instrument_token": gtt.listing.key,
        "gtt_order_id": gtt.gtt_id,
        "expires_at": (gtt.created_ms + LIVES_MS) * 1_000,
        "created_at": gtt.created_ms * 1_000,
        "rules": [
            {
                "strategy": one.strategy,
                "status": one.status,
                "trigger_type": one.trigger_type,
                "trigger_price": one.trigger_paise / 100,
                "trailing_gap": one.trailing_paise / 100 or None,
                "market_protection": one.protection_percent,
                "transaction_type": "BUY" if (gtt.sign > 0) is (number == 0) else "SELL",
                "order_id": one.order_id,
                "message": None,
            }
            for number, one in enumerate(gtt.rules)
        ],
    }


def quantity_of(asked: Json) -> int:
    quantity = asked.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity <= 0:
        raise Refused(400, "UDAPI1052", "quantity must be a whole number above zero")
    return quantity


def rules_of(asked: Json, kind: str) -> list[Rule]:
    """The entry first."""
    try:
        made = [_rule(row) for row in asked["rules"]]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Refused(400, INVALID, "Invalid rules") from error
    names = {rule.strategy for rule in made}
    valid = names in STRATEGIES[kind] and len(names) == len(made)
    if not valid or any(one.trigger_type not in TRIGGERS for one in made):
        raise Refused(400, INVALID, "Invalid rules")
    made.sort(key=lambda one: one.strategy != "ENTRY")
    for rule in made[1:]:
        rule.status = PENDING
    return made


def _rule(row: Any) -> Rule:
    price, gap, protection = (
        float(row.get(name) or 0.0)
        for name in ("trigger_price", "trailing_gap", "market_protection")
    )
    return Rule(
        strategy=row["strategy"],
        trigger_type=row["trigger_type"],
        trigger_paise=round(price * 100),
        trailing_paise=round(gap * 100),
        protection_percent=protection,
    )
