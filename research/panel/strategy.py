"""A strategy of the vectorised gear: expressions for what needs no memory, a kernel for what does.

A strategy says what it wants to hold once a bar has closed (`signal`, -1 to 1). When that is
traded, at which price and cost is the engine's business; it never sees the account.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.errors import ConfigError, DataError
from core.jit import routine
from core.types import STRATEGY_BAR, Float64s, Records
from strategies.kernel import KernelStrategy
from strategies.registry import KERNELS
from strategies.settings import StrategySettings
from strategies.table import Table, nearest, table

S = TypeVar("S", bound=Table)

LOGIC = "logic"  # the column that a strategy's kernel makes
NS_PER_MS = 1_000_000


class StrategyBase(Generic[S]):
    """Subclass it, name a `settings_model`, and say `signal`; the other two are optional.

    Frames have `symbol`, `ts` (opens of the bars, UTC), `day` (their session, from the engine),
    open, high, low, close, volume, sorted by time in each symbol. Whatever looks along time says
    `.over("symbol")`, and looks back only.

    Raises ConfigError for values that the model refuses, in its one line.
    """

    name = ""  # of the results; the class's own where it is empty
    version = "1"  # raise it when the same settings mean something else
    settings_model: type[S]
    logic_columns: tuple[str, ...] = ()  # what `numba_logic` reads; empty: there is none

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        self.settings = table(self.settings_model, values or {})
        self.name = self.name or type(self).__name__

    def add_indicators(self, lf: pl.LazyFrame) -> pl.LazyFrame:
        """Columns made by expressions alone."""
        return lf

    def numba_logic(self, *columns: NDArray[Any]) -> Float64s:
        """One value a bar of one symbol from `logic_columns`: the place to call an njit function.

        The arrays are contiguous copies that may be written to: int64 for whole numbers and
        stamps (ms), bool for flags, else float64 with NaN for what is null.
        """
        raise ConfigError(f"strategy {self.name} names logic_columns and has no numba_logic")

    def signal(self, lf: pl.LazyFrame) -> pl.LazyFrame:
        """Adds `signal`: -1, 0, 1 or a target between; null or NaN is 0, as before a warm-up."""
        raise ConfigError(f"strategy {self.name} has no signal")

    def apply_numba_logic(self, lf: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
        """Adds `logic`: `numba_logic` over each symbol's own bars.

        Raises DataError, when collected, for a null in a column of whole numbers.
        """

        def bridge(series: Sequence[pl.Series]) -> pl.Series:
            made = self.numba_logic(*map(_writable, series, columns))
            return pl.Series(np.asarray(made, np.float64))

        made = pl.map_batches(list(columns), bridge, return_dtype=pl.Float64)
        return lf.with_columns(made.over("symbol").alias(LOGIC))

    def features(self, lf: pl.LazyFrame) -> pl.LazyFrame:
        """The frame that `signal` decides on: collect it to see what it saw (debug mode)."""
        lf = self.add_indicators(lf)
        return self.apply_numba_logic(lf, self.logic_columns) if self.logic_columns else lf

    def signals(self, lf: pl.LazyFrame) -> pl.LazyFrame:
        return self.signal(self.features(lf))


class KernelSignal(StrategyBase[StrategySettings]):
    """A kernel strategy of the registry as it trades, its events read as a position.

    Each symbol's bars run through the strategy's own `drive` with a state of its own. An event
    that its model refuses is none. Brackets, limits and session times belong to the trade gears:
    here a position is held

    - until the opposite event, where `hold_bars` is None, or
    - for `hold_bars` bars, events meanwhile being ignored, that of the last bar too: the time
      stop of the trade gears without a cooldown.
    """

    logic_columns = ("ts", "day", "open", "high", "low", "close", "volume")

    def __init__(
        self,
        kernel: str,
        values: Mapping[str, object] | None = None,
        hold_bars: int | None = None,
    ) -> None:
        if kernel not in KERNELS:
            raise ConfigError(f'strategy "{kernel}" has no kernel: {nearest(kernel, [*KERNELS])}')
        if hold_bars is not None and hold_bars < 1:
            raise ConfigError(f"hold_bars {hold_bars} is not allowed: a whole number >= 1, or none")
        self.spec = KERNELS[kernel]
        self.settings_model = self.spec.settings
        self.name = kernel
        self.hold_bars = hold_bars
        super().__init__(values)

    def add_indicators(self, lf: pl.LazyFrame) -> pl.LazyFrame:
        return lf.with_columns(pl.col("volume").fill_null(0))  # as the trade gears read it

    def numba_logic(self, *columns: NDArray[Any]) -> Float64s:
        bars = _strategy_bars(columns, self.settings.timeframe_ns)
        said = KernelStrategy(self.spec, self.settings, 1).on_bars(bars)
        raised = (said["count"] > 0) & (said["refusal"] == 0)
        positions = np.where(raised, said["side"][:, 0], 0).astype(np.float64)
        _hold(positions, self.hold_bars or 0)
        return positions

    def signal(self, lf: pl.LazyFrame) -> pl.LazyFrame:
        return lf.with_columns(signal=pl.col(LOGIC))


@routine
def _hold(sides: Float64s, hold_bars: int) -> None:
    """In place: the side of the event whose position is open after each bar's close; 0 is flat."""
    held, left = 0.0, 0
    for i in range(len(sides)):
        if hold_bars == 0:
            held = sides[i] if sides[i] != 0.0 else held
        elif left > 0:
            left -= 1
            held = held if left > 0 else 0.0
        elif sides[i] != 0.0:
            held, left = sides[i], hold_bars
        sides[i] = held


def _strategy_bars(columns: Sequence[NDArray[Any]], timeframe_ns: int) -> Records:
    """STRATEGY_BAR rows of one instrument, none with a gap."""
    bars: Records = np.zeros(len(columns[0]), STRATEGY_BAR)
    bars["open_ns"] = columns[0] * NS_PER_MS
    bars["close_ns"] = bars["open_ns"] + timeframe_ns
    names = ("day", "open", "high", "low", "close", "volume")
    for name, column in zip(names, columns[1:], strict=True):
        bars[name] = column
    return bars


def _writable(series: pl.Series, name: str) -> NDArray[Any]:
    """A copy in the dtype that `numba_logic` promises: polars' own buffers are read-only."""
    if series.dtype == pl.Datetime:
        series = series.dt.timestamp("ms")
    whole = series.dtype.is_integer() or series.dtype == pl.Boolean
    if whole and series.has_nulls():
        raise DataError(f"column {name} has nulls: fill them before numba_logic reads it")
    if whole:
        dtype: type = np.bool_ if series.dtype == pl.Boolean else np.int64
        return np.array(series.to_numpy(), dtype)
    return np.array(series.cast(pl.Float64).fill_null(np.nan).to_numpy(), np.float64)
