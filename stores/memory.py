"""The stores without a disk: for tests, virtual time and runs that leave nothing behind.

Decides nothing of its own: both pass the contract suites of their durable twins. They are a second
text of the same promises on purpose, so that a contract test compares two opinions.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from core.errors import StoreFailed
from core.orders import OrderState
from core.ports import DecidedBar, EventKind, LedgerEvent, RecordedEvent
from core.session import days_of
from core.types import BAR, MISSING, TICK, Instrument, Int64s, Records
from stores.chain import canonical_json, chained
from stores.market_tables import require_source
from stores.views import PROJECTED, RUNNER_STATE, VIEWS, Row, RowOrder, require_view


class MemoryLedger:
    """A ledger that lasts as long as its object, with the chain and views of the durable one."""

    def __init__(self, *, order: RowOrder = RowOrder()) -> None:  # noqa: B008 - a frozen value
        self._order = order
        self._recorded: list[RecordedEvent] = []
        self._views = _Views()
        self._runner_state: list[Row] = []

    def append(self, events: Sequence[LedgerEvent]) -> int:
        links = chained(events, *self.head())
        is_projected = any(event.kind in PROJECTED for event in events)
        views = self._views.copy() if is_projected else self._views  # dropped if an event fails
        steps = []
        for link, event in zip(links, events, strict=True):
            kind, payload = EventKind(link.kind), json.loads(link.payload)
            views.project(kind, payload)
            stored = LedgerEvent(link.ts_ns, kind, link.key, payload, event.blob)
            steps.append(RecordedEvent(link.seq, stored, link.hash))
        self._recorded += steps
        self._views = views
        return len(self._recorded)

    def events(
        self, after: int = 0, kinds: Sequence[EventKind] | None = None
    ) -> Iterator[RecordedEvent]:
        for recorded in self._recorded[after:]:
            if kinds is None or recorded.event.kind in kinds:
                yield recorded

    def head(self) -> tuple[int, str]:
        return (len(self._recorded), self._recorded[-1].hash) if self._recorded else (0, "")

    def write_runner_state(self, rows: Sequence[Row]) -> None:
        keys = {(row["book"], row["strategy"], row["instrument"]) for row in rows}
        if len(keys) < len(rows):
            raise StoreFailed("runner state was not written: two rows of one key")
        self._runner_state = [json.loads(canonical_json(row, "runner state")) for row in rows]

    def update_runner_state(self, rows: Sequence[Row]) -> None:
        given = {(row["book"], row["strategy"], row["instrument"]): row for row in rows}
        for number, row in enumerate(self._runner_state):
            if (new := given.get((row["book"], row["strategy"], row["instrument"]))) is not None:
                self._runner_state[number] = json.loads(canonical_json(new, "runner state"))

    def rows(self, view: str, day: int | None = None, book: str | None = None) -> list[Row]:
        require_view(view)
        if view == RUNNER_STATE:
            return [dict(row) for row in self._runner_state]
        rows = [dict(row) for row in self._views.rows(view)]
        if day is not None and "day" in VIEWS[view]:
            rows = [row for row in rows if row["day"] == day]
        rows = [row for row in rows if book in (None, row["book"])]
        return self._order.ordered(view, rows)

    def close(self) -> None:
        """Nothing is held."""


class _Views:
    """The projections as dicts, in the order in which their keys first came."""

    def __init__(self) -> None:
        self._signals: list[Row] = []
        self._trades: list[Row] = []
        self._orders: dict[object, Row] = {}
        self._fills: dict[object, Row] = {}
        self._positions: dict[object, Row] = {}

    def copy(self) -> "_Views":
        twin = _Views()
        twin._signals, twin._trades = list(self._signals), list(self._trades)
        twin._orders, twin._fills = dict(self._orders), dict(self._fills)
        twin._positions = dict(self._positions)
        return twin

    def rows(self, view: str) -> list[Row]:
        return {
            "signals": self._signals,
            "trades": self._trades,
            "orders": list(self._orders.values()),
            "fills": list(self._fills.values()),
            "positions": list(self._positions.values()),
        }[view]

    def project(self, kind: EventKind, payload: Row) -> None:
        match kind:
            case EventKind.SIGNAL:
                self._signals += _signals(payload)
            case EventKind.TRADE:
                self._trades.append(_row("trades", payload))
            case EventKind.ORDER:
                row = _row("orders", payload)
                if row["state"] == OrderState.INTENDED and row["order_id"] in self._orders:
                    raise StoreFailed(f"the ledger refuses a second intent {row['order_id']}")
                self._orders[row["order_id"]] = row
            case EventKind.FILL:
                self._fill(payload)
            case _:
                pass

    def _fill(self, payload: Row) -> None:
        row = _row("fills", payload)
        key = (row["order_id"], row["fill_id"])
        if key in self._fills or row["order_id"] not in self._orders:
            raise StoreFailed(f"the ledger refuses the fill {key}: recorded, or of no known order")
        self._fills[key] = row
        if "position" not in payload:
            return
        position = payload["position"]
        if isinstance(position, dict):
            held = _row("positions", position)
            self._positions[held["strategy"], held["instrument"]] = held
        else:
            owner = self._orders[row["order_id"]]["strategy"]
            self._positions.pop((owner, row["instrument"]), None)


def _signals(payload: dict[str, Any]) -> list[Row]:
    return [
        _row("signals", dict(zip(payload["names"], values, strict=True)))
        for values in payload["rows"]
    ]


def _row(view: str, payload: Row) -> Row:
    missing = [name for name in VIEWS[view] if name not in payload]
    if missing:
        raise StoreFailed(f"the ledger refuses a row of {view} without {', '.join(missing)}")
    return {name: payload[name] for name in VIEWS[view]}


class MemoryMarketStore:
    """Ticks and bars that last as long as the object (core.ports.MarketStore)."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._instruments = list(instruments)
        self._ticks: list[Records] = []
        self._bars: list[tuple[int, Records]] = []
        self._buffered_ticks: list[Records] = []
        self._buffered_bars: list[tuple[int, Records]] = []
        self._decided: list[tuple[str, Records, Records]] = []
        self._buffered_decided: list[tuple[str, Records, Records]] = []

    def append_ticks(self, ticks: Records) -> None:
        self._buffered_ticks.append(ticks.copy())

    def append_bars(self, bars: Records, source: str) -> None:
        self._buffered_bars.append((require_source(source), bars.copy()))

    def append_decisions(self, strategy: str, bars: Records, decisions: Records) -> None:
        self._buffered_decided.append((strategy, bars.copy(), decisions.copy()))

    def commit(self) -> None:
        self._ticks += self._buffered_ticks
        self._bars += self._buffered_bars
        self._decided += self._buffered_decided
        self._buffered_ticks, self._buffered_bars, self._buffered_decided = [], [], []

    def bars(self, from_ns: int, to_ns: int, instrument: int | None = None) -> Records:
        rows = np.concatenate([np.zeros(0, BAR), *(block for _, block in self._bars)]).view(BAR)
        ranks = np.repeat(
            np.array([rank for rank, _ in self._bars], np.int64),
            np.array([len(block) for _, block in self._bars], np.int64),
        )
        inside = (rows["open_ns"] >= from_ns) & (rows["open_ns"] < to_ns)
        if instrument is not None:
            inside &= rows["instrument"] == instrument
        rows, ranks = rows[inside], ranks[inside]
        # Stable: of two rows alike in all three the later written one stays behind the earlier.
        rows = rows[np.lexsort((ranks, rows["instrument"], rows["open_ns"]))]
        keys = rows[["open_ns", "instrument"]]
        is_last = np.ones(len(rows), np.bool_)
        is_last[:-1] = keys[1:] != keys[:-1]
        return rows[is_last]

    def decisions(self, instrument: int, day: int, limit: int) -> list[DecidedBar]:
        found = [
            decided_bar_of(strategy, bar, signal)
            for strategy, bars, signals in self._decided
            for bar, signal in zip(bars, signals, strict=True)
            if bar["instrument"] == instrument and bar["day"] == day
        ]
        found.sort(key=lambda decided: decided.close_ns)
        return found[max(0, len(found) - limit) :]

    def ticks(self, from_ns: int, to_ns: int) -> Records:
        everything = np.concatenate([np.zeros(0, TICK), *self._ticks]).view(TICK)
        arrival = everything["recv_ns"]
        return everything[(arrival >= from_ns) & (arrival < to_ns)]

    def tick_count(self, from_ns: int, to_ns: int) -> int:
        return len(self.ticks(from_ns, to_ns))

    def altered_ticks(self, from_ns: int, to_ns: int) -> Int64s:
        return np.zeros(0, np.int64)  # nobody but the object has them

    def days(self) -> list[int]:
        found: set[int] = set()
        for _, block in self._bars:
            for number in np.unique(block["instrument"]):
                opens = block["open_ns"][block["instrument"] == number]
                found.update(days_of(opens, self._instruments[number].session_class).tolist())
        return sorted(found)

    def held_days(self, source: str | None = None) -> list[set[int]]:
        rank = None if source is None else require_source(source)
        held: list[set[int]] = [set() for _ in self._instruments]
        for number, one in enumerate(self._instruments):
            for block in (block for of, block in self._bars if rank in (None, of)):
                own = block[(block["instrument"] == number) & (block["quality"] & MISSING == 0)]
                held[number].update(days_of(own["open_ns"], one.session_class).tolist())
        return held

    def close(self) -> None:
        """Nothing is held."""


def decided_bar_of(strategy: str, bar: np.void, signal: np.void) -> DecidedBar:
    """A STRATEGY_BAR row and the SIGNAL row that was said on it, as a store gives them back."""
    events = zip(signal["kind"].tolist(), signal["side"].tolist(), strict=True)
    gates = (signal[name].tolist() for name in ("gate_value", "gate_threshold", "gate_passed"))
    return DecidedBar(
        strategy=strategy,
        open_ns=int(bar["open_ns"]),
        close_ns=int(bar["close_ns"]),
        open=float(bar["open"]),
        high=float(bar["high"]),
        low=float(bar["low"]),
        close=float(bar["close"]),
        volume=int(bar["volume"]),
        minutes_seen=int(bar["minutes_seen"]),
        minutes_expected=int(bar["minutes_expected"]),
        gap=bool(bar["gap"]),
        atr=float(signal["atr"]),
        vwap=float(signal["vwap"]),
        events=tuple(events)[: int(signal["count"])],
        status=int(signal["status"]),
        refusal=int(signal["refusal"]),
        value=float(signal["value"]),
        limit=float(signal["limit"]),
        quantity=int(signal["quantity"]),
        gates=tuple(
            (value, needed, bool(passed)) for value, needed, passed in zip(*gates, strict=True)
        ),
    )
