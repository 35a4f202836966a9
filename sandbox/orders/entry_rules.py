"""What the broker's risk system and the exchange turn away: an order that exists and is `rejected`.

Pure: terms and what is known of the market in, the rejection in the words of the system behind out.
Hours are those of the session table.
"""

from core.session import MINUTE_NS, Phase, Session
from sandbox.market.universe import Listing
from sandbox.market.world import MS_NS
from sandbox.orders.matching import OrderType
from sandbox.orders.order import Rejection, Terms

# Broker policy, before continuous trading ends; upstox.md 6.2 knows the times of the older regime.
NO_NEW_INTRADAY_NS = 18 * MINUTE_NS
SQUARE_OFF_NS = 15 * MINUTE_NS
# Of the closing auction: no entry yet, limit and market, limit only; it matches after that.
AUCTION_OPENS_NS, AUCTION_LIMIT_ONLY_NS, AUCTION_MATCHES_NS = (
    minutes * MINUTE_NS for minutes in (5, 10, 15)
)
BAND_PERCENT = {True: 10, False: 20}  # of the previous close: with derivatives, and without
AUCTION_BAND_PERCENT = 3  # of the reference price

CLOSED = Rejection(
    "The market is closed for this order.", "RMS:Rule: Check order entry time, market is closed"
)


# By the word of the fault `reject`; that for funds in the broker's wording.
FAULTY = {
    "funds": Rejection(
        "You need to add Rs. 138385.27 in your account to place this trade.",
        "RMS:Margin Exceeds,Required:153892.45, Available:15507.18 for entity "
        "account-SANDBX across exchange across segment across product ",
    ),
    "band": Rejection(
        "Price must be within the price band.",
        "17070 : The Price is out of the current execution range",
    ),
    "freeze": Rejection(
        "Quantity is over the freeze quantity.", "RMS:Rule: Order quantity exceeds freeze quantity"
    ),
    "closed": CLOSED,
    "intraday": Rejection(
        "The share cannot be traded intraday.",
        "RMS:Rule: Intraday orders are blocked for the scrip",
    ),
}


def broker_rejection(terms: Terms, session: Session | None, now_ms: int) -> Rejection | None:
    """What the broker refuses whatever the prices; funds are asked for elsewhere."""
    listing = terms.listing
    if listing.is_index:
        return Rejection("An index cannot be traded.", "RMS:Blocked for index instruments")
    if terms.product == "MTF":
        return Rejection(
            f"{listing.symbol} is not allowed with MTF.", "RMS:Rule: MTF not enabled for the scrip"
        )
    if terms.product == "I" and not listing.is_intraday:
        return Rejection(
            f"{listing.symbol} cannot be traded intraday.",
            "RMS:Rule: Intraday orders are blocked for the scrip",
        )
    if session is None or not is_entry_time(session, terms.order_type, now_ms):
        return CLOSED
    if terms.quantity > listing.freeze_quantity:
        return Rejection(
            f"Quantity {terms.quantity} is over the freeze quantity {listing.freeze_quantity}.",
            f"RMS:Rule: Order quantity exceeds freeze quantity {listing.freeze_quantity}",
        )
    return None


def is_entry_time(session: Session, order_type: OrderType, now_ms: int) -> bool:
    """Whether the exchange takes such an order now."""
    now_ns = now_ms * MS_NS
    if session.contains(now_ns):
        return True
    for window in session.around:
        if window.phase is Phase.CLOSING_AUCTION:
            since_ns = now_ns - window.open_ns
            if AUCTION_OPENS_NS <= since_ns < AUCTION_LIMIT_ONLY_NS:
                return not order_type.has_trigger
            if AUCTION_LIMIT_ONLY_NS <= since_ns < AUCTION_MATCHES_NS:
                return order_type is OrderType.LIMIT
    return False


def is_too_late_intraday(session: Session, now_ms: int) -> bool:
    """Whether the broker takes no new intraday position any more today."""
    return now_ms * MS_NS >= session.close_ns - NO_NEW_INTRADAY_NS


def exchange_rejection(terms: Terms, last_paise: int, band: tuple[int, int]) -> Rejection | None:
    """What the exchange refuses as the order comes in when `last_paise` was the last trade."""
    low, high = band
    for name, paise in (("Price", terms.price_paise), ("Trigger price", terms.trigger_paise)):
        if paise and paise % terms.listing.tick_paise:
            return Rejection(
                f"{name} must be a multiple of the tick size.",
                f"16283 : {name} {paise / 100:.2f} is not a multiple of the tick size "
                f"{terms.listing.tick_paise / 100:.2f}",
            )
        if paise and not low <= paise <= high:
            return Rejection(
                f"{name} must be between {low / 100:.2f} and {high / 100:.2f}.",
                "17070 : The Price is out of the current execution range",
            )
    if terms.order_type.has_trigger:
        side = "buy" if terms.sign > 0 else "sell"
        order = "higher" if terms.sign > 0 else "lower"
        if terms.sign * (terms.trigger_paise - last_paise) <= 0:
            return Rejection(
                f"Trigger price of a stop loss {side} order must be {order} than the last price.",
                f"16448 : Trigger price {terms.trigger_paise / 100:.2f} against last traded "
                f"{last_paise / 100:.2f}",
            )
        if terms.price_paise and terms.sign * (terms.price_paise - terms.trigger_paise) < 0:
            return Rejection(
                "Trigger price is beyond the limit price.", "16247 : Trigger price beyond limit"
            )
    return None


def day_band_paise(listing: Listing, previous_close: float) -> tuple[int, int]:
    """The band of continuous trading; `previous_close` rupees."""
    percent = BAND_PERCENT[listing.has_derivatives]
    return band_paise(round(previous_close * 100), percent, listing.tick_paise)


def band_paise(reference_paise: int, percent: int, tick_paise: int) -> tuple[int, int]:
    """The lowest and the highest price that is taken, on the tick grid."""
    low = -(-reference_paise * (100 - percent) // (100 * tick_paise)) * tick_paise
    return low, reference_paise * (100 + percent) // (100 * tick_paise) * tick_paise
