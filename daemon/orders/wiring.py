"""What a day of a book whose fills are told is wired with: its broker, built anew every day.

Decides which order is withheld at the last moment. The broker itself is opened by the plan.
"""

from collections.abc import Callable

from core.errors import ConfigError
from core.orders import Order, OrderRole
from core.ports import Clock
from core.rules.brakes import may_enter
from core.types import TradingState
from daemon.floor import Floor
from daemon.orders.traffic import OrderTraffic
from daemon.plan import Plan


def traffic_of(
    plan: Plan, floor: Floor, clock: Clock, stir: Callable[[], None]
) -> OrderTraffic | None:
    """That of the main book; None: all books are on paper. Raises ConfigError."""
    if not floor.main.setup.fills_are_told:
        return None
    if plan.orders is None:
        raise ConfigError(f"mode {plan.mode}: feed {plan.source.name} has no broker for orders")

    def withheld(order: Order) -> str:
        """An entry that was asked for before a halt, or a breaker, is none after it."""
        main = floor.main
        if order.role is not OrderRole.ENTRY or may_enter(main.engine.holdings):
            return ""
        if main.state is TradingState.ACTIVE:
            return "day_loss"
        latched = [one.name.lower() for one in main.breakers]
        return ", ".join(latched) or f"trading is {main.state.name}"

    instruments = plan.source.instruments
    return OrderTraffic(plan.orders(clock, instruments, withheld), len(instruments), stir)
