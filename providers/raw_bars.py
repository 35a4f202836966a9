"""Rows of bar files as they were read, and what each row must satisfy by itself.

Prices must be positive, finite and consistent, volumes whole and not negative, years plausible. It
never repairs a value: the first bad one is an error that names file, row, symbol, time and value.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.errors import ConfigError, DataError
from core.session import ist_text
from core.types import Int64s

Floats = NDArray[np.float64]

COLUMNS = ("symbol", "ts", "open", "high", "low", "close", "volume")
PRICES = ("open", "high", "low", "close")
FIRST_YEAR, LAST_YEAR = 1990, 2100  # a stamp outside is seconds read as milliseconds, or a typo
MAX_VOLUME = 10**18
TICK_TOLERANCE = 1e-6  # of a paisa, as for prices on the grid (pixity.md 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLayout:
    """What a file cannot say of itself: the zone of naive stamps, and its names of the columns."""

    zone: str | None = None
    renamed: tuple[tuple[str, str], ...] = ()  # (ours, the file's)

    def __post_init__(self) -> None:
        unknown = [ours for ours, _ in self.renamed if ours not in COLUMNS]
        if unknown:
            raise ConfigError(f"column {unknown[0]!r} is none of {', '.join(COLUMNS)}")
        if self.zone is not None and not _is_zone(self.zone):
            raise ConfigError(f"zone {self.zone!r} is not in the time zone database")

    def name_of(self, column: str) -> str:
        """The file's name of `column`."""
        return dict(self.renamed).get(column, column)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBars:
    """Rows of one source in reading order, of the chosen symbols only.

    `row` is what `locate` turns into a place a person can open ("prices.csv row 17").
    """

    symbols: frozenset[str]  # all that the source holds, chosen or not
    symbol: pl.Series
    stamp_ns: Int64s  # as labelled by the source: open or end
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Int64s
    row: Int64s
    null_volumes: int
    locate: Callable[[int], str]

    def __len__(self) -> int:
        return len(self.row)

    def where(self, index: int) -> str:
        """File, row, symbol and time of one row, for an error."""
        place = self.locate(int(self.row[index]))
        return f"{place}: {self.symbol[index]} {ist_text(int(self.stamp_ns[index]))}"

    def values(self, index: int) -> str:
        """Prices and volume of one row, for an error."""
        prices = " ".join(f"{name} {getattr(self, name)[index]:.10g}" for name in PRICES)
        return f"{prices} volume {self.volume[index]}"


def require_sound(bars: RawBars) -> None:
    """Raises DataError at the first row whose symbol, prices or volume cannot be true."""
    # A comparison with NaN is false, so these few also catch every non-finite price.
    sound = (
        (bars.low > 0)
        & (bars.high < np.inf)
        & (bars.open >= bars.low)
        & (bars.open <= bars.high)
        & (bars.close >= bars.low)
        & (bars.close <= bars.high)
        & (bars.volume >= 0)
        & (bars.volume <= MAX_VOLUME)
        & (bars.symbol.fill_null("") != "").to_numpy()
    )
    if not sound.all():
        index = int(np.argmin(sound))
        raise DataError(f"{bars.where(index)}: {_complaint(bars, index)}")


def count_off_tick(bars: RawBars) -> int:
    """Rows with a price that is not a whole number of paise: counted, never refused."""
    off = np.zeros(len(bars), bool)
    for name in PRICES:
        paise = getattr(bars, name) * 100.0
        off |= np.abs(paise - np.rint(paise)) > TICK_TOLERANCE
    return int(off.sum())


def first_fraction(volume: Floats) -> int | None:
    """Index of the first volume that is not a whole number (NaN and infinity are none either)."""
    whole = np.isfinite(volume) & (volume == np.rint(volume)) & (np.abs(volume) <= MAX_VOLUME)
    return None if whole.all() else int(np.argmin(whole))


def joined(parts: Sequence[RawBars], symbols: frozenset[str]) -> RawBars:
    """Parts of one source as one, in order; `symbols` is all that the source holds."""
    return RawBars(
        symbols=symbols,
        symbol=pl.concat([part.symbol for part in parts]),
        stamp_ns=np.concatenate([part.stamp_ns for part in parts]),
        open=np.concatenate([part.open for part in parts]),
        high=np.concatenate([part.high for part in parts]),
        low=np.concatenate([part.low for part in parts]),
        close=np.concatenate([part.close for part in parts]),
        volume=np.concatenate([part.volume for part in parts]),
        row=np.concatenate([part.row for part in parts]),
        null_volumes=sum(part.null_volumes for part in parts),
        locate=parts[0].locate,
    )


def _complaint(bars: RawBars, index: int) -> str:
    if not bars.symbol[index]:
        return "the symbol is empty"
    open_, high, low, close = (float(getattr(bars, name)[index]) for name in PRICES)
    for name, price in zip(PRICES, (open_, high, low, close), strict=True):
        if not np.isfinite(price):
            return f"{name} {price} is missing or not finite"
        if price <= 0:
            return f"{name} {price:.10g} is not positive"
    if high < low:
        return f"high {high:.10g} is below low {low:.10g}"
    for name, price in (("open", open_), ("close", close)):
        if not low <= price <= high:
            return f"{name} {price:.10g} is outside low {low:.10g} to high {high:.10g}"
    volume = int(bars.volume[index])
    return f"volume {volume} is " + ("negative" if volume < 0 else f"over {MAX_VOLUME}")


def _is_zone(zone: str) -> bool:
    try:
        pl.Series([0]).cast(pl.Datetime("ns", zone))
    except pl.exceptions.PolarsError:
        return False
    return True
