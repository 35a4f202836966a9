"""The local exchange's market: every trade of every instrument, as a function of the seed.

It is the world, so it is written apart from what trades in it: prices, trades and candles here
share nothing with the builders that they test but the table of sessions. No transcendental
function, so that a seed gives the same day on every machine.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from core.session import Phase, Session
from sandbox.market.candles import MINUTE_MS, Candles, from_trades
from sandbox.market.universe import Listing

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

MS_NS = 1_000_000
SLOT_MS = 250  # the feed tells a trade per slot: what trades inside one has one price
SLOTS = MINUTE_MS // SLOT_MS
DAILY_MOVE = 0.012  # of the price, between two closes
SCALES = (256, 64, 16, 4, 1)  # days over which a price wanders
GAP = 0.004  # over night, of the price
MAX_DAYS_KEPT = 4_096  # tapes in memory; two million trades at most


class Tape(NamedTuple):
    """The trades of one instrument's day, in order; at most one burst in a slot of the feed.

    A burst is what trades at one price within a slot: `time_ms` (epoch) and `last_quantity` are
    those of its last trade, `quantity` is all of it. Prices rupees on the tick grid, `volume` that
    of the day up to and with the burst (0 for an index), `continuous`: inside continuous trading,
    not an auction's print.
    """

    time_ms: Int64s
    price: Float64s
    quantity: Int64s
    last_quantity: Int64s
    volume: Int64s
    continuous: NDArray[np.bool_]
    previous_close: float

    def candles(self) -> Candles:
        """Its 1m candles of continuous trading; a minute without a trade has none."""
        held = self.continuous
        return from_trades(self.time_ms[held], self.price[held], self.quantity[held])


class World(Protocol):
    """What trades: generated, or recorded."""

    def tape(self, listing: Listing, day: int) -> Tape:
        """The trades of `listing` on `day`; none without a session."""


class GeneratedWorld:
    """A market without an end in either direction.

    Args:
        session: hours of a listing on a day, None without any.
    """

    def __init__(self, seed: int, session: Callable[[Listing, int], Session | None]) -> None:
        self._seed = seed
        self._session = session
        self._kept: OrderedDict[tuple[str, int], Tape] = OrderedDict()

    def tape(self, listing: Listing, day: int) -> Tape:
        place = (listing.key, day)
        if place not in self._kept:
            self._kept[place] = self._made(listing, day)
            if len(self._kept) > MAX_DAYS_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(place)
        return self._kept[place]

    def close(self, listing: Listing, day: int) -> float:
        """The price at the end of `day`, session or not: days need not be made in order."""
        moved = 0.0
        for scale in SCALES:
            node, rest = divmod(day, scale)
            before, after = (self._noise(listing.key, scale, node + k) for k in (0, 1))
            moved += DAILY_MOVE * scale**0.5 * (before + (after - before) * rest / scale)
        return _on_grid(listing.around * max(0.2, 1.0 + 0.6 * moved), listing.tick_paise)

    def _noise(self, key: str, scale: int, node: int) -> float:
        """Between -1 and 1."""
        return _random(self._seed, key, "day", scale, node).random() * 2.0 - 1.0

    def _made(self, listing: Listing, day: int) -> Tape:
        session = self._session(listing, day)
        previous = self.close(listing, day - 1)
        if session is None:
            return _no_trades(previous)
        random = _random(self._seed, listing.key, "tape", day)
        opens_ms = np.concatenate(
            [np.arange(a // MS_NS, b // MS_NS, MINUTE_MS) for a, b in session.parts]
        )
        last = self.close(listing, day)
        path = _path(random, previous * (1.0 + GAP * (2.0 * random.random() - 1.0)), last, opens_ms)
        time_ms, price = _trades(random, listing, opens_ms, path)
        quantity, last_quantity = _quantities(random, listing, len(time_ms))
        continuous = np.ones(len(time_ms), np.bool_)
        for at_ms, printed in _prints(random, listing, session, price, last):
            place = int(np.searchsorted(time_ms, at_ms))
            time_ms = np.insert(time_ms, place, at_ms)
            price = np.insert(price, place, printed)
            crossed = 500 + int(random.integers(20_000))
            quantity = np.insert(quantity, place, crossed)
            last_quantity = np.insert(last_quantity, place, crossed)
            continuous = np.insert(continuous, place, values=False)
        volume = np.cumsum(0 * quantity if listing.is_index else quantity)
        return Tape(time_ms, price, quantity, last_quantity, volume, continuous, previous)


def _path(random: np.random.Generator, first: float, last: float, opens_ms: Int64s) -> Float64s:
    """Prices at the edges of minutes: a random walk tied to both ends, livelier at open and close.

    float64[n + 1] for n minutes.
    """
    minutes = len(opens_ms)
    centre = np.abs(np.linspace(-1.0, 1.0, minutes))
    steps = (random.random(minutes) + random.random(minutes) - 1.0) * (0.4 + centre**2)
    walk = np.r_[0.0, np.cumsum(steps)]
    tied = walk - walk[-1] * np.linspace(0.0, 1.0, minutes + 1)
    line = np.linspace(first, last, minutes + 1)
    return np.asarray(line + tied * first * 0.0012)


def _trades(
    random: np.random.Generator, listing: Listing, opens_ms: Int64s, path: Float64s
) -> tuple[Int64s, Float64s]:
    """Times and prices of continuous trading."""
    minutes = len(opens_ms)
    busy = 0.5 + 1.5 * np.abs(np.linspace(-1.0, 1.0, minutes)) ** 2  # U-shaped over the day
    counts = random.poisson(np.minimum(listing.trades_per_minute * busy, float(SLOTS)))
    wanted = np.repeat(np.arange(minutes), counts) * SLOTS + random.integers(0, SLOTS, counts.sum())
    minute, slot = np.divmod(np.unique(wanted), SLOTS)
    inside = slot * SLOT_MS + random.integers(0, SLOT_MS, len(slot))
    time_ms = opens_ms[minute] + inside
    between = path[minute] + (path[minute + 1] - path[minute]) * inside / MINUTE_MS
    ticks = random.integers(-2, 3, len(minute)) * listing.tick_paise / 100.0
    return time_ms, _grid(between + ticks, listing.tick_paise)


def _quantities(random: np.random.Generator, listing: Listing, count: int) -> tuple[Int64s, Int64s]:
    """Of whole bursts, and of their last trades."""
    if listing.is_index:
        return np.zeros(count, np.int64), np.zeros(count, np.int64)
    whole = 1 + (random.random(count) ** 4 * 1_400.0).astype(np.int64)
    return whole, 1 + (random.random(count) * whole).astype(np.int64)


def _prints(
    random: np.random.Generator, listing: Listing, session: Session, price: Float64s, last: float
) -> list[tuple[int, float]]:
    """The auctions' prints: of the pre-open, and of the closing auction where there is one."""
    if listing.is_index or not len(price):
        return []
    found = []
    for phase, from_ns, to_ns in session.phases:
        at_ms = int(to_ns // MS_NS - random.integers(1_000, 180_000))
        if phase is Phase.PRE_OPEN:
            found.append((at_ms, float(price[0])))
        elif phase is Phase.CLOSING_AUCTION and from_ns < to_ns:
            found.append((at_ms, last))
    return found


def _no_trades(previous: float) -> Tape:
    none = np.zeros(0, np.int64)
    return Tape(none, np.zeros(0), none, none, none, np.zeros(0, np.bool_), previous)


def _grid(price: Float64s, tick_paise: int) -> Float64s:
    """Prices on the tick grid, at least one tick."""
    ticks = np.maximum(np.rint(price * 100.0 / tick_paise), 1.0)
    return np.asarray(np.rint(ticks * tick_paise) / 100.0)


def _on_grid(price: float, tick_paise: int) -> float:
    return float(_grid(np.array([price]), tick_paise)[0])


def _random(*parts: object) -> np.random.Generator:
    """A generator that belongs to `parts` alone."""
    text = "|".join(map(str, parts))
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))
