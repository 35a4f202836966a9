"""Signals made elsewhere, traded as they are: a vectorised batch, another program, an older run.

Reads a table with `instrument, bar_open_ns, side, kind, atr` (a `signals.parquet` will do: its
SUPPRESSED rows are left out) and raises each signal on the strategy bar that opens at that time.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from core.book import AccountView
from core.errors import ConfigError, DataError
from core.types import Records, Side
from strategies.focus import bar_keys
from strategies.kernel import signal_dtype
from strategies.settings import StrategySettings

if TYPE_CHECKING:
    import polars as pl

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
        order = np.lexsort((table["bar_open_ns"].to_numpy(), instrument))
        self._signals: Records = np.zeros(len(table), signal_dtype(0, 0))
        self._signals["count"] = 1
        self._signals["kind"][:, 0] = [self.kinds.index(k) + 1 for k in table["kind"]]
        self._signals["side"][:, 0] = [int(Side[s]) for s in table["side"]]
        self._signals["atr"] = table["atr"].fill_null(np.nan).to_numpy()
        self._signals = self._signals[order]
        self._keys = bar_keys(instrument[order], table["bar_open_ns"].to_numpy()[order])
        if len(np.unique(self._keys)) < len(self._keys):
            raise DataError(f"{settings.signals_path}: two signals on one bar of one instrument")

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
        for column in ("vwap", "value", "limit"):
            signals[column] = np.nan
        signals["atr"][signals["count"] == 0] = np.nan
        return signals


def read_signals(path: str, instruments: Sequence[str]) -> "pl.DataFrame":
    """The acted and refused signals of `path`, one row each. Raises ConfigError, DataError."""
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
    if "status" in table.columns:
        table = table.filter(pl.col("status") != "SUPPRESSED")
    strangers = set(table["instrument"]) - set(instruments)
    if strangers:
        raise DataError(f"{path} names {sorted(strangers)[0]}, which is not in the data")
    return table.select(COLUMNS)
