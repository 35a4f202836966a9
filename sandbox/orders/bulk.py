"""Calls that move many orders at once: place a list, cancel or exit all of a tag or segment.

Each part succeeds or fails on its own; the answer says which.
"""

from dataclasses import replace
from typing import Any

from sandbox.answers import Json, Refused, failure
from sandbox.orders.desk import Desk
from sandbox.orders.matching import OrderType
from sandbox.orders.order import Order, Terms
from sandbox.orders.terms import INVALID, placed

MAX_LINES = 25
MAX_CORRELATION = 20
SEGMENTS = ("NSE_EQ", "BSE_EQ", "NSE_FO", "BSE_FO", "NCD_FO", "BCD_FO", "MCX_FO", "NSE_COM")


def place_all(desk: Desk, body: Any) -> Json:
    """One order, or its slices, for each line. Raises Refused for what is no list of lines."""
    lines = body if isinstance(body, list) else []
    names = [line.get("correlation_id") for line in lines if isinstance(line, dict)]
    known = all(isinstance(one, str) and 0 < len(one) <= MAX_CORRELATION for one in names)
    if not 0 < len(names) == len(lines) <= MAX_LINES or not known or len(set(names)) < len(names):
        raise Refused(400, INVALID, f"1 to {MAX_LINES} lines, each with its own correlation_id")
    done: list[Json] = []
    problems: list[Json] = []
    for line in lines:
        name = {"correlation_id": line["correlation_id"]}
        try:
            terms = placed(line, desk.exchange.listing)
        except Refused as error:
            problems += [name | one for one in failure(error.code, str(error))["errors"]]
        else:
            done += [name | {"order_id": one} for one in desk.place(terms)]
    counts = {"total": len(lines), "success": len(lines) - len(problems)}
    counts |= {"error": 0, "payload_error": len(problems)}
    return _answer(done, done, problems) | {"summary": counts}


def cancel_all(desk: Desk, tag: str | None, segment: str | None) -> Json:
    """Ask for the cancel of every open order. Raises Refused where there is none."""
    _check(segment)
    orders = [one for one in desk.working() if _is_meant(one, tag, segment)]
    for order in orders:
        desk.cancel(order.order_id)
    return _all_of([one.order_id for one in orders])


def exit_all(desk: Desk, tag: str | None, segment: str | None) -> Json:
    """A market order against every open position; by tag those that its orders traded in."""
    _check(segment)
    tagged = {
        (order.terms.listing.key, order.terms.product)
        for order in desk.orders.values()
        if order.filled and _is_meant(order, tag, segment)
    }
    exits = [
        Terms(
            listing=one.listing,
            sign=-1 if one.net > 0 else 1,
            quantity=abs(one.net),
            product=one.product,
            order_type=OrderType.MARKET,
            tag=tag,
        )
        for place, one in desk.account.positions.items()
        if one.net and (tag is None or place in tagged) and segment in (None, one.listing.segment)
    ]
    sliced = [part for one in exits for part in _within_freeze(one)]
    return _all_of(desk.place(sliced))


def _within_freeze(terms: Terms) -> list[Terms]:
    most = terms.listing.freeze_quantity
    return [
        replace(terms, quantity=min(most, terms.quantity - start))
        for start in range(0, terms.quantity, most)
    ]


def _check(segment: str | None) -> None:
    if segment is not None and segment not in SEGMENTS:
        raise Refused(400, "UDAPI1105", f"Invalid segment {segment}")


def _is_meant(order: Order, tag: str | None, segment: str | None) -> bool:
    return tag in (None, order.terms.tag) and segment in (None, order.terms.listing.segment)


def _all_of(ids: list[str]) -> Json:
    if not ids:
        raise Refused(400, "UDAPI1108", "Nothing is open")
    counts = {"total": len(ids), "success": len(ids), "error": 0}
    return _answer({"order_ids": ids}, ids, []) | {"summary": counts}


def _answer(data: object, done: list[Any], problems: list[Json]) -> Json:
    status = "partial_success" if done and problems else "error" if problems else "success"
    return {"status": status, "data": data, "errors": problems or None}
