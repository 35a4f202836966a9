"""A day begun by another setup goes on under ours: its recorded results are applied, not computed.

Orders, fills and trades say what became of the account, the bars how long it was held and where it
stands; strategies see history and the day's bars anew. Nothing is sent, nothing is decided.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from core.advance import follow
from core.engine import EXIT_ROLE
from core.errors import ConfigError
from core.events import Submit
from core.orders import TERMINAL, Order, OrderMove, OrderRole, OrderState, moved
from core.ports import EventKind, LedgerEvent
from core.rules.account import (
    ask_exit,
    cancel_entry,
    command_state,
    settle,
    start_day,
    submit_entry,
)
from core.rules.holdings import OPEN
from core.types import (
    BAR,
    Command,
    ExitReason,
    Int64s,
    MinuteSpan,
    OrderId,
    Records,
    Signal,
    SignalStatus,
    Trade,
)
from daemon.desk import Desk
from daemon.floor import Floor
from daemon.memory.carrying import unwatched
from daemon.memory.recalled import book_of, order_of, signal_of, signal_rows, trade_of
from daemon.memory.snapshot import opened as opened_snapshot
from daemon.scanner import Scanner
from providers.live import DayFrame

OF_A_BROKER = (EventKind.BROKER_REPORT, EventKind.TARGET_TOUCHED)
MARKET_EXITS = {
    EXIT_ROLE[reason]: reason
    for reason in (ExitReason.TIME, ExitReason.SQUARE_OFF, ExitReason.FLATTEN)
}


def take_over(
    floor: Floor,
    frame: DayFrame,
    opened: LedgerEvent,
    steps: Sequence[Sequence[LedgerEvent]],
    history: Iterable[MinuteSpan],
) -> list[LedgerEvent]:
    """Bring `floor`, which is new, to where the day stands; `opened` is its last opening.

    Returns what is to be recorded: acknowledgements that the last step lacks, and the day opened
    again, from where the next start will run it again. Raises ConfigError naming an open position
    that nobody would watch, and for a day that a real broker told of.
    """
    if any(given.kind in OF_A_BROKER for given, *_ in steps):
        raise ConfigError(
            "orders of this day are at a broker: only the configuration and program that sent them"
            " can go on with it before it is closed"
        )
    floor.carry_over(opened)
    floor.begin(frame.day, opened.ts_ns, history)
    facts = opened_snapshot(opened.blob or b"")[1]
    numbers = _numbers_of(facts, floor.symbols)
    followers = {book: _Gone(book) for book in facts} | {
        desk.name: _Follower(desk) for desk in floor.desks
    }
    for given, *results in steps:
        if given.kind is EventKind.DOUBT:
            floor.doubt_again(given)
            continue
        span = None
        if given.kind is EventKind.MINUTE:
            bars = _renumbered(np.frombuffer(given.blob or b"", BAR), numbers)
            span = floor.resampler.resample(frame.span(given.ts_ns, bars))
        of_book = defaultdict[str, list[LedgerEvent]](list)
        for event in results:
            of_book[book_of(event)].append(event)
        for book, follower in followers.items():
            if span is None:
                follower.commanded(Command[str(given.payload["command"]).upper()], of_book[book])
            else:
                follower.minute(span, of_book[book])
        if span is not None:
            floor.pass_by(span)
    for follower in followers.values():
        follower.require_watched()
    acknowledged = [event for desk in floor.desks for event in _acknowledged(desk)]
    return [*acknowledged, floor.opening()]


def recollect(scanner: Scanner, floor: Floor, steps: Iterable[Sequence[LedgerEvent]]) -> None:
    """Tell the page what the day has brought so far, of what is still configured."""
    desks = {desk.name: desk for desk in floor.desks}
    for event in (event for step in steps for event in step[1:]):
        desk = desks.get(book_of(event))
        if desk is not None and event.kind is EventKind.SIGNAL:
            for signal in map(signal_of, signal_rows(event)):
                if desk.place_of(signal.strategy, signal.instrument):
                    scanner.signal_decided(signal)
        elif desk is not None and event.kind is EventKind.TRADE:
            trade = trade_of(event.payload)
            if desk.place_of(trade.strategy, trade.instrument):
                scanner.trade_closed(trade)


def recorded_bars(
    opened: LedgerEvent, steps: Iterable[Sequence[LedgerEvent]], symbols: Sequence[str]
) -> tuple[Records, str]:
    """The bars of the Minutes in `steps`, in our numbers and in order, and where they came from."""
    numbers = _numbers_of(opened_snapshot(opened.blob or b"")[1], symbols)
    minutes = [step[0] for step in steps if step[0].kind is EventKind.MINUTE]
    blobs = b"".join(minute.blob or b"" for minute in minutes)
    bars = _renumbered(np.frombuffer(blobs, BAR), numbers)
    is_built = any("marks" in minute.payload for minute in minutes)
    return bars, "feed" if is_built else "import"


def _numbers_of(facts: Mapping[str, Any], symbols: Sequence[str]) -> Int64s:
    """Our number of each instrument of the snapshot, -1 where we have it no more."""
    kept = next(iter(facts.values()))["symbols"]  # the same in every book
    return np.array([symbols.index(one) if one in symbols else -1 for one in kept], np.int64)


def _acknowledged(desk: Desk) -> list[LedgerEvent]:
    """The broker has what was sent; that it took an order may not have been written any more."""
    unanswered = [
        Submit(order)
        for order in desk.engine.orders.values()
        if order.state is OrderState.SUBMITTED
    ]
    return desk.acknowledged(unanswered)


def _renumbered(bars: Records, numbers: Int64s) -> Records:
    """`bars` in our order, by time; those of instruments we do not have are left out."""
    ours = bars.copy()
    ours["instrument"] = numbers[bars["instrument"]]
    ours = ours[ours["instrument"] >= 0]
    return ours[np.lexsort((ours["instrument"], ours["open_ns"]))]


class _Gone:
    """Watches the orders of a book that is not configured any more: its account is left behind."""

    def __init__(self, book: str) -> None:
        self._book = book
        self._orders: dict[OrderId, Order] = {}

    def minute(self, span: MinuteSpan | None, results: Sequence[LedgerEvent]) -> None:
        for event in results:
            if event.kind is EventKind.ORDER:
                order = order_of(event.payload)
                self._orders[order.order_id] = order
                if order.state in TERMINAL:
                    del self._orders[order.order_id]

    def commanded(self, command: Command, results: Sequence[LedgerEvent]) -> None:
        self.minute(None, results)

    def require_watched(self) -> None:
        for order in self._orders.values():
            raise ConfigError(unwatched(order.strategy, order.instrument, f"book {self._book}"))


class _Follower:
    """Applies recorded results to the account of a desk, in the order of recording.

    Of a strategy or symbol that is not configured any more the account alone is told.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._engine = desk.engine
        self._holdings = desk.engine.holdings
        self._account = desk.engine.holdings.account

    def minute(self, span: MinuteSpan, results: Sequence[LedgerEvent]) -> None:
        """(a) and (b) of pixity.md 6 come before marks and clocks, (c) and the end after them."""
        if self._account["day"][0] != self._desk.day:
            start_day(self._holdings, self._desk.day)
        first_late = next(
            (number for number, event in enumerate(results) if _is_late(event)), len(results)
        )
        self._apply(results[:first_late])
        follow(span, 0, self._holdings)
        self._apply(results[first_late:])

    def commanded(self, command: Command, results: Sequence[LedgerEvent]) -> None:
        command_state(self._holdings, int(command))
        self._apply(results)

    def _apply(self, results: Iterable[LedgerEvent]) -> None:
        for event in results:
            match event.kind:
                case EventKind.SIGNAL:
                    for row in signal_rows(event):
                        self._signalled(signal_of(row))
                case EventKind.ORDER:
                    self._ordered(order_of(event.payload))
                case EventKind.FILL:
                    self._filled(event.payload)
                case EventKind.TRADE:
                    self._traded(trade_of(event.payload))
                case _:
                    pass

    def require_watched(self) -> None:
        """Raises ConfigError unless every working order is of something configured."""
        for order in self._engine.orders.values():
            if self._place(order) is None:
                is_there = order.instrument in self._desk.symbols
                gone = f"strategy {order.strategy}" if is_there else f"symbol {order.instrument}"
                raise ConfigError(unwatched(order.strategy, order.instrument, gone))

    def _place(self, named: Order | Signal | Trade) -> tuple[int, int] | None:
        return self._desk.place_of(named.strategy, named.instrument)

    def _signalled(self, signal: Signal) -> None:
        if signal.status is not SignalStatus.ACTED:
            return
        self._engine.seen.add(signal.signal_id)
        place = self._place(signal)
        if place is None:
            self._account["signals"] += 1
            self._account["entries_today"] += 1
            return
        number = submit_entry(
            self._holdings, *place, int(signal.side), signal.close, signal.atr, signal.quantity
        )
        self._engine.signals[number] = signal

    def _ordered(self, order: Order) -> None:
        orders, place = self._engine.orders, self._place(order)
        if order.state is OrderState.INTENDED:
            orders[order.order_id] = moved(order, OrderMove.SEND, order.created_ns)
            if place is not None and order.role in MARKET_EXITS:
                ask_exit(self._holdings, place[1], int(MARKET_EXITS[order.role]), 0)
        elif order.state is OrderState.OPEN:
            orders[order.order_id] = order
        else:
            orders.pop(order.order_id, None)
            is_cancelled = order.state is OrderState.CANCELLED
            if place is not None and order.role is OrderRole.ENTRY and is_cancelled:
                self._engine.signals.pop(int(self._holdings.positions["signal"][place[1]]))
                cancel_entry(self._holdings, place[1], 0)

    def _filled(self, fill: Mapping[str, Any]) -> None:
        """An entry opens the position as it was recorded; an exit is told by its trade."""
        held = fill["position"]
        place = held and self._desk.place_of(held["strategy"], held["instrument"])
        if not place:
            return
        row = self._holdings.positions[place[1]]
        row["status"], row["bars_held"] = OPEN, 0
        row["entry_ns"], row["entry_price"] = held["entry_ns"], held["entry_price"]
        row["entry_value_paise"] = fill["value_paise"]
        row["entry_fees_paise"] = fill["fees_paise"]
        row["stop"], row["target"] = held["stop"], held["target"]
        row["lowest"], row["highest"] = np.inf, -np.inf

    def _traded(self, trade: Trade) -> None:
        place = self._place(trade)
        if place is None:
            self._account["realised_paise"] += trade.net_paise
            self._account["day_realised_paise"] += trade.net_paise
            return
        self._engine.signals.pop(int(self._holdings.positions["signal"][place[1]]))
        settle(self._holdings, place[1], trade.net_paise)
        if trade.exit_reason is ExitReason.FORCED:
            self._holdings.since_exit[place] = 1  # the bar of that close has closed


def _is_late(event: LedgerEvent) -> bool:
    """Whether it belongs to the strategies' part of a Minute, or to its end."""
    is_forced = event.kind is EventKind.TRADE and event.payload["exit_reason"] == "FORCED"
    return event.kind is EventKind.SIGNAL or is_forced
