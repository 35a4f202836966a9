"""Each leg of a live day beside the fill that paper gives the same decision (ADR 0038).

Paper is asked with the day's recorded Minutes and the rules of core, leg by leg: an entry as it was
decided, a way out from the price at which the broker let us in. What has no counterpart stays in
the table and says why.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from core.paper_fills import Decision, PaperFill, paper_entry, paper_exit
from core.ports import EventKind, LedgerEvent
from core.rules.fees import value_paise
from core.rules.holdings import Holdings
from core.rules.told import average_price
from core.types import ExitReason, MinuteSpan, Side
from daemon.floor import Floor
from daemon.proof.recipe import frame_of, setups_of
from daemon.rerun import DayRecord, recorded_bars
from daemon.slippage.legs import Leg, LiveDay, Row, live_day
from strategies.terms import open_holdings

# Differences are against us where they are positive: paid more, or got less, than paper.
SCHEMA = pl.Schema(
    {
        "day": pl.Date(),
        "strategy": pl.String(),
        "instrument": pl.String(),
        "signal_id": pl.String(),
        "order_id": pl.String(),
        "role": pl.String(),  # entry, or why it is out: stop, target, time, square_off, flatten
        "side": pl.String(),  # of the order
        "decided_ns": pl.Int64(),
        "sent_ns": pl.Int64(),  # when the call left, by our clock
        "acknowledged_ns": pl.Int64(),
        "first_fill_ns": pl.Int64(),  # by the exchange's clock
        "last_fill_ns": pl.Int64(),
        "fills": pl.Int64(),
        "quantity": pl.Int64(),
        "live_price": pl.Float64(),
        "paper_price": pl.Float64(),
        "paper_role": pl.String(),
        "paper_ns": pl.Int64(),
        "reference_price": pl.Float64(),  # of paper, before slippage and tick
        "difference_rupees": pl.Float64(),  # a share, live against paper
        "difference_bps": pl.Float64(),
        "difference_paise": pl.Int64(),  # of the leg
        "slippage_bps": pl.Float64(),  # live against the reference: beside the setting of this name
        "delay_ms": pl.Float64(),  # from the decision to the first fill
        "without": pl.String(),  # why there is nothing to compare; empty: there is
    }
)
ENTRY, OPEN = "entry", "open"
NO_BARS = "paper: the ledger has no Minutes of the day, or not any more"
NO_BAR = "paper: no bar of it came in time"
EARLIER = "paper: entered on an earlier day"


def beside(record: DayRecord, recipe: Row) -> pl.DataFrame:
    """The legs of a day, a row each (SCHEMA), in the order in which they began."""
    live = live_day(record.steps)
    if not live.legs:
        return SCHEMA.to_frame()
    paper = PaperDay(record, recipe, live)
    rows = [_row(record.day, leg, *paper.fill_of(leg)) for leg in live.legs]
    return pl.DataFrame(rows, SCHEMA, orient="row")


class PaperDay:
    """The Minutes of a day, through which paper takes one position at a time."""

    def __init__(self, record: DayRecord, recipe: Row, live: LiveDay) -> None:
        self._live = live
        self._entries = {leg.signal_id: leg for leg in live.legs if leg.is_entry}
        floor = Floor(setups_of(recipe, ""))
        self._setup = floor.main.setup
        self._timeframes_ns = floor.resampler.timeframes_ns.tolist()
        self._symbols = floor.symbols
        self._owners = {name: n for n, (name, _, _) in enumerate(self._setup.strategies)}
        inputs = [step[0] for step in record.steps]
        minutes = [one for one in inputs if one.kind is EventKind.MINUTE]
        self._has_bars = bool(minutes) and all(one.blob is not None for one in minutes)
        if not self._has_bars:
            return
        self._span = floor.resampler.resample(_span(minutes, recipe, record.day))
        self._late = np.array([bool(one.payload["late"]) for one in minutes], np.bool_)
        flattened = [
            one.ts_ns for one in inputs if one.kind is EventKind.COMMAND and one.key == "flatten"
        ]
        self._flattened = np.isin(self._span.close_ns, np.array(flattened, np.int64))

    def fill_of(self, leg: Leg) -> tuple[PaperFill | None, str]:
        """Paper's fill, and why there is none or none to compare it with."""
        if not self._has_bars:
            return None, NO_BARS
        if leg.signal_id not in self._live.signals:
            return None, EARLIER
        if leg.is_entry:
            fill = paper_entry(self._span, self._fresh(), self._decided(leg))
            without = "" if fill is not None else NO_BAR
        else:
            fill, without = self._exit(leg), "paper: it is not out yet"
            without = "" if fill is not None else without
        if leg.quantity == 0:
            held = "not filled" if leg.is_entry else "still held"
            without = f"live: {leg.ended or held}"
        return fill, without

    def _exit(self, leg: Leg) -> PaperFill | None:
        first = self._entries[leg.signal_id].fills[0]
        told = (float(first["price"]), int(first["ts_ns"]), self._late, self._flattened)
        return paper_exit(self._span, self._fresh(), self._decided(leg), *told)

    def _decided(self, leg: Leg) -> Decision:
        signal, entry = self._live.signals[leg.signal_id], self._entries[leg.signal_id]
        return Decision(
            minute=int(np.searchsorted(self._span.close_ns, signal["bar_close_ns"])),
            strategy=self._owners[leg.strategy],
            instrument=self._symbols.index(leg.instrument),
            side=int(Side[signal["side"]]),
            close=float(signal["close"]),
            atr=float(signal["atr"]),
            shares=int(signal["quantity"]) if leg.is_entry else entry.quantity,
        )

    def _fresh(self) -> Holdings:
        setup = self._setup
        settings = [own for _, _, own in setup.strategies]
        return open_holdings(
            setup.risk, settings, setup.instruments, setup.groups, self._timeframes_ns
        )


def _span(minutes: Sequence[LedgerEvent], recipe: Row, day: int) -> MinuteSpan:
    """All Minutes of a day as one span, without strategy bars."""
    frame = frame_of(recipe, day)
    bars = [recorded_bars(one) for one in minutes]
    empty = frame.span(minutes[0].ts_ns, bars[0])
    return empty._replace(
        close_ns=np.array([one.payload["close_ns"] for one in minutes], np.int64),
        day_index=np.zeros(len(minutes), np.int32),
        first_bar=np.concatenate([[0], np.cumsum([len(one) for one in bars])]).astype(np.int64),
        bars=np.concatenate(bars),
        first_strategy_bar=np.zeros(len(minutes) + 1, np.int64),
    )


def _row(day: int, leg: Leg, paper: PaperFill | None, without: str) -> tuple[object, ...]:
    """A row of SCHEMA."""
    quantity, times = leg.quantity, [int(fill["ts_ns"]) for fill in leg.fills]
    live_price = average_price(leg.value_paise, quantity) if quantity else None
    first_ns, last_ns = (min(times), max(times)) if times else (None, None)
    delay_ms = None
    if first_ns is not None and leg.decided_ns is not None:
        delay_ms = (first_ns - leg.decided_ns) / 1e6
    return (
        np.datetime64(day, "D").astype(object),
        leg.strategy,
        leg.instrument,
        leg.signal_id,
        leg.order_id,
        ENTRY if leg.is_entry else leg.reason.lower() or OPEN,
        leg.side.name,
        leg.decided_ns,
        leg.sent_ns,
        leg.acknowledged_ns,
        first_ns,
        last_ns,
        len(leg.fills),
        quantity,
        live_price,
        *_paper_columns(leg, paper),
        *_differences(leg, live_price, paper),
        delay_ms,
        without,
    )


def _paper_columns(leg: Leg, paper: PaperFill | None) -> tuple[object, ...]:
    if paper is None:
        return (None,) * 4
    role = ENTRY if leg.is_entry else ExitReason(paper.reason).name.lower()
    return paper.price, role, paper.ts_ns, paper.reference


def _differences(leg: Leg, live_price: float | None, paper: PaperFill | None) -> tuple[object, ...]:
    """Rupees a share, bps, paise of the leg, bps against the reference."""
    if live_price is None or paper is None:
        return (None,) * 4
    rupees = leg.side * (live_price - paper.price)
    paise = int(leg.side) * (leg.value_paise - int(value_paise(leg.quantity, paper.price)))
    against = leg.side * (live_price - paper.reference) / paper.reference * 1e4
    return rupees, rupees / paper.price * 1e4, paise, against
