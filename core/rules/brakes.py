"""The breakers of a live book: what no entry passes, once all other rules have let it.

Two are a state of the account and refuse the one entry; the others latch, until an operator has
looked and resumes. Brakes are for entries: an exit, a stop and a cancel always pass.
"""

from core.jit import kernel, routine
from core.rules.holdings import FLAT, PENDING_ENTRY, Holdings
from core.types import Refusal, Row, TradingState

NONE, DAY_LOSS = int(Refusal.NONE), int(Refusal.DAY_LOSS)
MAX_POSITIONS, EXPOSURE = int(Refusal.MAX_POSITIONS), int(Refusal.EXPOSURE)
ORDER_RATE, REJECTS = int(Refusal.ORDER_RATE), int(Refusal.REJECTS)
FEED_DOUBT, CLOCK_SKEW = int(Refusal.FEED_DOUBT), int(Refusal.CLOCK_SKEW)
UNKNOWN_ORDER, DIFFERENCE = int(Refusal.UNKNOWN_ORDER), int(Refusal.DIFFERENCE)


@routine
def brake(holdings: Holdings, exposed: float, cost: float) -> tuple[int, float, float]:
    """Whether a breaker holds an entry worth `cost` rupees beside the `exposed` ones.

    Returns (refusal, value, limit) as `decide` does. The entry that would be one order too many
    latches the rate: who asks for so many is not to be trusted with the next minute.
    """
    limits, account = holdings.limits[0], holdings.account[0]
    if account.busy >= limits.max_positions:
        return MAX_POSITIONS, float(account.busy), limits.max_positions
    if exposed + cost > limits.max_exposure:
        return EXPOSURE, exposed + cost, limits.max_exposure
    if is_latched(account, ORDER_RATE):
        return ORDER_RATE, 0.0, 0.0
    orders = account.orders_before + account.orders_since
    if orders >= limits.max_orders_per_minute:
        latch(account, ORDER_RATE)
        return ORDER_RATE, float(orders), limits.max_orders_per_minute
    if account.orders_today >= limits.max_orders_of_entries:
        latch(account, ORDER_RATE)
        return ORDER_RATE, float(account.orders_today), limits.max_orders_of_entries
    if is_latched(account, REJECTS):
        return REJECTS, float(account.rejects), limits.max_rejects
    if is_latched(account, FEED_DOUBT):
        return FEED_DOUBT, float(account.feed_doubt_minutes), limits.max_feed_doubt_minutes
    if is_latched(account, CLOCK_SKEW):
        return CLOCK_SKEW, float(account.clock_doubt_minutes), limits.max_clock_doubt_minutes
    if is_latched(account, UNKNOWN_ORDER):
        return UNKNOWN_ORDER, 0.0, 0.0
    if is_latched(account, DIFFERENCE):
        return DIFFERENCE, 0.0, 0.0
    return NONE, 0.0, 0.0


@kernel
def is_latched(account: Row, breaker: int) -> bool:
    return bool(account.breakers >> breaker & 1)


@kernel
def latch(account: Row, breaker: int) -> None:
    """From here on until `release`, over restarts and nights."""
    account.breakers |= 1 << breaker


@kernel
def latched(account: Row) -> int:
    """All of them, a bit each, with the day's loss, which ends with its day."""
    return int(account.breakers | int(account.day_loss_latched) << DAY_LOSS)


@kernel
def release(account: Row) -> None:
    """An operator resumes: what was counted in a row begins anew, the orders of the day do not."""
    account.breakers = 0
    account.orders_before = 0
    account.orders_since = 0
    account.rejects = 0
    account.feed_doubt_minutes = 0
    account.clock_doubt_minutes = 0


@kernel
def start_count(account: Row) -> None:
    """A new day has orders and Minutes of its own. What is latched stays so."""
    account.orders_before = 0
    account.orders_since = 0
    account.orders_today = 0
    if not is_latched(account, FEED_DOUBT):
        account.feed_doubt_minutes = 0
    if not is_latched(account, CLOCK_SKEW):
        account.clock_doubt_minutes = 0


# --- what they look at -------------------------------------------------------------------------


@routine
def begin_minute(account: Row, limits: Row) -> None:
    """A Minute has closed: its orders are those of the minute before; doubts have lasted on.

    A latched count stands still: it says what tripped.
    """
    account.orders_before = account.orders_since
    account.orders_since = 0
    if not is_latched(account, FEED_DOUBT):
        lasted = account.feed_doubt_minutes + 1 if account.feed_doubted else 0
        account.feed_doubt_minutes = lasted
        if lasted >= limits.max_feed_doubt_minutes:
            latch(account, FEED_DOUBT)
    if not is_latched(account, CLOCK_SKEW):
        lasted = account.clock_doubt_minutes + 1 if account.clock_doubted else 0
        account.clock_doubt_minutes = lasted
        if lasted >= limits.max_clock_doubt_minutes:
            latch(account, CLOCK_SKEW)


@kernel
def count_orders(account: Row, orders: int) -> None:
    """So many more calls were asked for, of whatever kind."""
    account.orders_since += orders
    account.orders_today += orders


@kernel
def count_reject(account: Row, limits: Row) -> None:
    """A call was refused, by the broker or by the exchange."""
    if not is_latched(account, REJECTS):
        account.rejects += 1
        if account.rejects >= limits.max_rejects:
            latch(account, REJECTS)


@kernel
def end_rejects(account: Row) -> None:
    """An order did something: a fill, a change or a cancel was told. That it was taken is not
    enough, for the exchange may reject what the broker took."""
    if not is_latched(account, REJECTS):
        account.rejects = 0


# --- the kill switch ---------------------------------------------------------------------------


@kernel
def withdraw_entries(holdings: Holdings) -> None:
    """What has not come of the entries at work is to be cancelled. What has come stays, with its
    stop: nobody asked to leave."""
    for i in range(len(holdings.positions)):
        position = holdings.positions[i]
        if position.status == PENDING_ENTRY or (position.status != FLAT and position.coming > 0):
            position.withdrawn = True


def trading_state(holdings: Holdings) -> TradingState:
    """As a person should see it: whatever is latched halts as an operator does."""
    account = holdings.account[0]
    return TradingState.HALTED if account.breakers else TradingState(account.state)


def may_enter(holdings: Holdings) -> bool:
    """Whether an entry that was decided, and waits for its turn, may still leave."""
    account = holdings.account[0]
    return bool(account.state == TradingState.ACTIVE and not latched(account))
