"""Upstox as a Broker: one order per id, whatever becomes of a call, and every trade said once.

A call without a good answer is LOST: it is looked for by its tag and never made again. Two
witnesses tell what became of it, the stream of updates and the order book; fills come from trades.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from brokers.upstox.account import UpstoxAccount
from brokers.upstox.known_orders import KnownOrders
from brokers.upstox.life import Asked, OrderLife
from brokers.upstox.limits import OrderLimits, OrderPace
from brokers.upstox.looks import EVERY_S, WITHOUT_STREAM_S, Looks
from brokers.upstox.stream import Dial, UpdateStream, dialled
from brokers.upstox.wording import (
    BOOK,
    CANCEL,
    MODIFY,
    PLACE,
    TRADES,
    OrderSeen,
    Refused,
    Taken,
    Unknown,
    answer_of,
    modifying,
    order_seen,
    placing,
    sound,
    trade_seen,
)
from core.errors import AuthExpired, BrokerError, NeverSent, ProtocolViolation
from core.orders import Order, OrderRole
from core.ports import BrokerReport, OrderCall, ReportKind
from core.reconciliation import Theirs, opens
from providers.upstox.rest import RateWindows, Sleep, UpstoxRest

MUTE_AFTER = 2  # looks in a row with news of which the stream has said nothing
MAX_TOLD_SENSELESS = 5  # updates of a connection
MAX_WAITING = 100_000  # reports that nobody has read: far more than a day has

log = structlog.get_logger()


@dataclass(slots=True)
class _Flight:
    """An order between call and answer. What comes of it meanwhile is told after the answer."""

    seen: asyncio.Event = field(default_factory=asyncio.Event)
    held: list[BrokerReport] = field(default_factory=list)


class UpstoxBroker:
    """Orders of one account. A new process tells the day's trades again, by the same fill ids.

    Args:
        calls: the host of orders; `reads`: that of all else.
        keys: of the instruments, by their symbols.
        now_ns: the time put on reports.
        withheld: asked after all waiting: why an order must not be sent any more, or "".
        now_s: real time; None: that of the running loop. `sleep` goes by the same.
    """

    def __init__(
        self,
        calls: UpstoxRest,
        reads: UpstoxRest,
        keys: Mapping[str, str],
        now_ns: Callable[[], int],
        *,
        limits: OrderLimits | None = None,
        withheld: Callable[[Order], str] = lambda order: "",
        now_s: Callable[[], float] | None = None,
        sleep: Sleep = asyncio.sleep,
        dial: Dial = dialled,
    ) -> None:
        self._calls, self._reads = calls, reads
        self._keys = dict(keys)
        self._now_ns = now_ns
        self._withheld = withheld
        self._now_s = now_s or (lambda: asyncio.get_running_loop().time())
        limits = limits or OrderLimits()
        windows = RateWindows(limits.broker, self._now_s, sleep)
        self._pace = OrderPace(limits, windows)
        self._known = KnownOrders({key: symbol for symbol, key in self._keys.items()})
        self._looks = Looks(self._now_s, sleep)
        self._stream = UpdateStream(reads.updates_address, sleep=sleep, dial=dial)
        self._told: asyncio.Queue[BrokerReport] = asyncio.Queue(MAX_WAITING)
        self._flights: dict[str, _Flight] = {}  # orders on their way, by tag
        self._has_read = False
        self._wants_trades = True
        self._unheard = 0  # looks with news, since the stream last told any
        self._senseless = 0  # updates of this connection
        self._unread = ""  # why the book could not be read, once said
        self._account = UpstoxAccount(reads, keys)
        self._connected = asyncio.Event()  # anew, since somebody waited for it

    # --- calls -----------------------------------------------------------------------------------

    async def submit(self, order: Order) -> BrokerReport:
        """Send an order, once. REJECTED for what is not, or no, order at the broker: the same id
        may then be tried again; not so where the broker has rejected the order itself."""
        if (key := self._keys.get(order.instrument)) is None:
            return self._no(order.order_id, f"{order.instrument} has no key at the broker")
        if not self._has_read:
            await self.look()
        if not self._has_read:  # an order of the same id may be there, of a process before this one
            return self._no(order.order_id, f"not sent: {self._unread}")
        life = self._known.begin(order, self._now_s())
        if life is None:
            return self._no(order.order_id, f"order id {order.order_id} was taken before")
        if order.role is not OrderRole.ENTRY:
            await self._pace.other(self._now_ns())
            why = self._withheld(order)
        else:
            why = await self._pace.entry(self._now_ns()) or self._withheld(order)
        if order.role is OrderRole.FLATTEN:
            why = why or await self._opens(order)
        if why:
            self._known.forget(life)
            return self._no(order.order_id, f"not sent: {why}")
        life.asked[OrderCall.SUBMIT] = Asked(self._now_s())
        sent_ns = self._now_ns()
        return replace(await self._placed(life, placing(order, key)), sent_ns=sent_ns)

    async def modify(self, order: Order) -> BrokerReport:
        """Ask for other terms of the order of this id; that it has them will be a report."""
        life = await self._reachable(order.order_id)
        if isinstance(life, str):
            return self._no(order.order_id, life, OrderCall.MODIFY)
        asked = life.asked[OrderCall.MODIFY] = Asked(self._now_s(), order)
        self._looks.after_call()
        sent_ns = self._now_ns()
        answer = await self._asked("PUT", MODIFY, body=modifying(order, life.broker_id))
        return replace(self._changed(life, OrderCall.MODIFY, asked, answer), sent_ns=sent_ns)

    async def cancel(self, order_id: str) -> BrokerReport:
        """Ask that it be cancelled; that it is will be a report."""
        life = await self._reachable(order_id)
        if isinstance(life, str):
            return self._no(order_id, life, OrderCall.CANCEL)
        asked = life.asked[OrderCall.CANCEL] = Asked(self._now_s())
        self._looks.after_call()
        sent_ns = self._now_ns()
        answer = await self._asked("DELETE", CANCEL, asked={"order_id": life.broker_id})
        return replace(self._changed(life, OrderCall.CANCEL, asked, answer), sent_ns=sent_ns)

    async def _reachable(self, order_id: str) -> OrderLife | str:
        """The order, and a place for a call about it; or why there can be none."""
        life = self._known.life(order_id)
        if life is None or life.seen is None:  # an answer alone is no witness of the broker's id
            await self.look()
            life = self._known.life(order_id)
        if life is None:
            return f"order id {order_id} is not known"
        if life.seen is None:
            return f"order {order_id}: the broker's id of it is not known yet"
        if life.is_over:
            return f"order {order_id} is over: {life.seen.status}"
        await self._pace.other(self._now_ns())
        return life

    async def _opens(self, order: Order) -> str:
        """Why the exit in place of a lost one must not be sent; an account that cannot be read is
        no reason."""
        try:
            return opens(order, await self._account.read())
        except BrokerError as error:
            log.warning("exit_unchecked", order_id=order.order_id, reason=str(error))
            return ""

    async def _placed(self, life: OrderLife, body: Mapping[str, object]) -> BrokerReport:
        """The order has been seen by its tag, or there is an answer: whatever comes first."""
        self._looks.after_call()
        flight = self._flights[life.tag] = _Flight()
        asking = asyncio.ensure_future(self._asked("POST", PLACE, body=body))
        seeing = asyncio.ensure_future(flight.seen.wait())
        try:
            await asyncio.wait((asking, seeing), return_when=asyncio.FIRST_COMPLETED)
            answer = asking.result() if asking.done() else Unknown("it was seen first")
        finally:
            for task in (asking, seeing):
                task.cancel()
            await asyncio.gather(asking, seeing, return_exceptions=True)
            del self._flights[life.tag]
            # That the order is there is what the answer says.
            self._tell(one for one in flight.held if one.kind is not ReportKind.ACKNOWLEDGED)
        if flight.seen.is_set():  # by its tag: better than any answer
            return self._report(ReportKind.ACKNOWLEDGED, life.tag)
        match answer:
            case Taken():
                life.is_acknowledged = True
                return self._report(ReportKind.ACKNOWLEDGED, life.tag)
            case Refused(reason):
                self._known.forget(life)
                return self._no(life.tag, reason)
            case Unknown(reason):
                return self._lost(life, OrderCall.SUBMIT, reason)

    def _changed(
        self, life: OrderLife, call: OrderCall, asked: Asked, answer: Taken | Refused | Unknown
    ) -> BrokerReport:
        """What the answer to a modify or a cancel is worth."""
        lost = ""
        match answer:
            case Refused(reason):
                if life.asked.get(call) is asked:
                    del life.asked[call]
                return self._no(life.tag, reason, call)
            case Unknown(reason):
                lost = reason
            case Taken(broker_id):
                if broker_id != life.broker_id:
                    lost = f"the answer names the order {broker_id}, asked was {life.broker_id}"
        if lost and life.asked.get(call) is asked:  # else what came of it has been told already
            return self._lost(life, call, lost)
        return self._report(ReportKind.ACKNOWLEDGED, life.tag, call=call)

    def _lost(self, life: OrderLife, call: OrderCall, reason: str) -> BrokerReport:
        log.warning("order_call_lost", order_id=life.tag, call=call.value, reason=reason)
        return self._report(ReportKind.LOST, life.tag, reason, call)

    async def _asked(self, method: str, path: str, **more: Any) -> Taken | Refused | Unknown:
        try:
            status, content = await self._calls.call(method, path, **more)
        except (NeverSent, AuthExpired) as error:
            return Refused(f"not sent: {error}")
        except BrokerError as error:
            return Unknown(str(error))
        return answer_of(path, status, content)

    # --- what became of them ---------------------------------------------------------------------

    async def book(self) -> Sequence[Order]:
        """The day's orders that carry an id of ours, as the broker has them now. Raises
        BrokerError where it does not tell them, or not all of them."""
        return await self._orders()

    async def account(self) -> Theirs:
        """All that the account holds. Raises BrokerError where something of it is not told."""
        return await self._account.read()

    async def reconnected(self) -> None:
        """Wait for a new connection of the stream: what came before it stands in the books."""
        await self._connected.wait()
        self._connected.clear()

    async def reports(self) -> AsyncGenerator[BrokerReport]:
        """Without end. LOST orders are looked for only while somebody reads this."""
        tasks = [asyncio.create_task(one) for one in (self._keep_looking(), self._listen())]
        try:
            while True:
                telling = asyncio.ensure_future(self._told.get())
                try:
                    await asyncio.wait((telling, *tasks), return_when=asyncio.FIRST_COMPLETED)
                    for task in tasks:
                        if task.done():
                            task.result()  # they end by a bug only
                    report = await telling
                finally:
                    telling.cancel()
                yield report
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def look(self) -> None:
        """Read the book, and the trades where there are new ones; what is new becomes reports."""
        began_s = self._now_s()
        try:
            await self._orders()
            self._has_read = True
            if self._wants_trades or self._known.lack_trades:
                await self._trades()
        except BrokerError as error:
            if str(error) != self._unread:
                self._unread = str(error)
                log.warning("order_book_unread", reason=self._unread)
        else:
            self._tell(self._known.overdue(began_s, self._now_ns()))
            self._unread = ""
        self._tell(self._known.untold(began_s, self._now_ns()))

    async def _orders(self) -> list[Order]:
        """Those of the book that are ours, once it has been heard. Raises ProtocolViolation where a
        row makes no sense: of a book with holes nobody can say what is not in it."""
        seen, refused = sound(order_seen, await self._reads.get(BOOK))
        self._unheard += any(self._known.is_news(one) for one in seen)
        if self._unheard == MUTE_AFTER and self._looks.every_s == EVERY_S:
            log.warning("order_stream_mute")
            self._looks.every_s = WITHOUT_STREAM_S
        self._hear(seen)
        ours = self._known.orders([one.broker_id for one in seen], self._now_ns())
        self._pace.made_before(len(ours), self._now_ns())
        if refused is not None:
            raise refused
        return ours

    async def _trades(self) -> None:
        self._wants_trades = True  # until they have all been read
        trades, refused = sound(trade_seen, await self._reads.get(TRADES))
        self._tell(self._known.traded(trades, self._now_ns()))
        if refused is not None:
            raise refused
        self._wants_trades = False

    async def _keep_looking(self) -> None:
        while True:
            await self._looks.next()
            await self.look()

    async def _listen(self) -> None:
        async with aclosing(self._stream.frames()) as frames:
            async for frame in frames:
                if frame is None:
                    self._connected.set()
                    self._wants_trades, self._senseless = True, 0
                    self._looks.after_connection()
                else:
                    self._update(frame)

    def _update(self, frame: str | bytes) -> None:
        """One of the stream; what cannot be read is looked up instead."""
        try:
            told = json.loads(frame)
            if isinstance(told, dict) and told.get("update_type") != "order":
                return
            seen = order_seen(told)
        except (ValueError, RecursionError, ProtocolViolation) as error:
            self._senseless += 1
            if self._senseless <= MAX_TOLD_SENSELESS:
                log.warning("order_update_refused", reason=f"{type(error).__name__}: {error}"[:200])
            self._looks.now()
            return
        self._unheard, self._looks.every_s = 0, EVERY_S
        self._hear([seen])
        if self._known.lack_trades:
            self._looks.now()
            self._looks.after_call()

    def _hear(self, seen: Iterable[OrderSeen]) -> None:
        for one in seen:
            self._tell(self._known.heard(one, self._now_ns()))
            if (flight := self._flights.get(one.tag)) is not None:
                flight.seen.set()

    def _tell(self, reports: Iterable[BrokerReport]) -> None:
        for report in reports:
            if (flight := self._flights.get(report.order_id)) is not None:
                flight.held.append(report)
            else:
                self._told.put_nowait(report)

    def _no(self, order_id: str, reason: str, call: OrderCall = OrderCall.SUBMIT) -> BrokerReport:
        return self._report(ReportKind.REJECTED, order_id, reason, call)

    def _report(
        self,
        kind: ReportKind,
        order_id: str,
        reason: str = "",
        call: OrderCall = OrderCall.SUBMIT,
    ) -> BrokerReport:
        return BrokerReport(kind, order_id, self._now_ns(), reason, call=call)
