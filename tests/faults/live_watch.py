"""Watches a live day from outside and says what broke: written from the promises, not the daemon.

Reads the exchange's own book and tape, the ledger's tables, and whether trading is halted. Never
asks the daemon what it thinks of an order.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator

from core.ports import EventKind
from core.session import SECOND_NS
from core.types import TradingState
from daemon.bootstrap import Daemon
from sandbox.orders.desk import OrderTold, Told
from sandbox.orders.order import Order, Status
from tests.daemon.live_day import LiveDay, Stage

LOOK_NS = SECOND_NS // 4
UNSAFE_S = 5.0  # a position without its one exit order for longer is reported HALTED
OUR_EXITS = ("-S", "-K")


class Watch:
    """Looks four times a second of a live day, and at each entry that arrives.

    `found`: what should never have been. Time in which no process lives is not counted.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self.longest_unsafe_s = 0.0
        self._unsafe_ns: dict[str, int] = {}
        self._stage: Stage | None = None
        self._watching: asyncio.Task[None] | None = None

    def begin(self, stage: Stage) -> None:
        """Watch until the day's loop ends."""
        self._stage = stage
        stage.desk.listeners.append(self._hear)
        self._watching = asyncio.create_task(self._watch(stage))

    def end(self) -> None:
        """Raises what ended it too early."""
        if self._watching is not None and not self._watching.cancelled():
            self._watching.result()

    async def _watch(self, stage: Stage) -> None:
        clock = stage.venue.clock_of_all
        while True:
            await clock.sleep_until(clock.now_ns() + LOOK_NS)
            stage.desk.settle()
            if stage.daemon is not None:
                self._look(stage, stage.daemon)

    def _hear(self, told: Told) -> None:
        """An entry has come to the broker: had it been allowed at that moment?"""
        if not isinstance(told, OrderTold) or told.state.status is not Status.RECEIVED:
            return
        tag, stage = str(told.order.terms.tag), self._stage
        if not tag.endswith("-E") or stage is None or stage.daemon is None:
            return
        floor = stage.daemon.floor
        assert floor is not None
        if floor.main.state is not TradingState.ACTIVE:
            self.found.append(f"entry {tag} arrived while {floor.main.state.name}")
        number = floor.symbols.index(told.order.terms.listing.symbol)
        for doubt in floor.doubts:
            if doubt.instrument in (None, number):
                self.found.append(f"entry {tag} arrived in doubt {doubt.kind}")

    def _look(self, stage: Stage, daemon: Daemon) -> None:
        is_halted = daemon.floor is not None and daemon.floor.main.state is TradingState.HALTED
        held = dict.fromkeys(self._unsafe_ns, 0)
        held |= {one.listing.symbol: one.net for one in stage.desk.account.positions.values()}
        exits = _exits(stage.desk.working())
        for symbol in {*held, *exits}:
            net, orders = held.get(symbol, 0), exits.get(symbol, [])
            tags = [one.terms.tag for one in orders]
            if len(orders) > 1:
                self.found.append(f"{symbol} has exit orders {tags}")
            covered = [-one.terms.sign * one.pending for one in orders] == ([net] if net else [])
            unsafe_ns = 0 if covered or is_halted else self._unsafe_ns.get(symbol, 0) + LOOK_NS
            self._unsafe_ns[symbol] = unsafe_ns
            self.longest_unsafe_s = max(self.longest_unsafe_s, unsafe_ns / SECOND_NS)
            if unsafe_ns == round(UNSAFE_S * SECOND_NS) + LOOK_NS:
                self.found.append(
                    f"{symbol} {net:+d} stood with {tags} for {UNSAFE_S:g} s, not halted"
                )


def _exits(orders: list[Order]) -> dict[str, list[Order]]:
    """Exit orders of ours that work, by symbol."""
    found: dict[str, list[Order]] = defaultdict(list)
    for order in orders:
        if str(order.terms.tag).endswith(OUR_EXITS):
            found[order.terms.listing.symbol].append(order)
    return found


def violations(day: LiveDay, watch: Watch) -> Iterator[str]:
    """What is wrong with a day that is over; nothing, if all is well."""
    watch.end()
    yield from dict.fromkeys(watch.found)
    tags = Counter(one.terms.tag for one in day.desk.orders.values() if one.terms.tag)
    yield from (f"{count} orders carry the tag {tag}" for tag, count in tags.items() if count > 1)
    alerts = [str(one["reason"]) for one in day.notes("breaker_tripped")]
    is_halted = day.state is TradingState.HALTED
    if is_halted and not (alerts or day.inputs(EventKind.COMMAND)):
        yield "HALTED without an alert"
    yield from _fills(day, alerts if is_halted else [])
    if held(day) != day.held and not is_halted:
        yield f"the ledger holds {held(day)}, the exchange {day.held}"
    if day.outcome.complete and day.held and not is_halted:
        yield f"{day.held} at the end of the day"


def _fills(day: LiveDay, alerts: list[str]) -> Iterator[str]:
    """Each of the tape in the ledger once; what cannot be booked is named by an alert."""
    ours, theirs = Counter(booked(day)), Counter(traded(day))
    for fill, count in (theirs - ours).items():
        if not any(f"fill {fill[1]} of" in alert for alert in alerts):
            yield f"{count} x {fill} of the tape is not in the ledger"
    for fill, count in (ours - theirs).items():
        yield f"{count} x {fill} of the ledger is not on the tape"


def booked(day: LiveDay) -> list[tuple[object, ...]]:
    """Of the ledger: order, fill, shares and price of each fill."""
    names = ("order_id", "fill_id", "quantity", "price")
    return sorted(tuple(row[name] for name in names) for row in day.rows("fills"))


def traded(day: LiveDay) -> list[tuple[object, ...]]:
    """The same, as the exchange's tape has it of our orders."""
    return sorted(
        (one.order.terms.tag, one.trade_id, one.quantity, one.price_paise / 100)
        for one in day.tape
        if one.order.terms.tag
    )


def held(day: LiveDay) -> dict[str, int]:
    """By the fills of the ledger."""
    shares: dict[str, int] = defaultdict(int)
    for row in day.rows("fills"):
        sign = 1 if row["side"] == "BUY" else -1
        shares[str(row["instrument"])] += sign * int(str(row["quantity"]))
    return {symbol: count for symbol, count in shares.items() if count}
