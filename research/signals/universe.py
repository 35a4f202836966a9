"""Bars of files as a universe: on one basis, masked, resampled; and the library's values on them.

Decides in which order that is done. Rows are never filled, and what was left out is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from core.errors import ConfigError, DataError
from core.session import day_text
from core.types import Float64s
from providers.dataset import DataOptions
from providers.raw_bars import PRICES
from research.panel.adjust import FACTORS, adjust, mask
from research.panel.dataset import DataSpec, content_hash, load_dataset
from research.panel.matrix import Panel, panel_of
from research.panel.partitions import scan
from research.panel.resample import resample
from research.signals.forward import MOST_DAYS_CLOSED
from research.signals.library import compute_specs, names_for, resolve
from research.signals.regimes import equal_weight
from research.signals.spec import SignalSpec
from strategies.table import nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Which bars. `to_day`: the last session; all earlier ones are read, for signals to warm up.

    `timeframe` None: the bars as they are. `factors`: a file of corporate actions. `index`: a
    symbol that is no member, and tells bull from bear.
    """

    data: Sequence[Path]
    options: DataOptions
    to_day: int | None = None
    timeframe: str | None = None
    factors: Path | None = None
    index: str | None = None


class Universe:
    """Attributes:
    panel: opens and closes of the members.
    level: [sessions], that of the index; None without one.
    told: where it comes from, in plain values.
    """

    def __init__(self, request: Request) -> None:
        """Raises ConfigError and DataError, as the parts do."""
        bars = _bars(request)
        data_hash = content_hash(bars)
        whole = panel_of(bars, ["close"])
        self.bars = bars
        self.level: Float64s | None = None
        if request.index is not None:
            if request.index not in whole.symbols:
                raise ConfigError(
                    f'the index "{request.index}" is not in the data:'
                    f" {nearest(request.index, whole.symbols)}"
                )
            self.bars = bars.filter(pl.col("symbol") != request.index)
        self.panel = panel_of(self.bars, ["open", "close"])
        if request.index is not None:
            self.level = _level(whole, request.index, self.panel)
        self.is_intraday = len(np.unique(self.panel.days)) < len(self.panel.days)
        self.told: dict[str, object] = {
            "data": [path.name for path in request.data],
            "data hash": data_hash,
            "timeframe": request.timeframe or "as it is",
            "factors": None if request.factors is None else request.factors.name,
            "index": request.index or "the symbols in equal parts",
            "breaks": _gaps(self.panel),
            "rows without a price": unpriced(self.bars),
        }

    def fitting(self) -> tuple[list[SignalSpec], list[str]]:
        """The library's signals for such bars, and names of those whose columns are not there."""
        columns = set(self.bars.collect_schema())
        specs = [resolve(name) for name in names_for(intraday=self.is_intraday)]
        found = [one for one in specs if columns.issuperset(one.needs)]
        return found, [one.name for one in specs if one not in found]

    def values(self, signals: Sequence[SignalSpec]) -> list[Float64s]:
        """Values [T, N] of each, known at the close of its row. Raises ConfigError."""
        names = [one.name for one in signals]
        values = panel_of(compute_specs(self.bars, signals), names)
        return [values.fields[name] for name in names]


def _bars(request: Request) -> pl.LazyFrame:
    """Loaded, adjusted, resampled, masked, in memory."""
    symbols, ever = request.options.symbols, (None, None)
    to_day = None if request.to_day is None else day_text(request.to_day)
    frames = []
    for source in request.data:
        further = _further(scan(source, ever, None).schema) if request.timeframe is None else ()
        spec = DataSpec(options=request.options, further=further)
        frames.append(load_dataset(source, (None, to_day), symbols, spec))
    bars = pl.concat(frames, how="diagonal") if len(frames) > 1 else frames[0]
    bars = bars.sort("symbol", "ts")
    if request.factors is not None:
        bars = adjust(bars, read_factors(request.factors))
    if request.timeframe is not None:
        bars = resample(bars, request.timeframe, request.options)
    made = mask(bars).collect()
    if made.is_empty():
        raise DataError(f"no row lies in a session, so no bar of {request.timeframe} can be made")
    return made.lazy()


def read_factors(path: Path) -> pl.DataFrame:
    """Corporate actions of a Parquet or CSV file. Raises DataError."""
    try:
        if path.suffix == ".csv":
            found = pl.read_csv(path, try_parse_dates=True)
        else:
            found = pl.read_parquet(path)
        return found.select(pl.col(name).cast(kind) for name, kind in FACTORS.items())
    except (OSError, pl.exceptions.PolarsError) as error:
        first_line = str(error).partition("\n")[0]
        raise DataError(f"{path}: no table of {', '.join(FACTORS)}: {first_line}") from error


def unpriced(bars: pl.LazyFrame) -> dict[str, int]:
    """By symbol, how many of its rows lack a price; those without such a row left out."""
    lacking = pl.any_horizontal(~pl.col(name).is_finite().fill_null(value=False) for name in PRICES)
    counts = bars.filter(lacking).group_by("symbol").len().sort("symbol").collect()
    return dict(counts.iter_rows())


def _further(schema: pl.Schema) -> tuple[str, ...]:
    """Numbers beside prices and volume that signals may read."""
    usual = {*PRICES, "volume"}
    return tuple(name for name, kind in schema.items() if kind.is_numeric() and name not in usual)


def _level(whole: Panel, index: str, members: Panel) -> Float64s:
    column = [whole.symbols.index(index)]
    level = equal_weight(whole.fields["close"][:, column], whole.days, whole.masked[:, column])
    return level[np.searchsorted(np.unique(whole.days), np.unique(members.days))]


def _gaps(panel: Panel) -> list[str]:
    """Stretches without a session that are no holidays: a partition may be missing."""
    days = np.unique(panel.days)
    wide = np.flatnonzero(np.diff(days) > MOST_DAYS_CLOSED)
    return [f"{day_text(int(days[one]))} and {day_text(int(days[one + 1]))}" for one in wide]
