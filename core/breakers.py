"""What stands latched in a live book, since when and why: the words beside the bits of its account.

The bits decide (`core/rules/brakes.py`); here they become effects, which the ledger keeps.
"""

from typing import NamedTuple

from core.events import Effect, Released, Tripped
from core.rules.account import day_result_paise
from core.rules.brakes import latch, latched
from core.rules.holdings import Holdings
from core.types import Refusal

BREAKERS = (
    Refusal.DAY_LOSS,
    Refusal.ORDER_RATE,
    Refusal.REJECTS,
    Refusal.FEED_DOUBT,
    Refusal.CLOCK_SKEW,
    Refusal.UNKNOWN_ORDER,
    Refusal.DIFFERENCE,
)


class Trip(NamedTuple):
    """Why a breaker is latched; `since_ns`: when it tripped first."""

    since_ns: int
    reason: str


class Breakers:
    """Those of one book."""

    def __init__(self, holdings: Holdings) -> None:
        self.tripped: dict[Refusal, Trip] = {}
        self._holdings = holdings

    def trip(
        self,
        order_id: str,
        reason: str,
        now_ns: int,
        breaker: Refusal = Refusal.UNKNOWN_ORDER,
    ) -> Tripped:
        """An order is not what it can be. Said each time: each is one for a person to look at."""
        account = self._holdings.account[0]
        latch(account, int(breaker))
        account.breakers_told |= 1 << int(breaker)
        self.tripped.setdefault(breaker, Trip(now_ns, reason))
        return Tripped(order_id, reason, breaker)

    def changes(self, now_ns: int, order_id: str = "", said: str = "") -> list[Effect]:
        """What has latched since this was last asked, and what was released.

        `order_id`, `said`: of the report that led to it, if one did.
        """
        account = self._holdings.account[0]
        now = latched(account)
        if now == account.breakers_told:
            return []
        effects: list[Effect] = []
        for breaker in BREAKERS:
            is_on, was_on = now >> breaker & 1, int(account.breakers_told) >> breaker & 1
            if was_on and not is_on:
                self.tripped.pop(breaker, None)
                effects.append(Released(breaker))
            elif is_on and not was_on:
                reason = _reason(self._holdings, breaker, said)
                self.tripped[breaker] = Trip(now_ns, reason)
                effects.append(Tripped(order_id, reason, breaker))
        account.breakers_told = now
        return effects


def _reason(holdings: Holdings, breaker: Refusal, said: str) -> str:
    """What it saw, in words."""
    account, limits = holdings.account[0], holdings.limits[0]
    day, least = day_result_paise(holdings) / 100, -limits.max_daily_loss_paise / 100
    orders = account.orders_before + account.orders_since
    reasons = {
        Refusal.DAY_LOSS: f"the day stands at Rs {day:,.2f}, the limit is Rs {least:,.2f}",
        Refusal.ORDER_RATE: f"{orders} orders in a minute, {account.orders_today} today",
        Refusal.REJECTS: f"{account.rejects} rejects in a row, the last: {said}",
        Refusal.FEED_DOUBT: f"the feed was in doubt for {account.feed_doubt_minutes} Minutes",
        Refusal.CLOCK_SKEW: "our clock was not the exchange's for"
        f" {account.clock_doubt_minutes} Minutes",
    }
    return reasons[breaker]
