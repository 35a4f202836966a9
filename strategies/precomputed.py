"""Signals made elsewhere, traded as they are: a vectorised batch, another program, an older run.

Reads a table with `instrument, bar_open_ns, side, kind, atr` (a `signals.parquet` will do) and
raises each signal on the strategy bar that opens at that time. What the table knows besides is
kept: `vwap`, events SUPPRESSED on the bar, and what a model refused, which stays refused.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from core.book import AccountView
from core.errors import ConfigError, DataError
from core.types import Int64s, Records, Refusal, Side
from strategies.focus import bar_keys
from strategies.kernel import raise_event, signal_dtype
from strategies.settings import StrategySettings

if TYPE_CHECKING:
    import polars as pl

MODEL = int(Refusal.MODEL)
COLUMNS = ("instrument", "bar_open_ns", "side", "kind", "atr")


class PrecomputedSettings(StrategySettings):
    signals_path: str = Field("", description="Parquet file of signals")


class PrecomputedStrategy:
    """Looks signals up by (instrument, bar open); at most one per bar."""

    sees_account = False
    gates: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    def __init__(
        self, settings: PrecomputedSettings, instruments: Sequence[str], name: str
    ) -> None:
        self.name = name
        self.settings = settings
        self.timeframes_ns: tuple[int, ...] = (settings.timeframe_ns,)
        table = read_signals(settings.signals_path, instruments)
        self.kinds = tuple(table["kind"].unique().sort().to_list())
        numbers = {symbol: i for i, symbol in enumerate(instruments)}
        instrument = np.array([numbers[s] for s in table["instrument"]], np.int64)
        keys = bar_keys(instrument, table["bar_open_ns"].to_numpy())
        own = np.flatnonzero(~table["suppressed"].to_numpy())
        own = own[np.argsort(keys[own], kind="stable")]
        self._keys = keys[own]
        if len(np.unique(self._keys)) < len(own):
            raise DataError(f"{settings.signals_path}: two signals on one bar of one instrument")
        self._signals: Records = np.zeros(len(own), signal_dtype(0, 0))
        self._signals["atr"] = table["atr"].to_numpy()[own]
        self._signals["vwap"] = table["vwap"].to_numpy()[own]
        self._signals["refusal"] = np.where(table["by_model"].to_numpy()[own], MODEL, 0)
        kinds = np.array([self.kinds.index(kind) + 1 for kind in table["kind"]], np.int64)
        sides = np.array([int(Side[side]) for side in table["side"]], np.int64)
        self._raise(np.arange(len(own)), kinds[own], sides[own])
        later = np.flatnonzero(table["suppressed"].to_numpy() & np.isin(keys, self._keys))
        self._raise(np.searchsorted(self._keys, keys[later]), kinds[later], sides[later])

    def _raise(self, rows: Int64s, kinds: Int64s, sides: Int64s) -> None:
        """Add events to signals; the first one raised on a bar is its signal."""
        for row, kind, side in zip(rows.tolist(), kinds.tolist(), sides.tolist(), strict=True):
            raise_event(self._signals[row], kind, side)

    def on_bars(self, bars: Records, account: AccountView | None = None) -> Records:
        """SIGNAL rows for closed strategy bars, in order."""
        signals: Records = np.zeros(len(bars), self._signals.dtype)
        if len(self._keys):
            keys = bar_keys(bars["instrument"], bars["open_ns"])
            found = np.searchsorted(self._keys, keys).clip(max=len(self._keys) - 1)
            hit = self._keys[found] == keys
            signals[hit] = self._signals[found[hit]]
        signals["close"] = bars["close"]
        signals["confidence"] = 0.5
        for column in ("value", "limit"):
            signals[column] = np.nan
        for column in ("atr", "vwap"):
            signals[column][signals["count"] == 0] = np.nan
        return signals


def read_signals(path: str, instruments: Sequence[str]) -> "pl.DataFrame":
    """The signals of `path`, one row each: COLUMNS, vwap, suppressed, and by_model where a model
    refused it.

    Raises ConfigError, DataError.
    """
    import polars as pl  # a tenth of a second that no other strategy needs

    if not path:
        raise ConfigError("signals_path is empty: precomputed needs a Parquet file of signals")
    if not Path(path).is_file():
        raise ConfigError(f"signals_path {path}: no such file")
    try:
        table = pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path} is not a Parquet file of signals: {error}") from error
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise DataError(f"{path} has no column {', '.join(missing)}")
    strangers = set(table["instrument"]) - set(instruments)
    if strangers:
        raise DataError(f"{path} names {sorted(strangers)[0]}, which is not in the data")

    def known(name: str, value: pl.Expr) -> pl.Expr:
        return value if name in table.columns else pl.lit(None)

    return table.select(
        *COLUMNS[:-1],
        pl.col("atr").cast(pl.Float64).fill_null(np.nan),
        known("vwap", pl.col("vwap")).cast(pl.Float64).fill_null(np.nan).alias("vwap"),
        known("refusal", pl.col("refusal") == "model").fill_null(False).alias("by_model"),
        known("status", pl.col("status") == "SUPPRESSED").fill_null(False).alias("suppressed"),
    )
