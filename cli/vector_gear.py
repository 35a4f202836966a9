"""`--gear vectorized`: bars of files and a strategy of expressions as something to search.

The data is read and checked as every verb does. There is no account here: settings are those of
the strategy and of the engine's `Terms`, by --set alone.
"""

import importlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import polars as pl

from cli.backtest_commands import import_from_here
from core.errors import ConfigError
from providers.dataset import Dataset
from providers.raw_bars import PRICES
from research.evaluation import Subject
from research.panel.crosses import SWEPT, SmaCross
from research.panel.dataset import NS_PER_MS, zone_of
from research.panel.resample import resample
from research.panel.strategy import KernelSignal, StrategyBase
from research.panel.subject import Make, VectorSubject
from research.panel.vectorized import Terms
from strategies.registry import KERNELS
from strategies.settings import split_assignment
from strategies.table import nearest, table, unknown_key

VECTORIZED, SWEEP = "vectorized", "sweep"
BUILT_IN = {SmaCross.name: SmaCross}


def vector_subject(
    strategy: str, dataset: Dataset, sets: Sequence[str], *, sweep: bool = False
) -> VectorSubject:
    """Raises ConfigError for a strategy or a key of --set that is not known."""
    make = _make(strategy)
    own, common = make({}).settings, Terms(market=dataset.options.market)
    values: dict[str, object] = {}
    terms: dict[str, object] = {"market": dataset.options.market}
    fields = type(own).model_fields
    if "timeframe" in fields:  # of a strategy that trades: then that of the bars as well
        terms["timeframe"] = getattr(own, "timeframe", common.timeframe)
    for key, value in map(split_assignment, sets):
        if key not in fields and key not in Terms.model_fields:
            raise ConfigError(unknown_key(key, [*fields, *Terms.model_fields]))
        if key in fields:
            values[key] = value
        if key in Terms.model_fields:
            terms[key] = value
    agreed = table(Terms, terms)
    frame = resample(frame_of(dataset), agreed.timeframe, dataset.options).collect()
    return VectorSubject(
        frame, make, agreed, data_hash=dataset.data_hash, fixed=values, sweep=sweep
    )


def require_told(subject: Subject, objective: str) -> None:
    """Raise ConfigError where a sweep is asked for the best of what it leaves out."""
    if isinstance(subject, VectorSubject) and subject.sweep and objective not in SWEPT:
        raise ConfigError(f'--gear sweep tells no "{objective}": {nearest(objective, SWEPT)}')


def frame_of(dataset: Dataset) -> pl.LazyFrame:
    """The bars of a Dataset as the lab's frames have them: by symbol, then time."""
    bars = dataset.bars
    symbols = pl.Series([one.symbol for one in dataset.instruments])
    stamps = pl.Series(bars["open_ns"] // NS_PER_MS).cast(pl.Datetime("ms", "UTC"))
    columns = {
        "symbol": symbols.gather(pl.Series(bars["instrument"]).cast(pl.UInt32)),
        "ts": stamps.dt.convert_time_zone(zone_of(dataset.options.market)),
        **{name: bars[name] for name in (*PRICES, "volume")},
    }
    return pl.DataFrame(columns).lazy().sort("symbol", "ts", maintain_order=True)


def _make(strategy: str) -> Make:
    """Of a name of the registry, of the gear's own, or `module:Class`."""
    if strategy in BUILT_IN:
        return BUILT_IN[strategy]
    if strategy in KERNELS:
        return partial(KernelSignal, strategy)
    module, colon, name = strategy.partition(":")
    if not colon:
        known = [*BUILT_IN, *KERNELS]
        raise ConfigError(f'strategy "{strategy}" has no vectorised form: {nearest(module, known)}')
    import_from_here()
    try:
        found: Any = getattr(importlib.import_module(module), name, None)
    except Exception as error:  # whatever the user's module does at import
        raise ConfigError(f"strategy {strategy} cannot be imported: {error!r}") from error
    if not (isinstance(found, type) and issubclass(found, StrategyBase)):
        raise ConfigError(f"strategy {strategy} is not a subclass of StrategyBase")
    return found
