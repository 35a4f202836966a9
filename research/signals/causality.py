"""Proof that a signal knows nothing of the future: later bars are changed, earlier values are not.

Many cuts are computed at once. Each is a world of its own: its symbols have another name and its
stamps lie whole cycles of the calendar (400 years) away, so that worlds share nothing, and weekdays
and months stay what they are. Decides nothing about what a signal is worth.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from core.errors import DataError, NotReady
from core.session import ist_text
from core.types import Bools, Int64s
from research.signals.library import DAY_MS, IST_OFFSET_MS, compute_specs
from research.signals.spec import SignalSpec

CUTS = 64
ROWS_AT_ONCE = 200_000  # of all worlds that are computed together
MOST_WORLDS = 500  # a calendar ends in the year 262,143
CYCLE_DAYS = 146_097  # of the Gregorian calendar, and a whole number of weeks
SCRAMBLED, ROWS = "all columns", "the rows"  # what is changed: or one column, by its name
PRICES = {"open", "high", "low", "close", "avg_price"}  # of one bar: scaled alike
NS_PER_MS = 1_000_000
SAMPLED_SYMBOLS, SAMPLED_ROWS = 2, 400  # enough for what looks ahead by rule


class Leak(NamedTuple):
    """A value that changes with later bars. Stamps: Indian time at which a bar opened."""

    signal: str
    symbol: str
    stamp: str  # of the first bar whose value changed
    column: str  # what it reads of the future; ROWS where it sees only whether bars follow
    until: str  # the last bar that this value reads

    def __str__(self) -> str:
        return (
            f"signal {self.signal} of {self.symbol}, bar {self.stamp}:"
            f" reads {self.column} of the bar {self.until}"
        )


def leaks(
    signals: Sequence[SignalSpec], bars: pl.DataFrame, cuts: int = CUTS, seed: int = 0
) -> list[Leak]:
    """Every signal that looks ahead on these bars, with where it was caught first.

    From `cuts` seeded stamps on, and from the first and the last stamp of every session on where
    sessions have several, all bars are once scrambled and once left out. The values before must
    keep every bit.

    Args:
        bars: as for `library.compute`, longer than the longest lookback by some cuts.

    Raises DataError for bars of fewer than two stamps.
    """
    worlds = _Worlds(signals, bars, seed)
    stamps = len(worlds.stamps_ms)
    chosen = np.random.default_rng(seed).permutation(np.arange(1, stamps))[:cuts]
    changes = [
        (cut, what)
        for cut in sorted({*chosen.tolist(), *worlds.session_edges()})
        for what in (SCRAMBLED, ROWS)
    ]
    caught: dict[str, Leak] = {}
    at_once = min(MOST_WORLDS, max(1, ROWS_AT_ONCE // len(worlds.bars)))
    for begin in range(0, len(changes), at_once):
        some = changes[begin : begin + at_once]
        for signal, rows in zip(signals, worlds.changed_rows(signals, some), strict=True):
            change = next((one for one, row in zip(some, rows, strict=True) if row >= 0), None)
            if change and signal.name not in caught:
                caught[signal.name] = worlds.leak_of(signal, change)
    return list(caught.values())


def require_causal(signals: Sequence[SignalSpec], bars: pl.LazyFrame) -> None:
    """`leaks` on the last rows of two symbols; raises NotReady with the first that was caught.

    Args:
        bars: by symbol and stamp.

    Raises ConfigError for a column that is not there.
    """
    if not signals:
        return
    compute_specs(bars, signals)  # names what is missing of all columns that there are
    symbols = bars.select(pl.col("symbol").unique().sort().head(SAMPLED_SYMBOLS)).collect()
    rows = SAMPLED_ROWS + max(one.lookback for one in signals)
    sample = (
        bars.filter(pl.col("symbol").is_in(symbols["symbol"].to_list()))
        .filter(pl.int_range(pl.len()).reverse().over("symbol") < rows)
        .collect()
    )
    for leak in leaks(signals, sample):
        raise NotReady(f"{leak}; nothing that looks ahead is measured")


def dependent(
    signals: Sequence[SignalSpec], bars: pl.DataFrame, symbol: str, seed: int = 0
) -> list[str]:
    """Names of the signals whose values of other symbols change with the bars of `symbol`."""
    worlds = _Worlds(signals, bars, seed)
    mine = pl.col("symbol") == symbol
    changed = pl.concat([worlds.bars.filter(~mine), worlds.scrambled.filter(mine)])
    before, after = (
        compute_specs(frame.lazy(), signals).filter(~mine).collect()
        for frame in (worlds.bars, changed)
    )
    return [one.name for one in signals if not before[one.name].equals(after[one.name])]


Change = tuple[int, str]  # the number of the first stamp that changes, and what changes


class _Worlds:
    """The bars, sorted, and what becomes of them."""

    def __init__(self, signals: Sequence[SignalSpec], bars: pl.DataFrame, seed: int) -> None:
        read = sorted({column for signal in signals for column in signal.needs})
        known = [name for name in ("date", "masked") if name in bars.columns]
        stamp = pl.col("ts").dt.epoch("ms").cast(pl.Datetime("ms"))
        columns = [name for name in read if name in bars.columns]
        numbers = [pl.col(name).cast(pl.Float64) for name in columns]
        self.columns = columns
        self.bars = bars.select("symbol", stamp, *known, *numbers).sort("symbol", "ts")
        row_ms = self.bars["ts"].to_physical().to_numpy()
        self.stamps_ms, self.stamp_of_row = np.unique(row_ms, return_inverse=True)
        if len(self.stamps_ms) < 2:
            raise DataError(f"causality: {len(self.stamps_ms)} stamps of bars, two at least")
        self.scrambled = self._scrambled(np.random.default_rng(seed))

    def session_edges(self) -> set[int]:
        """Numbers of the first and the last stamps of sessions; none where a session is a bar."""
        days = (self.stamps_ms + IST_OFFSET_MS) // DAY_MS
        if "date" in self.bars.columns:
            first_row = np.unique(self.stamp_of_row, return_index=True)[1]
            days = self.bars["date"].to_physical().to_numpy()[first_row]
        first = np.flatnonzero(np.diff(days)) + 1
        if len(first) + 1 == len(self.stamps_ms):
            return set()
        return {*first.tolist(), *(first - 1)[first > 1].tolist()}

    def changed_rows(
        self, signals: Sequence[SignalSpec], changes: Sequence[Change]
    ) -> list[list[int]]:
        """Of each signal and change the first row before the cut whose value changed; else -1."""
        nothing = (len(self.stamps_ms), SCRAMBLED)
        made = [self._world(number, *change) for number, change in enumerate([nothing, *changes])]
        values = compute_specs(pl.concat(made).lazy(), signals).collect()
        world, row = values["world"].to_numpy(), values["row"].to_numpy()
        cuts = np.array([cut for cut, _ in [nothing, *changes]])
        before = self.stamp_of_row[row] < cuts[world]
        told = []
        for signal in signals:
            bits = values[signal.name].fill_null(np.nan).to_numpy().view(np.int64)
            truth = np.empty(len(self.bars), np.int64)
            truth[row[world == 0]] = bits[world == 0]
            changed = before & (bits != truth[row])
            told.append(
                [self._first(row[changed & (world == number)]) for number in range(1, len(made))]
            )
        return told

    def leak_of(self, signal: SignalSpec, change: Change) -> Leak:
        """The column, the first bar that it changes, and by bisection the last bar that is read."""
        cut, what = change
        alone = [(cut, column) for column in self.columns]
        for one, row in zip(alone, self.changed_rows([signal], alone)[0], strict=True):
            if row >= 0:
                what = one[1]
                break
        row = self.changed_rows([signal], [(cut, what)])[0][0]
        read, unread = cut, len(self.stamps_ms)
        while unread - read > 1:
            middle = (read + unread) // 2
            if self._changes(signal, (middle, what), row):
                read = middle
            else:
                unread = middle
        return Leak(
            signal.name,
            str(self.bars["symbol"][row]),
            self._text(int(self.stamp_of_row[row])),
            what,
            self._text(read),
        )

    def _changes(self, signal: SignalSpec, change: Change, row: int) -> bool:
        made = pl.concat([self._world(0, len(self.stamps_ms), SCRAMBLED), self._world(1, *change)])
        values = compute_specs(made.lazy(), [signal]).filter(pl.col("row") == row).collect()
        one, other = values[signal.name].fill_null(np.nan).to_numpy().view(np.int64)
        return bool(one != other)

    def _world(self, number: int, cut: int, what: str) -> pl.DataFrame:
        """The bars with all from stamp number `cut` on changed, moved to a world of its own."""
        later: Bools = self.stamp_of_row >= cut
        columns = (
            self.columns if what == SCRAMBLED else [one for one in self.columns if one == what]
        )
        days = number * CYCLE_DAYS
        moved = [pl.col("ts") + pl.duration(milliseconds=days * DAY_MS)]
        if "date" in self.bars.columns:
            moved.append((pl.col("date").to_physical().cast(pl.Int64) + days).cast(pl.Int32))
        frame = self.bars.with_columns(
            pl.col("symbol").cast(pl.String) + f"\0{number}",
            *moved,
            *(
                pl.Series(name, np.where(later, self.scrambled[name], self.bars[name]))
                for name in columns
            ),
            pl.lit(number).alias("world"),
            pl.int_range(pl.len()).alias("row"),
        )
        return frame.filter(pl.Series(~later)) if what == ROWS else frame

    def _scrambled(self, random: np.random.Generator) -> pl.DataFrame:
        """Every bar another one's, and scaled; the prices of one still fit each other."""
        order = random.permutation(len(self.bars))
        of_prices = random.uniform(0.5, 2.0, len(order))
        made = {}
        for name in self.columns:
            scale = of_prices if name in PRICES else random.uniform(0.5, 2.0, len(order))
            made[name] = self.bars[name].to_numpy()[order] * scale
        return self.bars.with_columns(pl.Series(name, one) for name, one in made.items())

    def _first(self, rows: Int64s) -> int:
        return int(rows[np.argmin(self.stamp_of_row[rows])]) if len(rows) else -1

    def _text(self, stamp: int) -> str:
        return ist_text(int(self.stamps_ms[stamp]) * NS_PER_MS)
