"""What an order call asks for, read from its JSON: refused here is what never becomes an order.

Codes are the broker's where they are known; what has none of its own is UDAPI100036, invalid input.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sandbox.answers import Json, Refused
from sandbox.market.universe import Listing
from sandbox.orders.matching import AUTOMATIC, OrderType
from sandbox.orders.order import Terms

ListingOf = Callable[[str], Listing | None]

INVALID = "UDAPI100036"
PRODUCTS = ("I", "D", "MTF")
MAX_TAG = 40
MAX_SLICES = 25
MAX_PROTECTION_PERCENT = 25.0


def placed(body: Any, listing_of: ListingOf) -> list[Terms]:
    """The orders that a place call asks for: one, or its slices. Raises Refused."""
    asked = _object(body)
    key = asked.get("instrument_token")
    if not isinstance(key, str) or not key:
        raise Refused(400, "UDAPI1026", "Instrument key is required")
    listing = listing_of(key)
    if listing is None:
        raise Refused(400, "UDAPI100011", "Invalid Instrument key")
    tag = asked.get("tag")
    if tag is not None and (not isinstance(tag, str) or len(tag) > MAX_TAG):
        raise Refused(400, "UDAPI1119", f"tag must be at most {MAX_TAG} characters")
    terms = _priced(
        asked,
        Terms(
            listing=listing,
            sign={"BUY": 1, "SELL": -1}[_one_of(asked, "transaction_type", ("BUY", "SELL"))],
            quantity=_quantity(asked.get("quantity")),
            product=_one_of(asked, "product", PRODUCTS),
            order_type=OrderType.MARKET,
            tag=tag,
            is_after_market=asked.get("is_amo") is True,
        ),
    )
    return _slices(terms) if asked.get("slice") is True else [terms]


def changed(body: Any, terms: Terms) -> Terms:
    """The terms of an order after a modify call. Raises Refused."""
    asked = _object(body)
    if asked.get("quantity"):
        terms = replace(terms, quantity=_quantity(asked["quantity"]))
    return _priced(asked, terms)


def _priced(asked: Json, terms: Terms) -> Terms:
    """`terms` with type, validity, prices and what belongs to them."""
    kind = asked.get("order_type")
    if kind is None:
        raise Refused(400, "UDAPI1004", "Valid order type is required")
    if kind not in tuple(OrderType):
        raise Refused(400, "UDAPI1056", "The 'order_type' is invalid")
    validity = asked.get("validity")
    if validity is None:
        raise Refused(400, "UDAPI1007", "Validity is required")
    if validity not in ("DAY", "IOC"):
        raise Refused(400, "UDAPI1055", "The 'validity' is invalid")
    order_type = OrderType(kind)
    price, trigger = _paise(asked, "price"), _paise(asked, "trigger_price")
    if order_type.has_limit and price <= 0:
        raise Refused(400, "UDAPI1043", "Price is required for order type LIMIT and SL")
    if order_type.has_trigger and trigger <= 0:
        raise Refused(400, INVALID, "trigger_price is required for order type SL and SL-M")
    protection = 0.0 if order_type.has_limit else terms.protection_percent
    if asked.get("market_protection") is not None:
        protection = _number(asked, "market_protection")
    disclosed = terms.disclosed_quantity
    if asked.get("disclosed_quantity") is not None:
        disclosed = int(_number(asked, "disclosed_quantity"))
    if not (protection == AUTOMATIC or 0.0 <= protection <= MAX_PROTECTION_PERCENT):
        raise Refused(400, INVALID, "market_protection must be -1, 0 or up to 25")
    if protection and order_type.has_limit:
        raise Refused(400, INVALID, "market_protection is for order type MARKET and SL-M")
    return replace(
        terms,
        order_type=order_type,
        is_ioc=validity == "IOC",
        price_paise=price if order_type.has_limit else 0,
        trigger_paise=trigger if order_type.has_trigger else 0,
        disclosed_quantity=disclosed,
        protection_percent=protection,
    )


def _slices(terms: Terms) -> list[Terms]:
    """Orders of at most the freeze quantity."""
    most = terms.listing.freeze_quantity
    full, rest = divmod(terms.quantity, most)
    if full + bool(rest) > MAX_SLICES:
        raise Refused(400, "UDAPI1118", f"more than {MAX_SLICES} orders after slicing")
    return [replace(terms, quantity=one) for one in (*[most] * full, *([rest] if rest else []))]


def _object(body: Any) -> Json:
    if not isinstance(body, dict):
        raise Refused(400, INVALID, "Invalid input passed to the API")
    return body


def _one_of(asked: Json, name: str, values: tuple[str, ...]) -> str:
    value = asked.get(name)
    if value not in values:
        raise Refused(400, INVALID, f"{name} must be one of {', '.join(values)}")
    return str(value)


def _quantity(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Refused(400, INVALID, "quantity must be a whole number")
    if value == 0:
        raise Refused(400, "UDAPI1052", "Order quantity cannot be zero")
    return value


def _number(asked: Json, name: str) -> float:
    """A number that is left out is zero."""
    value = asked.get(name) or 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused(400, INVALID, f"{name} must be a number")
    return float(value)


def _paise(asked: Json, name: str) -> int:
    """A price; what is no whole number of paise lies on no tick grid."""
    paise = _number(asked, name) * 100
    if abs(paise - round(paise)) > 1e-6:
        raise Refused(400, INVALID, f"{name} has more than two decimals")
    return round(paise)
