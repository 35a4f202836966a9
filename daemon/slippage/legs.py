"""What a broker made of each decision of a day, out of the ledger: the entry of a signal, or its
way out.

Pure. Reads what is recorded and decides nothing about it; what paper would have made of the same
decisions is `beside.py`'s part.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.book import MAIN_BOOK
from core.orders import OrderRole, OrderState, OrderType
from core.ports import EventKind, LedgerEvent, ReportKind
from core.types import Side, SignalStatus
from daemon.memory.journal import SIGNAL_NAMES, report_of

Row = dict[str, Any]

OVER = (ReportKind.REJECTED, ReportKind.CANCELLED, ReportKind.LOST)
STATES_OVER = (OrderState.REJECTED, OrderState.CANCELLED)
MARKET = OrderType.MARKET.name


@dataclass(slots=True, kw_only=True)
class Leg:
    """All orders of one signal that go one way, and what filled them.

    `decided_ns`: when it was decided; None: never, for a stop rests at the exchange and fires
    there. `reason`: of a way out that is over.
    """

    signal_id: str
    strategy: str
    instrument: str
    side: Side
    is_entry: bool
    order_id: str
    decided_ns: int | None = None
    sent_ns: int | None = None
    acknowledged_ns: int | None = None
    reason: str = ""
    ended: str = ""  # how an order of it ended without being filled whole
    fills: list[Row] = field(default_factory=list)

    @property
    def quantity(self) -> int:
        return sum(int(fill["quantity"]) for fill in self.fills)

    @property
    def value_paise(self) -> int:
        return sum(int(fill["value_paise"]) for fill in self.fills)

    def changed(self, row: Row) -> None:
        """An ORDER of it. Asked for at the market, it is decided; a stop never is."""
        if self.is_entry:
            self.decided_ns = int(row["created_ns"])
        elif row["type"] == MARKET and self.decided_ns is None:
            self.decided_ns = int(row["updated_ns"])
            self.sent_ns = self.acknowledged_ns = None  # what was answered is the resting stop

    def reported(self, told: Row) -> None:
        report = report_of(told)
        if report.kind is ReportKind.ACKNOWLEDGED and self.acknowledged_ns is None:
            self.acknowledged_ns = report.ts_ns
            self.sent_ns = report.sent_ns or None
        elif report.kind in OVER:
            self.ended = " ".join(filter(None, (report.kind.lower(), report.reason)))


@dataclass(frozen=True, slots=True)
class LiveDay:
    """The legs of the main book in the order in which they began, and its entries' signals."""

    legs: list[Leg]
    signals: dict[str, Row]  # by id


def live_day(steps: Sequence[Sequence[LedgerEvent]]) -> LiveDay:
    """Out of the steps of a day: each an input and its results."""
    legs: dict[tuple[str, bool], Leg] = {}
    by_order: dict[str, Leg] = {}
    signals: dict[str, Row] = {}
    for given, *results in steps:
        if given.kind is EventKind.BROKER_REPORT and given.key in by_order:
            by_order[given.key].reported(given.payload)
        for event in results:
            row: Row = event.payload
            if event.kind is EventKind.SIGNAL:
                signals |= {one["signal_id"]: one for one in _acted(row)}
            elif row.get("book") != MAIN_BOOK:
                continue
            elif event.kind is EventKind.ORDER:
                leg = _leg_of(row, legs)
                by_order[row["order_id"]] = leg
                leg.changed(row)
            elif event.kind is EventKind.FILL:
                by_order[row["order_id"]].fills.append(row)
            elif event.kind is EventKind.TRADE:
                _leg_of_trade(row, legs).reason = row["exit_reason"]
    return LiveDay(list(legs.values()), signals)


def _acted(payload: Row) -> Iterable[Row]:
    named = (dict(zip(SIGNAL_NAMES, row, strict=True)) for row in payload["rows"])
    acted = SignalStatus.ACTED.name
    return (one for one in named if one["book"] == MAIN_BOOK and one["status"] == acted)


def _leg_of(row: Row, legs: dict[tuple[str, bool], Leg]) -> Leg:
    is_entry = row["role"] == OrderRole.ENTRY.name
    key = (row["signal_id"], is_entry)
    if key not in legs:
        legs[key] = Leg(
            signal_id=row["signal_id"],
            strategy=row["strategy"],
            instrument=row["instrument"],
            side=Side[row["side"]],
            is_entry=is_entry,
            order_id=row["order_id"],
        )
    return legs[key]


def _leg_of_trade(row: Row, legs: dict[tuple[str, bool], Leg]) -> Leg:
    """A trade is told of orders, so its leg is known by then."""
    return legs[row["signal_id"], False]
