"""What happened on a day as the layers of `comparison.py`, whoever tells it.

Decides which columns a layer has and how its rows are named. Recorded events, computed ones and two
runs all come through here, so equal days have equal layers.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256

import numpy as np

from core.ports import DecidedBar, EventKind, LedgerEvent
from core.types import Records
from daemon.memory.snapshot import opened
from daemon.proof.comparison import Layer, Row
from stores.chain import canonical_json

BREAKER = "breaker_"  # how the keys of such a NOTE begin
REFUSAL = ("status", "refusal", "value", "limit_value", "quantity")
BAR = ("open", "high", "low", "close", "volume", "minutes_seen", "minutes_expected", "gap")
DECISION_KEY = ("strategy", "instrument", "open_ns", "close_ns")


def layers_of(
    *,
    ticks: Sequence[tuple[int, int, str]],
    minutes: Sequence[tuple[int, Records]],
    symbols: Sequence[str],
    decisions: Sequence[tuple[str, DecidedBar]],
    results: Sequence[LedgerEvent],
    opening: LedgerEvent | None,
    closed: LedgerEvent | None,
) -> dict[str, Layer]:
    """All layers of a day by name; without ticks no layer of them, so too without a snapshot."""
    ordered = sorted(decisions, key=lambda pair: (pair[1].close_ns, pair[1].strategy, pair[0]))
    layers = [
        minute_layer(minutes, symbols),
        bar_layer(ordered),
        state_layer(ordered),
        *result_layers(results),
    ]
    if ticks:
        layers.append(tick_layer(ticks))
    if opening is not None:
        layers.append(opening_layer(opening.blob or b""))
    if closed is not None:
        layers += [closing_layer(closed.blob or b""), cash_layer(closed)]
    return {one.name: one for one in layers}


def tick_layer(rows: Sequence[tuple[int, int, str]]) -> Layer:
    """Of (close of the Minute, ticks since the one before, their digest)."""
    names = ("close_ns", "ticks", "sha256")
    return Layer("tick", ("close_ns",), [dict(zip(names, row, strict=True)) for row in rows])


def minute_layer(minutes: Sequence[tuple[int, Records]], symbols: Sequence[str]) -> Layer:
    """Of (close, BAR rows)."""
    rows: list[Row] = [
        {"close_ns": close_ns, "bars": len(bars), "sha256": sha256(bars.tobytes()).hexdigest()}
        for close_ns, bars in minutes
    ]

    def parts(number: int) -> list[Row]:
        bars = minutes[number][1]
        named = [dict(zip(bars.dtype.names or (), row, strict=True)) for row in bars.tolist()]
        return [one | {"instrument": symbols[one["instrument"]]} for one in named]

    return Layer("minute", ("close_ns",), rows, parts, ("instrument", "open_ns"))


def bar_layer(decisions: Sequence[tuple[str, DecidedBar]]) -> Layer:
    """Strategy bars, of (symbol, what a strategy decided on one)."""
    rows = [
        _decision_key(symbol, one) | {name: getattr(one, name) for name in BAR}
        for symbol, one in decisions
    ]
    return Layer("bar", DECISION_KEY, rows)


def state_layer(decisions: Sequence[tuple[str, DecidedBar]]) -> Layer:
    """What the strategies' states said on each bar: gates, events and what became of them."""
    rows: list[Row] = []
    for symbol, one in decisions:
        said = {n: value for n, value in asdict(one).items() if n not in (*BAR, "open_ns")}
        for number, gate in enumerate(said.pop("gates")):
            names = ("value", "threshold", "passed")
            said |= {f"gate {number + 1} {n}": v for n, v in zip(names, gate, strict=True)}
        rows.append(_decision_key(symbol, one) | said)
    return Layer("state", DECISION_KEY, rows)


def opening_layer(blob: bytes) -> Layer:
    """What the strategies start from, without the account: open bins and states."""
    arrays, _ = opened(blob)
    names = [one for one in arrays if one == "bins" or ".bars_seen" in one or ".states." in one]
    return _snapshot_layer("opening", {name: arrays[name] for name in names}, {})


def closing_layer(blob: bytes) -> Layer:
    """What the day leaves: account, positions, cooldowns, open bins, states, working orders."""
    return _snapshot_layer("closing", *opened(blob))


def _snapshot_layer(name: str, arrays: Mapping[str, Records], facts: Row) -> Layer:
    """A row for each array, whose parts are its elements, and one for the facts."""
    rows: list[Row] = [
        {"array": one, "sha256": records_digest(array)} for one, array in arrays.items()
    ]

    def parts(number: int) -> list[Row]:
        array = [*arrays.values()][number]
        return [_element(rows[number], array, place) for place in np.ndindex(array.shape)]

    told: Row = {"array": "facts", **facts}
    return Layer(name, ("array",), [*rows, told], parts, ("array", "place"))


def records_digest(array: Records) -> str:
    """Field by field: what lies between two fields of a record is nobody's."""
    digest = sha256(f"{array.dtype.descr} {array.shape}".encode())
    for field in [array[name] for name in array.dtype.names] if array.dtype.names else [array]:
        digest.update(np.ascontiguousarray(field).tobytes())
    return digest.hexdigest()


def _element(row: Row, array: Records, place: tuple[int, ...]) -> Row:
    element = array[place]
    named: Row = {"array": row["array"], "place": ", ".join(map(str, place))}
    if array.dtype.names is None:
        return named | {"value": element.tolist()}
    return named | {name: element[name].tolist() for name in array.dtype.names}


def _decision_key(symbol: str, one: DecidedBar) -> Row:
    return {
        "strategy": one.strategy,
        "instrument": symbol,
        "open_ns": one.open_ns,
        "close_ns": one.close_ns,
    }


def result_layers(events: Sequence[LedgerEvent]) -> list[Layer]:
    """Signals, refusals, breakers, orders, fills and trades out of ledger events."""
    rows: dict[EventKind, list[Row]] = {}
    for event in events:
        payload = json.loads(canonical_json(event.payload, event.kind))
        if event.kind is EventKind.SIGNAL:
            named = [dict(zip(payload["names"], one, strict=True)) for one in payload["rows"]]
            rows.setdefault(event.kind, []).extend(named)
        elif event.kind is EventKind.NOTE and event.key.startswith(BREAKER):
            told = {"at_ns": event.ts_ns, "what": event.key} | payload
            rows.setdefault(event.kind, []).append(told)
        elif event.kind is not EventKind.NOTE:
            rows.setdefault(event.kind, []).append(payload)
    return [
        *signal_layers(rows.get(EventKind.SIGNAL, [])),
        breaker_layer(rows.get(EventKind.NOTE, [])),
        order_layer(rows.get(EventKind.ORDER, [])),
        fill_layer(rows.get(EventKind.FILL, [])),
        trade_layer(rows.get(EventKind.TRADE, [])),
    ]


def signal_layers(rows: Sequence[Row]) -> list[Layer]:
    """Signals, and apart from them what became of each."""
    key = ("book", "strategy", "instrument", "kind", "bar_close_ns")
    refusals = [{n: value for n, value in one.items() if n in (*key, *REFUSAL)} for one in rows]
    return [
        Layer("signal", key, [_but(one, REFUSAL) for one in rows]),
        Layer("refusal", key, refusals),
    ]


def breaker_layer(rows: Sequence[Row]) -> Layer:
    """What tripped, and was released again: of a book that a real broker fills."""
    return Layer("breaker", ("book", "what", "at_ns"), rows)


def order_layer(rows: Sequence[Row]) -> Layer:
    return Layer("order", ("book", "strategy", "instrument", "role", "updated_ns"), rows)


def fill_layer(rows: Sequence[Row]) -> Layer:
    return Layer("fill", ("book", "instrument", "side", "ts_ns"), rows)


def trade_layer(rows: Sequence[Row]) -> Layer:
    return Layer("trade", ("book", "strategy", "instrument", "entry_ns"), rows)


def cash_layer(closed: LedgerEvent) -> Layer:
    """The rupees of a DAY_CLOSED, by book in order of name: a payload read back is sorted."""
    books = closed.payload["books"]
    assert isinstance(books, dict)
    return Layer("cash", ("book",), [{"book": name} | row for name, row in sorted(books.items())])


def _but(row: Row, names: Sequence[str]) -> Row:
    return {name: value for name, value in row.items() if name not in names}
