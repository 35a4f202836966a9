"""A small market and what a bad wire makes of it: the tape of one simulated day.

Everything is drawn from the seed before the day begins, so a tape does not know how often the
daemon that reads it was killed.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from core.ports import Clock, FeedDown, FeedItem, FeedUp, TickBatch
from core.session import MINUTE_NS, SECOND_NS, Session
from core.types import BAR, TICK, Instrument, Records
from providers.joining import joined

Random = np.random.Generator

BAR_FIELDS = ("open", "high", "low", "close", "volume")
PRICES = (250.0, 980.0, 1_330.0)  # rupees at which the instruments open
FRAME_NS = SECOND_NS
FAULTS_PER_DAY = (14, 26)  # of the wire; those of the process come on top
LONGEST_LATE_S = 600.0
QUIET_NS = 2 * MINUTE_NS  # no fault before the volume of the day of every instrument is known
STRANGER = 99  # number of an instrument nobody subscribed


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that went wrong on purpose; `at_ns` is market time."""

    at_ns: int
    kind: str
    what: str = ""


@dataclass(slots=True)
class Tape:
    """What is delivered, what went wrong with it, and what had been sent."""

    items: list[FeedItem]
    faults: list[Fault]
    bars: Records  # BAR rows of the honest market: what a perfect wire would have given
    dirty: set[tuple[int, int]]  # (instrument, open_ns) of bars that a fault may have touched
    outages: list[tuple[int, int]]  # the feed was down from and until
    end_ns: int  # the feed says nothing after it; until then it is connected


# --- the market ----------------------------------------------------------------------------------


def trades_of(random: Random, session: Session, instruments: int) -> Records:
    """TICK rows by exchange time: a walk with jumps, busy and silent minutes, volume of the day."""
    pieces = []
    for number in range(instruments):
        minutes = session.minutes
        counts = random.integers(1, 9, minutes) * (random.random(minutes) < 0.93)
        counts[0] = 3  # whoever joins later sees a last trade of each
        minute = np.repeat(np.arange(minutes), counts)
        ticks: Records = np.zeros(len(minute), TICK)
        within_ns = random.integers(0, MINUTE_NS // 1_000_000, len(minute)) * 1_000_000
        ticks["exch_ns"] = np.sort(session.open_ns + minute * MINUTE_NS + within_ns)
        steps = random.normal(0, 0.0007, len(minute))
        steps += (random.random(len(minute)) < 0.01) * random.normal(0, 0.006, len(minute))
        path = PRICES[number % len(PRICES)] * np.exp(np.cumsum(steps))
        ticks["price"] = (path / 0.05).round() / 20.0
        ticks["quantity"] = random.integers(1, 50, len(minute))
        ticks["volume"] = np.cumsum(ticks["quantity"])
        ticks["instrument"] = number
        pieces.append(ticks)
    together = np.concatenate(pieces)
    return together[np.argsort(together["exch_ns"], kind="stable")]


def bars_of(trades: Records) -> Records:
    """The 1m bars of an honest tape, tick by tick in plain Python."""
    bars: dict[tuple[int, int], list[float]] = {}
    volumes: dict[int, int] = {}
    for tick in trades:
        number, price = int(tick["instrument"]), float(tick["price"])
        key = (int(tick["exch_ns"]) // MINUTE_NS * MINUTE_NS, number)
        bar = bars.setdefault(key, [price, price, price, price, 0])
        bar[1], bar[2], bar[3] = max(bar[1], price), min(bar[2], price), price
        bar[4] += int(tick["volume"]) - volumes.get(number, 0)
        volumes[number] = int(tick["volume"])
    rows: Records = np.zeros(len(bars), BAR)
    for row, ((open_ns, number), values) in zip(rows, sorted(bars.items()), strict=True):
        row["open_ns"], row["instrument"] = open_ns, number
        for name, value in zip(BAR_FIELDS, values, strict=True):
            row[name] = value
    return rows


# --- the wire ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Frame:
    """One message on its way: when it arrives, and its ticks. `ticks` None: the link is cut."""

    recv_ns: int
    ticks: Records


class Wire:
    """Frames in order, and the faults that befall them one by one."""

    def __init__(self, random: Random, session: Session, instruments: int) -> None:
        self.random = random
        self.session = session
        self.instruments = instruments
        self.trades = trades = trades_of(random, session, instruments)
        self.bars = bars_of(trades)
        recv_ns = (trades["exch_ns"] // FRAME_NS + 1) * FRAME_NS
        edges = np.flatnonzero(np.diff(recv_ns, prepend=-1, append=-1)).tolist()
        self.frames = [
            Frame(int(recv_ns[first]), trades[first:end].copy()) for first, end in pairwise(edges)
        ]
        self.outages: list[tuple[int, int]] = []
        self.faults: list[Fault] = []
        self.dirty: set[tuple[int, int]] = set()

    def tape(self) -> Tape:
        """What arrives, in order of arrival."""
        items: list[FeedItem] = [FeedUp(self.session.open_ns - SECOND_NS)]
        for down_ns, up_ns in self.outages:
            items += [FeedDown(down_ns, "the link was cut"), FeedUp(up_ns), self._snapshot(up_ns)]
        for frame in sorted(self.frames, key=lambda one: one.recv_ns):
            if len(frame.ticks) and not self._is_cut(frame.recv_ns):
                frame.ticks["recv_ns"] = frame.recv_ns
                items.append(TickBatch(frame.recv_ns, frame.ticks))
        items.sort(key=_place)
        end_ns = self.session.close_ns + MINUTE_NS
        items = [item for item in items if item.recv_ns <= end_ns]
        return Tape(items, self.faults, self.bars, self.dirty, self.outages, end_ns)

    def _snapshot(self, now_ns: int) -> TickBatch:
        """The last trades, with which a feed begins after a reconnect."""
        known = self.trades[self.trades["exch_ns"] <= now_ns]
        last = [known[known["instrument"] == number][-1:] for number in range(self.instruments)]
        ticks = np.concatenate(last)
        ticks["recv_ns"] = now_ns
        return TickBatch(now_ns, ticks)

    def _is_cut(self, recv_ns: int) -> bool:
        return any(down_ns <= recv_ns < up_ns for down_ns, up_ns in self.outages)

    def befall(self, kind: str) -> None:
        """Let one fault of `kind` happen somewhere in the day."""
        from_ns = self.session.open_ns + QUIET_NS
        left = [
            number
            for number, frame in enumerate(self.frames[:-1])
            if len(frame.ticks) and frame.recv_ns > from_ns
        ]
        index = int(self.random.choice(np.array(left)))
        frame = self.frames[index]
        at_ns = frame.recv_ns
        self._soil(frame.ticks)
        what = WIRE_FAULTS[kind](self, index, frame)
        self.faults.append(Fault(at_ns, kind, what))

    def _soil(self, ticks: Records) -> None:
        """These ticks tell nothing certain."""
        for number, exch_ns in zip(ticks["instrument"], ticks["exch_ns"], strict=True):
            self._soil_minute(int(number), int(exch_ns) // MINUTE_NS * MINUTE_NS)

    def _soil_minute(self, number: int, open_ns: int) -> None:
        """Nor does the bar after this one: its volume counts from here."""
        own = self.bars[self.bars["instrument"] == number]["open_ns"]
        self.dirty.update((number, one) for one in (open_ns, *own[own > open_ns][:1].tolist()))

    # Each takes the frame's number and the frame, and says in a word what it did.

    def drop(self, index: int, frame: Frame) -> str:
        count = int(self.random.integers(1, 4))
        for lost in self.frames[index : index + count]:
            self._soil(lost.ticks)
            lost.ticks = lost.ticks[:0]
        return f"{count} frames"

    def duplicate(self, index: int, frame: Frame) -> str:
        delay_ns = int(self.random.integers(0, 4)) * SECOND_NS
        self.frames.append(Frame(frame.recv_ns + delay_ns, frame.ticks.copy()))
        return f"again after {delay_ns // SECOND_NS} s"

    def reorder(self, index: int, frame: Frame) -> str:
        other = self.frames[index + 1]
        self._soil(other.ticks)
        frame.recv_ns = other.recv_ns + SECOND_NS // 10
        return "behind the next frame"

    def late(self, index: int, frame: Frame) -> str:
        delay_s = float(np.exp(self.random.uniform(np.log(0.1), np.log(LONGEST_LATE_S))))
        frame.recv_ns += int(delay_s * SECOND_NS)
        return f"{delay_s:.1f} s late"

    def same_time(self, index: int, frame: Frame) -> str:
        frame.ticks["exch_ns"] = frame.ticks["exch_ns"][0]
        return f"{len(frame.ticks)} ticks of one moment"

    def bad_price(self, index: int, frame: Frame) -> str:
        price = float(self.random.choice(np.array([0.0, -5.0, np.nan, np.inf])))
        frame.ticks["price"][0] = price
        return f"price {price}"

    def far_price(self, index: int, frame: Frame) -> str:
        frame.ticks["price"][0] *= 10.0
        return "price x 10"

    def volume_back(self, index: int, frame: Frame) -> str:
        frame.ticks["volume"][0] = max(int(frame.ticks["volume"][0]) - 1_000, 1)
        return "volume of the day falls"

    def bad_time(self, index: int, frame: Frame) -> str:
        wrong_ns = int(self.random.choice(np.array([0, 10 * SECOND_NS, -24 * 60 * MINUTE_NS])))
        frame.ticks["exch_ns"][0] = frame.ticks["exch_ns"][0] + wrong_ns if wrong_ns else 0
        return f"time off by {wrong_ns // SECOND_NS} s" if wrong_ns else "no time"

    def stranger(self, index: int, frame: Frame) -> str:
        frame.ticks["instrument"][0] = STRANGER
        return "an instrument never subscribed"

    def silence(self, index: int, frame: Frame) -> str:
        length_ns = int(self.random.integers(1, 5)) * MINUTE_NS
        for lost in self.frames:
            if frame.recv_ns <= lost.recv_ns < frame.recv_ns + length_ns:
                self._soil(lost.ticks)
                lost.ticks = lost.ticks[:0]
        return f"{length_ns // MINUTE_NS} minutes without a frame"

    def outage(self, index: int, frame: Frame) -> str:
        length_ns = int(self.random.integers(5, 240)) * SECOND_NS
        return self._cut(frame, frame.recv_ns + length_ns)

    def death(self, index: int, frame: Frame) -> str:
        """The feed is lost for good, late in the day so that something is left of it."""
        last = self.frames[int(len(self.frames) * 0.9)]
        return self._cut(last, self.session.close_ns + 2 * MINUTE_NS)

    def _cut(self, frame: Frame, up_ns: int) -> str:
        if any(down_ns <= up_ns and frame.recv_ns <= end for down_ns, end in self.outages):
            return "while it was down already"
        for lost in self.frames:
            if frame.recv_ns <= lost.recv_ns < up_ns:
                self._soil(lost.ticks)
        first_ns = frame.recv_ns // MINUTE_NS * MINUTE_NS - MINUTE_NS  # by arrival: it may run yet
        for open_ns in range(first_ns, up_ns, MINUTE_NS):  # partial, or missing
            for number in range(self.instruments):
                self._soil_minute(number, open_ns)
        self.outages.append((frame.recv_ns, up_ns))
        return f"down for {(up_ns - frame.recv_ns) // SECOND_NS} s"


WIRE_FAULTS: dict[str, Callable[[Wire, int, Frame], str]] = {
    "drop": Wire.drop,
    "duplicate": Wire.duplicate,
    "reorder": Wire.reorder,
    "late": Wire.late,
    "same_time": Wire.same_time,
    "bad_price": Wire.bad_price,
    "far_price": Wire.far_price,
    "volume_back": Wire.volume_back,
    "bad_time": Wire.bad_time,
    "stranger": Wire.stranger,
    "silence": Wire.silence,
    "outage": Wire.outage,
    "death": Wire.death,
}


def tape_of(seed: int, session: Session, instruments: int) -> Tape:
    """The day of `seed`."""
    random = np.random.default_rng(seed)
    wire = Wire(random, session, instruments)
    for kind in random.choice(np.array([*WIRE_FAULTS]), int(random.integers(*FAULTS_PER_DAY))):
        wire.befall(str(kind))
    return wire.tape()


def _place(item: FeedItem) -> tuple[int, int]:
    """Of one moment: what is down comes first, then what is up, then ticks."""
    return item.recv_ns, (FeedDown, FeedUp, TickBatch).index(type(item))


class TapeFeed:
    """A tape as a Feed; `delivered` is told of every item just before the daemon reads it."""

    def __init__(self, tape: Tape, clock: Clock, delivered: Callable[[FeedItem], None]) -> None:
        self._tape = tape
        self._clock = clock
        self._delivered = delivered

    async def stream(self, instruments: Sequence[Instrument]) -> AsyncIterator[FeedItem]:
        async for item in joined(self._items(), self._clock, STRANGER + 1):
            self._delivered(item)
            yield item
        await self._clock.sleep_until(self._tape.end_ns)

    def _items(self) -> Iterator[FeedItem]:
        """Copies: a daemon may write into what it was given."""
        for item in self._tape.items:
            yield replace(item, ticks=item.ticks.copy()) if isinstance(item, TickBatch) else item
