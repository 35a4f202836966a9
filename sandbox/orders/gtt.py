"""Watches the tape for orders that wait for a price, and places them when it comes.

What they place are orders like any others. Of a target and a stop loss the first to come cancels
the other.
"""

from typing import Any

from core.session import day_text
from sandbox.answers import Refused
from sandbox.market.universe import Listing
from sandbox.orders.desk import Desk, OrderTold, Told
from sandbox.orders.gtt_rules import (
    CANCELLED,
    LIVES_MS,
    PENDING,
    SCHEDULED,
    STRATEGIES,
    TRIGGERED,
    Gtt,
    Rule,
    quantity_of,
    rules_of,
)
from sandbox.orders.matching import OrderType, Tick
from sandbox.orders.order import Status, Terms
from sandbox.orders.terms import INVALID, PRODUCTS


class Gtts:
    """All of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._all: dict[str, Gtt] = {}
        desk.watchers.append(self)
        desk.listeners.append(self._hear)

    def place(self, body: Any) -> str:
        """Raises Refused."""
        asked = body if isinstance(body, dict) else {}
        listing = self._desk.exchange.listing(str(asked.get("instrument_token")))
        if listing is None:
            raise Refused(400, "UDAPI100011", "Invalid Instrument key")
        sign = {"BUY": 1, "SELL": -1}.get(str(asked.get("transaction_type")))
        product, kind = asked.get("product"), asked.get("type")
        if sign is None or product not in PRODUCTS or kind not in STRATEGIES:
            raise Refused(400, INVALID, "Invalid transaction_type, product or type")
        number = len(self._all) + 1
        day = day_text(self._desk.floor.day)[2:].replace("-", "")
        gtt = Gtt(
            gtt_id=f"GTT-C{day}{number:08}",
            kind=kind,
            listing=listing,
            sign=sign,
            quantity=quantity_of(asked),
            product=product,
            created_ms=self._desk.floor.now_ms,
            rules=rules_of(asked, kind),
        )
        self._all[gtt.gtt_id] = gtt
        self._desk.floor.watch(listing)
        self._desk.tell(gtt)
        return gtt.gtt_id

    def modify(self, body: Any) -> str:
        """Other prices or quantity of what has not been triggered. Raises Refused."""
        gtt = self._open(body)
        if gtt.rules[0].status != SCHEDULED or body.get("type") != gtt.kind:
            raise Refused(400, INVALID, "Only what has not been triggered can be changed")
        gtt.quantity, gtt.rules = quantity_of(body), rules_of(body, gtt.kind)
        self._desk.tell(gtt)
        return gtt.gtt_id

    def cancel(self, body: Any) -> str:
        """Raises Refused."""
        gtt = self._open(body)
        for rule in gtt.rules:
            if rule.status in (SCHEDULED, PENDING):
                rule.status = CANCELLED
        self._desk.tell(gtt)
        return gtt.gtt_id

    def of(self, gtt_id: str | None) -> list[Gtt]:
        """One, or all. Raises Refused for one that is not known."""
        if gtt_id is None:
            return list(self._all.values())
        if gtt_id not in self._all:
            raise Refused(400, "UDAPI100010", "GTT order not found")
        return [self._all[gtt_id]]

    def day_began(self) -> None:
        """They wait over night."""

    def watched(self) -> list[Listing]:
        return [one.listing for one in self._all.values() if not one.is_over]

    def traded(self, listing: Listing, tick: Tick) -> None:
        """Of a trade of the tape."""
        for gtt in self._all.values():
            if gtt.listing is listing and not gtt.is_over:
                self._look(gtt, tick.price_paise)

    def _look(self, gtt: Gtt, price_paise: int) -> None:
        if self._desk.floor.now_ms >= gtt.created_ms + LIVES_MS:
            self.cancel({"gtt_order_id": gtt.gtt_id})
            return
        for rule in gtt.rules:
            if rule.status == SCHEDULED and rule.strategy == "STOPLOSS":
                rule.trail(gtt.sign, price_paise)
            if rule.status == SCHEDULED and rule.is_met(gtt.sign, price_paise):
                self._trigger(gtt, rule)
                return

    def _hear(self, told: Told) -> None:
        """The end of an entry arms what waits for it, or ends it."""
        if not isinstance(told, OrderTold) or not told.order.is_over:
            return
        gtt = self._all.get(told.order.reference)
        if gtt is not None and told.order.terms.sign == gtt.sign:
            armed = SCHEDULED if told.state.status is Status.COMPLETE else CANCELLED
            for rule in gtt.rules[1:]:
                rule.status = armed if rule.status == PENDING else rule.status

    def _trigger(self, gtt: Gtt, rule: Rule) -> None:
        is_entry = rule is gtt.rules[0]
        rule.status = TRIGGERED
        for other in gtt.rules[1:]:
            if not is_entry and other is not rule:
                other.status = CANCELLED
        terms = Terms(
            listing=gtt.listing,
            sign=gtt.sign if is_entry else -gtt.sign,
            quantity=gtt.quantity,
            product=gtt.product,
            order_type=OrderType.MARKET,
            protection_percent=rule.protection_percent,
        )
        [rule.order_id] = self._desk.place([terms], reference=gtt.gtt_id)
        self._desk.tell(gtt)

    def _open(self, body: Any) -> Gtt:
        gtt_id = body.get("gtt_order_id") if isinstance(body, dict) else None
        [gtt] = self.of(str(gtt_id))
        if gtt.is_over:
            raise Refused(400, "UDAPI100040", "GTT order is over")
        return gtt
