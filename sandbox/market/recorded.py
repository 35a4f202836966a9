"""The local exchange playing recorded days: 1m bars taken apart into trades that make them again.

Inside a minute the path is the simplest one: open, the nearer extreme, the other, close. It is a
reading, not what happened; every candle of a minute is that of the recording all the same.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from core.session import MINUTE_NS, day_span_ns
from core.types import Instrument, Records, SessionClass
from sandbox.market.candles import MINUTE_MS
from sandbox.market.universe import INDICES, SHARES, Listing
from sandbox.market.world import Tape

STEPS_MS = np.array([0, 15_000, 30_000, 59_000])  # of open, first extreme, second, close
KNOWN = {one.symbol: one for one in (*SHARES, *INDICES)}


class RecordedWorld:
    """Bars of any days, by symbol.

    Args:
        bars: BAR rows by (open_ns, instrument), as a Dataset holds them.
        instruments: what the numbers of `bars` mean.
    """

    def __init__(self, bars: Records, instruments: Sequence[Instrument]) -> None:
        self._bars: Mapping[str, Records] = {
            one.symbol: bars[bars["instrument"] == number] for number, one in enumerate(instruments)
        }

    def tape(self, listing: Listing, day: int) -> Tape:
        bars = self._bars[listing.symbol]
        from_ns, to_ns = day_span_ns(day, SessionClass.CASH)
        first, last = np.searchsorted(bars["open_ns"], (from_ns, to_ns))
        previous = bars["close"][first - 1] if first else bars["open"][:1].mean()
        return _taken_apart(bars[first:last], float(previous), is_index=listing.is_index)


def listings_of(bars: Records, instruments: Sequence[Instrument]) -> tuple[Listing, ...]:
    """What is listed while these bars are played; true keys where they are known."""
    found = []
    for number, one in enumerate(instruments):
        own = bars[bars["instrument"] == number]
        made = Listing(
            key=f"NSE_EQ|{one.symbol}",
            symbol=one.symbol,
            name=one.symbol,
            around=float(own["close"][0]),
            trades_per_minute=4.0,
            is_index=not own["volume"].any(),
            has_derivatives=one.session_class is SessionClass.CASH_AUCTION,
        )
        found.append(KNOWN.get(one.symbol, made))
    return tuple(found)


def _taken_apart(bars: Records, previous: float, *, is_index: bool) -> Tape:
    count = len(bars)
    rising = bars["close"] >= bars["open"]
    extremes = np.where(rising, (bars["low"], bars["high"]), (bars["high"], bars["low"]))
    price = np.stack([bars["open"], *extremes, bars["close"]], axis=1).reshape(4 * count)
    quarter = bars["volume"] // 4
    quantity = np.stack([quarter, quarter, quarter, bars["volume"] - 3 * quarter], axis=1)
    opened_ms = bars["open_ns"] // MINUTE_NS * MINUTE_MS
    flat = quantity.reshape(4 * count)
    return Tape(
        time_ms=(opened_ms[:, None] + STEPS_MS).reshape(4 * count),
        price=price,
        quantity=flat,
        last_quantity=np.minimum(flat, 1 + flat // 3),
        volume=np.cumsum(0 * flat if is_index else flat),
        continuous=np.ones(4 * count, np.bool_),
        previous_close=previous,
    )
