"""What the runs in a state directory hold, in the layers of `comparison.py`.

Decides what of two runs can be held against each other: ticks, bars and decisions as stored, the
Minutes of the ledger, its projections. Reads only; a running daemon keeps its directory to itself.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import DataError
from core.ports import EventKind, LedgerEvent, MarketStore
from core.session import day_span_ns, day_text
from core.types import Instrument, Records
from daemon.proof.comparison import LAYERS, Difference, Layer, Row, first_difference, known_to
from daemon.proof.evidence import MAX_DECISIONS, start_of
from daemon.proof.layered import (
    bar_layer,
    fill_layer,
    minute_layer,
    order_layer,
    records_digest,
    signal_layers,
    state_layer,
    trade_layer,
)
from daemon.proof.recipe import instruments_of
from daemon.rerun import recorded_bars, recorded_day
from stores.ledger_reader import LedgerReader, open_read_only
from stores.market import MARKET_FILE, DuckMarketStore

IDS = ("signal_id", "order_id")
TOLD = ["exch_ns", "price", "quantity", "volume"]  # of a tick; when it arrived is the run's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One side. `scopes`: ids of runs with other scopes are other ids of the same things."""

    name: str
    scopes: frozenset[str]
    layers: dict[str, Layer]


def recorded_run(directory: Path, day: int | None, book: str | None = None) -> Run:
    """A day of a state directory, or all; of one book or all. Raises DataError, StoreFailed."""
    with closing(open_read_only(directory)) as ledger:
        days = _days(ledger) if day is None else [day]
        if not days:
            raise DataError(f"{directory} holds no day")
        instruments = instruments_of(start_of(ledger, days[-1]))
        minutes = [
            (int(str(one.payload["close_ns"])), recorded_bars(one))
            for one in _minutes(ledger, days)
        ]
        rows = {
            view: [row for one in days for row in ledger.rows(view, one, book)]
            for view in ("signals", "orders", "fills", "trades")
        }
        starts = [one.event.payload for one in ledger.events(kinds=[EventKind.RUN_START])]
    symbols = [one.symbol for one in instruments]
    layers = [
        minute_layer(minutes, symbols),
        *signal_layers(rows["signals"]),
        order_layer(rows["orders"]),
        fill_layer(rows["fills"]),
        trade_layer(rows["trades"]),
    ]
    if (directory / MARKET_FILE).exists():
        market = DuckMarketStore(directory / MARKET_FILE, instruments, read_only=True)
        with closing(market) as store:
            layers += _stored(store, instruments, days)
    return Run(
        name=f"{directory} {day_text(days[0])}{f' to {day_text(days[-1])}' if days[1:] else ''}",
        scopes=frozenset(str(one["scope"]) for one in starts if one["day"] in days),
        layers={one.name: one for one in layers},
    )


def compared(a: Run, b: Run) -> Iterator[tuple[str, int, int, Difference | None]]:
    """Each layer that both have, from cause to effect: its rows on both sides, and the first that
    differs. Raises DataError if there is none."""
    shared = [name for name in LAYERS if name in a.layers and name in b.layers]
    if not shared:
        raise DataError(f"{a.name} and {b.name} have nothing in common that could be compared")
    for name in shared:
        ours, theirs = a.layers[name], b.layers[name]
        if a.scopes != b.scopes:
            ours, theirs = _without_ids(ours), _without_ids(theirs)
        counts = len(ours.rows), len(theirs.rows)
        if name in ("bar", "state"):  # a kill may have kept the other run from writing some
            ours, theirs = known_to(theirs, ours), known_to(ours, theirs)
        yield name, *counts, first_difference(ours, theirs)


def _days(ledger: LedgerReader) -> list[int]:
    opened = ledger.events(kinds=[EventKind.DAY_OPENED])
    return list(dict.fromkeys(int(str(one.event.payload["day"])) for one in opened))


def _minutes(ledger: LedgerReader, days: Sequence[int]) -> Iterator[LedgerEvent]:
    """Those whose bars have not left the ledger."""
    for day in days:
        record = recorded_day(ledger, day)
        for step in (*record.before, *record.steps):
            if step[0].kind is EventKind.MINUTE and step[0].blob is not None:
                yield step[0]


def _stored(
    store: MarketStore, instruments: Sequence[Instrument], days: Sequence[int]
) -> list[Layer]:
    """Of the market store: ticks, strategy bars, states."""
    ticks: list[tuple[int, str, Records]] = []
    decisions = []
    for day in days:
        heard = store.ticks(*day_span_ns(day, instruments[0].session_class))
        for number, one in enumerate(instruments):
            ticks.append((day, one.symbol, heard[heard["instrument"] == number]))
            decisions += [(one.symbol, row) for row in store.decisions(number, day, MAX_DECISIONS)]
    layers = [bar_layer(decisions), state_layer(decisions)]
    return [_tick_layer(ticks), *layers] if any(len(rows) for *_, rows in ticks) else layers


def _tick_layer(ticks: Sequence[tuple[int, str, Records]]) -> Layer:
    """A row for the ticks of an instrument and day, in order of arrival; its parts are they."""
    rows: list[Row] = [
        {"instrument": symbol, "day": day_text(day), "sha256": records_digest(heard[TOLD])}
        for day, symbol, heard in ticks
    ]

    def parts(number: int) -> list[Row]:
        _, symbol, heard = ticks[number]
        return [
            {"instrument": symbol, "number": place + 1} | dict(zip(TOLD, tick, strict=True))
            for place, tick in enumerate(heard[TOLD].tolist())
        ]

    return Layer("tick", ("instrument", "day"), rows, parts, ("instrument", "exch_ns", "number"))


def _without_ids(layer: Layer) -> Layer:
    rows = [{n: value for n, value in row.items() if n not in IDS} for row in layer.rows]
    return replace(layer, rows=rows)
