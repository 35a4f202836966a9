"""Reads what a simulated day left behind and says which invariants it breaks (I1-I7, I10-I14).

Written from the list of invariants, with nothing of the daemon: SQL over `ledger.db`, the tape of
the feed and that of the exchange. What compares two runs (I8, I9) is in `campaign.py`.
"""

import json
import math
import sqlite3
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

MINUTE_NS = 60_000_000_000
GRACE_NS = 2_000_000_000  # a Minute is published at the latest this long after its end
MISSING = 1  # quality of a bar row: nothing came and something may have traded
BOUNDS = {"minutes": 64, "ledger": 1_000, "market_store": 1_000}
BAR_ROW = struct.Struct("<iiqddddq")  # instrument, quality, open_ns, open, high, low, close, volume
SIGNS = {"BUY": 1, "SELL": -1}

# Where an order may go from each state, as the ledger shows it: SUBMITTED is known in memory only.
ORDER_GRAPH = {
    "INTENDED": {"OPEN", "FILLED", "CANCELLED", "REJECTED", "LOST"},
    "OPEN": {"FILLED", "CANCELLING", "CANCELLED", "LOST"},
    "CANCELLING": {"CANCELLED", "FILLED", "LOST"},
    "LOST": {"OPEN", "FILLED", "CANCELLED", "REJECTED"},
    "FILLED": set(),
    "CANCELLED": set(),
    "REJECTED": set(),
}

Payload = dict[str, Any]
BarKey = tuple[int, int]  # instrument, open_ns
Place = tuple[str, str, str]  # book, strategy, instrument


class Event(NamedTuple):
    seq: int
    ts_ns: int
    kind: str
    key: str
    text: str
    blob_hash: str | None
    prev_hash: str
    hash: str
    blob: bytes | None

    @property
    def payload(self) -> Payload:
        found: Payload = json.loads(self.text)
        return found


class Bar(NamedTuple):
    instrument: int
    quality: int
    open_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the world outside the daemon knows."""

    ledger: Path
    sessions: Mapping[int, tuple[int, int]]  # day: open and close
    symbols: tuple[str, ...]
    honest: Mapping[BarKey, Bar]  # the bars of a perfect wire
    dirty: frozenset[BarKey]  # those that a fault may have touched
    outages: tuple[tuple[int, int], ...]  # the feed was down from and until
    unstored: tuple[tuple[int, int], ...]  # the market store took no bars of these minutes
    submitted: list[tuple[str, int]]  # order id, and the last event acknowledged then
    acknowledged: Mapping[int, str]  # event number: hash
    appended_ns: list[tuple[int, int]]  # last event of an append, market time of its answer
    most_waiting: Mapping[str, int]  # by queue
    max_daily_loss_paise: int


def violations(evidence: Evidence) -> list[str]:
    """Every broken invariant, the first one first; empty when all hold."""
    with closing(sqlite3.connect(f"{evidence.ledger.as_uri()}?mode=ro", uri=True)) as db:
        rows = db.execute(
            "SELECT e.*, b.bytes FROM events e LEFT JOIN blobs b USING (seq) ORDER BY e.seq"
        )
        events = [Event(*row) for row in rows]
        tables = {name: db.execute(query).fetchall() for name, query in TABLES.items()}
    account = Account(events)
    checks: tuple[Iterator[str], ...] = (
        chain(events),
        nothing_acknowledged_is_lost(events, evidence),
        one_order_per_key(events, evidence),
        account.check(tables),
        minutes_once_and_in_order(events, evidence),
        not_before_their_end(events, evidence),
        bars_as_delivered(events, evidence),
        gaps_make_no_entry(events, evidence),
        limits(events, evidence),
        bounds(evidence),
    )
    return [found for check in checks for found in check]


TABLES = {
    "orders": "SELECT * FROM orders",
    "fills": "SELECT * FROM fills",
    "trades": "SELECT * FROM trades",
    "positions": "SELECT * FROM positions",
}


def bars_of(event: Event) -> list[Bar]:
    return [Bar(*row) for row in BAR_ROW.iter_unpack(event.blob or b"")]


def signals_of(event: Event) -> Iterator[Payload]:
    for row in event.payload["rows"]:
        yield dict(zip(event.payload["names"], row, strict=True))


# --- the ledger ----------------------------------------------------------------------------------


def chain(events: list[Event]) -> Iterator[str]:
    """Each event carries the hash of its content and of the one before."""
    before = ""
    for number, event in enumerate(events, start=1):
        content = [*event[:4], event.text, event.blob_hash, before]
        text = "\n".join("" if one is None else str(one) for one in content)
        if event.seq != number or event.hash != sha256(text.encode()).hexdigest():
            yield f"chain: event {event.seq} is not what its hash says"
            return
        if event.blob is not None and sha256(event.blob).hexdigest() != event.blob_hash:
            yield f"chain: blob of event {event.seq} was altered"
        before = event.hash


def nothing_acknowledged_is_lost(events: list[Event], evidence: Evidence) -> Iterator[str]:
    """RPO 0: what `append` has answered for is there, and still the same."""
    hashes = {event.seq: event.hash for event in events}
    for seq, expected in evidence.acknowledged.items():
        if hashes.get(seq) != expected:
            yield f"lost: event {seq} was acknowledged and is gone or another"


def one_order_per_key(events: list[Event], evidence: Evidence) -> Iterator[str]:
    """I1, and the intent before the effect."""
    for key, count in Counter(key for key, _ in evidence.submitted).items():
        if count > 1:
            yield f"I1: order {key} was sent {count} times"
    intents = Counter(e.key for e in events if e.kind == "ORDER" and is_intent(e))
    for key, count in intents.items():
        if count > 1:
            yield f"I1: order {key} was intended {count} times"
    durable = {e.key: e.seq for e in reversed(events) if e.kind == "ORDER" and is_intent(e)}
    for key, head in evidence.submitted:
        if durable.get(key, math.inf) > head:
            yield f"I1: order {key} was sent before its intent was durable"


def is_intent(event: Event) -> bool:
    return bool(event.payload["state"] == "INTENDED")


# --- money ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Account:
    """Orders, fills and rupees once more, from the events alone."""

    events: list[Event]
    states: dict[str, str] = field(default_factory=dict)
    orders: dict[str, Payload] = field(default_factory=dict)
    fills: list[Payload] = field(default_factory=list)
    trades: list[Payload] = field(default_factory=list)
    held: Counter[Place] = field(default_factory=Counter)

    def check(self, tables: Mapping[str, list[tuple[Any, ...]]]) -> Iterator[str]:
        for event in self.events:
            match event.kind:
                case "ORDER":
                    yield from self._ordered(event)
                case "FILL":
                    yield from self._filled(event)
                case "TRADE":
                    yield from self._traded(event.payload)
                case "DAY_CLOSED":
                    yield from self._closed(event.payload)
                case _:
                    pass
        yield from self._unfilled()
        yield from self._projected(tables)

    def _ordered(self, event: Event) -> Iterator[str]:
        """I5."""
        order, before = event.payload, self.states.get(event.key)
        after = str(order["state"])
        if (before is None) != (after == "INTENDED"):
            yield f"I5: order {event.key} begins as {after}"
        elif before is not None and after not in ORDER_GRAPH[before]:
            yield f"I5: order {event.key} goes from {before} to {after}"
        self.states[event.key], self.orders[event.key] = after, order

    def _filled(self, event: Event) -> Iterator[str]:
        """I2 and I3: once, of its order, and the position is the sum."""
        fill = event.payload
        order = self.orders.get(fill["order_id"])
        if order is None or self.states[fill["order_id"]] != "FILLED":
            yield f"I2: event {event.seq} fills order {fill['order_id']}, which is not FILLED"
            return
        if any(one["order_id"] == fill["order_id"] for one in self.fills):
            yield f"I2: order {fill['order_id']} is filled twice"
        if (fill["quantity"], fill["side"]) != (order["quantity"], order["side"]):
            yield f"I2: event {event.seq} fills another quantity or side than ordered"
        for name in ("value_paise", "fees_paise", "quantity"):
            if type(fill[name]) is not int:
                yield f"I4: {name} of event {event.seq} is no integer"
        if fill["value_paise"] != math.floor(fill["quantity"] * fill["price"] * 100 + 0.5 + 1e-6):
            yield f"I4: event {event.seq} is not worth quantity times price"
        self.fills.append(fill)
        place = (fill["book"], order["strategy"], fill["instrument"])
        self.held[place] += SIGNS[fill["side"]] * fill["quantity"]
        told = fill["position"]
        if self.held[place] != (0 if told is None else SIGNS[told["side"]] * told["quantity"]):
            yield f"I3: event {event.seq} tells another position than the sum of fills"

    def _traded(self, trade: Payload) -> Iterator[str]:
        """I4: a round trip is its two fills."""
        own = [one for one in self.fills if one["order_id"].startswith(trade["signal_id"][:24])]
        gross = sum(-SIGNS[one["side"]] * one["value_paise"] for one in own)
        fees = sum(one["fees_paise"] for one in own)
        if (gross, fees, gross - fees) != tuple(
            trade[name] for name in ("gross_paise", "fees_paise", "net_paise")
        ):
            yield f"I4: trade {trade['signal_id'][:8]} is not the sum of its fills"
        self.trades.append(trade)

    def _closed(self, payload: Payload) -> Iterator[str]:
        """Flat at the day's end, and the cash that moved is what the day says each book made."""
        for book, account in payload["books"].items():
            own = {"day": payload["day"], "book": book}
            made = sum(one["net_paise"] for one in self.trades if own.items() <= one.items())
            moved = sum(
                -SIGNS[one["side"]] * one["value_paise"] - one["fees_paise"]
                for one in self.fills
                if own.items() <= one.items()
            )
            told = account["day_realised_paise"]
            if not moved == made == told:
                yield f"I4: {own} made {made}, its fills moved {moved}, it says {told}"
        for place, quantity in self.held.items():
            if quantity:
                yield f"I3: day {payload['day']} ends with {quantity} of {place}"

    def _unfilled(self) -> Iterator[str]:
        filled = {one["order_id"] for one in self.fills}
        for key, state in self.states.items():
            if (state == "FILLED") != (key in filled):
                yield f"I2: order {key} is {state}, filled: {key in filled}"

    def _projected(self, tables: Mapping[str, list[tuple[Any, ...]]]) -> Iterator[str]:
        """The tables say what the events say."""
        counts = {
            "orders": len(self.states),
            "fills": len(self.fills),
            "trades": len(self.trades),
            "positions": sum(quantity != 0 for quantity in self.held.values()),
        }
        for name, count in counts.items():
            if len(tables[name]) != count:
                yield f"projection: {name} has {len(tables[name])} rows, the events {count}"
        for row in tables["orders"]:
            if self.states.get(row[0]) not in row:
                yield f"projection: order {row[0]} is not {self.states.get(row[0])}"


# --- bars ----------------------------------------------------------------------------------------


def minutes_once_and_in_order(events: list[Event], evidence: Evidence) -> Iterator[str]:
    """I6: every minute of the day's session, once, in order, between its opening and its close."""
    for day, (open_ns, close_ns) in evidence.sessions.items():
        expected = list(range(open_ns + MINUTE_NS, close_ns + 1, MINUTE_NS))
        minutes = [e for e in events if e.kind == "MINUTE" and e.payload["day"] == day]
        found = [event.payload["close_ns"] for event in minutes]
        if found != expected:
            wrong = next((f for f, e in zip(found, expected, strict=False) if f != e), None)
            yield f"I6: day {day} has {len(found)} Minutes of {len(expected)}, first wrong {wrong}"
        marks = [e.kind for e in events if e.kind in ("DAY_OPENED", "DAY_CLOSED")]
        if marks != ["DAY_OPENED", "DAY_CLOSED"] * len(evidence.sessions):
            yield f"I6: days are opened and closed as {marks}"
        for event in minutes:
            bars = bars_of(event)
            numbers = [bar.instrument for bar in bars]
            if numbers != sorted(set(numbers)):
                yield f"I6: Minute {event.ts_ns} has bars of instruments {numbers}"
            if any(bar.open_ns + MINUTE_NS != event.ts_ns for bar in bars):
                yield f"I6: Minute {event.ts_ns} has a bar of another minute"


def not_before_their_end(events: list[Event], evidence: Evidence) -> Iterator[str]:
    """I6: no Minute is remembered while it still runs."""
    appended = iter(evidence.appended_ns)
    head, now_ns = 0, 0
    for event in events:
        while head < event.seq:
            head, now_ns = next(appended, (event.seq, event.ts_ns))
        if event.kind == "MINUTE" and now_ns < event.ts_ns:
            yield f"I6: Minute {event.ts_ns} was decided {event.ts_ns - now_ns} ns before its end"


def bars_as_delivered(events: list[Event], evidence: Evidence) -> Iterator[str]:
    """I7: where no fault touched the wire, a bar is the honest one; anywhere, it is a bar."""
    for event in events:
        if event.kind != "MINUTE":
            continue
        bars = {(bar.instrument, bar.open_ns): bar for bar in bars_of(event)}
        for number in range(len(evidence.symbols)):
            key = (number, event.ts_ns - MINUTE_NS)
            bar, honest = bars.get(key), evidence.honest.get(key)
            if bar is not None and not bar.quality & MISSING and not is_possible(bar):
                yield f"I7: {evidence.symbols[number]} at {key[1]} is no bar: {bar}"
            if key not in evidence.dirty and bar != honest:
                yield f"I7: {evidence.symbols[number]} at {key[1]} is {bar}, was {honest}"
            unseen = any(down <= key[1] and event.ts_ns <= up for down, up in evidence.outages)
            if unseen and (bar is None or not bar.quality):
                yield f"I7: {evidence.symbols[number]} at {key[1]} is {bar}, the feed was down"


def is_possible(bar: Bar) -> bool:
    inside = bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
    return inside and 0 < bar.low and bar.high < math.inf and bar.volume >= 0


def gaps_make_no_entry(events: list[Event], evidence: Evidence) -> Iterator[str]:
    """I7: a strategy bar with a missing minute is decided and refused; and it ends when it says."""
    missing = {
        (evidence.symbols[bar.instrument], bar.open_ns)
        for event in events
        if event.kind == "MINUTE"
        for bar in bars_of(event)
        if bar.quality & MISSING
    }
    for event in events:
        for signal in signals_of(event) if event.kind == "SIGNAL" else ():
            opens = range(signal["bar_open_ns"], signal["bar_close_ns"], MINUTE_NS)
            gap = any((signal["instrument"], open_ns) in missing for open_ns in opens)
            if gap and signal["status"] == "ACTED":
                yield f"I7: {signal['instrument']} is entered on a bar with a gap, {event.ts_ns}"
            if signal["bar_close_ns"] != event.ts_ns:
                yield f"I6: a bar that ends {signal['bar_close_ns']} was decided at {event.ts_ns}"


# --- limits --------------------------------------------------------------------------------------


def limits(events: list[Event], evidence: Evidence) -> Iterator[str]:
    """I10, I11, I13: no entry beyond the day's loss, in a halt, or where something is doubted."""
    realised: Counter[tuple[str, int]] = Counter()  # by book and day
    marks: dict[str, float] = {}
    held: dict[tuple[str, str], Payload] = {}  # by book and instrument: the fill that opened it
    halted = False
    doubted: set[tuple[str, str | None]] = set()  # kind, instrument; None: all of them
    outages = evidence.outages
    for event in events:
        match event.kind:
            case "MINUTE":
                bars = [bar for bar in bars_of(event) if not bar.quality & MISSING]
                marks |= {evidence.symbols[bar.instrument]: bar.close for bar in bars}
            case "FILL":
                fill = event.payload
                held.pop((fill["book"], fill["instrument"]), None)
                if fill["position"] is not None:
                    held[fill["book"], fill["instrument"]] = fill
            case "TRADE":
                trade = event.payload
                realised[trade["book"], trade["day"]] += trade["net_paise"]
            case "COMMAND":
                halted = event.key != "resume"
            case "DAY_OPENED":
                doubted = {(kind, name) for kind, name in event.payload["doubts"]}
            case "DOUBT":
                doubt = (event.payload["doubt"], event.payload["instrument"])
                (doubted.add if event.payload["open"] else doubted.discard)(doubt)
            case "ORDER" if is_intent(event) and event.payload["role"] == "ENTRY":
                order = event.payload
                own = [one for (book, _), one in held.items() if book == order["book"]]
                unrealised = sum(gain(fill, marks[fill["instrument"]]) for fill in own)
                made = realised[order["book"], order["day"]] + unrealised
                if halted:
                    yield f"I11: entry {event.key} leaves after the halt"
                if any(down < event.ts_ns and event.ts_ns + GRACE_NS < up for down, up in outages):
                    yield f"I13: entry {event.key} leaves while the feed is down"
                if any(first <= event.ts_ns - MINUTE_NS < end for first, end in evidence.unstored):
                    yield f"I13: entry {event.key} leaves on bars that the store has not taken"
                if any(name in (None, order["instrument"]) for _, name in doubted):
                    yield f"I13: entry {event.key} leaves while {doubted} is doubted"
                if made <= -evidence.max_daily_loss_paise:
                    yield f"I10: entry {event.key} leaves with {made} paise lost"
            case _:
                pass


def gain(fill: Payload, price: float) -> int:
    """What a position would bring at `price`, without charges."""
    worth: int = math.floor(fill["quantity"] * price * 100 + 0.5 + 1e-6)
    return SIGNS[fill["side"]] * (worth - int(fill["value_paise"]))


def bounds(evidence: Evidence) -> Iterator[str]:
    """I14."""
    for name, most in evidence.most_waiting.items():
        if most > BOUNDS[name]:
            yield f"I14: {most} waited in queue {name}, the bound is {BOUNDS[name]}"
