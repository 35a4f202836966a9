"""The library of named signals: which there are, and their values over a frame of bars.

The value of a row is known at the close of its bar: it rests on that bar and on earlier ones of the
same symbol (and, where `is_cross_sectional`, on the same stamps of the others), never on later
ones (`causality.py` proves it). Null until warm and where it does not exist; never NaN or infinite.
"""

import importlib
from collections.abc import Mapping, Sequence

import polars as pl

from core.errors import ConfigError
from core.session import DAY_NS, IST_OFFSET_NS
from research.signals import (
    daily,
    formulas,
    intraday,
    liquidity,
    market,
    momentum,
    reversal,
    volatility,
    volume,
)
from research.signals.spec import (
    COLUMNS,
    DAY,
    MINUTE,
    SERIES,
    SESSION,
    Cadence,
    SignalSpec,
    depth_of,
    roots_of,
)
from strategies.table import nearest

DAY_MS, IST_OFFSET_MS = DAY_NS // 1_000_000, IST_OFFSET_NS // 1_000_000
FAMILIES = (momentum, reversal, volatility, liquidity, volume, daily, market, formulas, intraday)

_known: dict[str, SignalSpec] = {
    signal.name: signal for family in FAMILIES for signal in family.SIGNALS
}


def compute(lf: pl.LazyFrame, names: Sequence[str]) -> pl.LazyFrame:
    """The bars, sorted by symbol and stamp, with a column Float64 for each signal.

    Every symbol is computed by itself, and afresh after a row with `masked`: prices on both sides
    of a jump that nothing explains are not of one basis.

    Args:
        lf: bars with `symbol`, `ts` (when the bar opened) and what the signals need; a column
            `date` says the session, else it is the Indian date of `ts`. Numbers that signals read
            become Float64.
        names: of the library, of `register`, or `package.module:function` of the user's own.

    Raises ConfigError for a name that is not known or a column that is not there.
    """
    return compute_specs(lf, [resolve(name) for name in dict.fromkeys(names)])


def compute_specs(lf: pl.LazyFrame, signals: Sequence[SignalSpec]) -> pl.LazyFrame:
    """As `compute`, of specifications at hand."""
    schema = lf.collect_schema()
    for signal in signals:
        for column in ("symbol", "ts", *signal.needs):
            if column not in schema:
                raise ConfigError(
                    f'signal {signal.name} needs a column "{column}"; there are {", ".join(schema)}'
                )
        if signal.name in schema:
            raise ConfigError(f"signal {signal.name}: the bars have a column of that name")
    read = sorted({column for signal in signals for column in signal.needs})
    frame = lf.sort("symbol", "ts").with_columns(pl.col(read).cast(pl.Float64).fill_nan(None))
    frame = frame.with_columns(
        _day(schema).alias(DAY),
        pl.struct("symbol", _jumps(schema).alias("jumps")).rle_id().alias(SERIES),
    )
    frame = frame.with_columns(pl.struct(SERIES, DAY).rle_id().alias(SESSION))
    since_open = pl.col("ts") - pl.col("ts").first().over(SESSION)
    frame = frame.with_columns(since_open.dt.total_minutes().alias(MINUTE))
    shared = roots_of(signal.expression for signal in signals) & COLUMNS.keys()
    for depth in range(1, 1 + max(map(depth_of, shared), default=0)):
        made = sorted(name for name in shared if depth_of(name) == depth)
        frame = frame.with_columns(COLUMNS[name].alias(name) for name in made)
    names = [signal.name for signal in signals]
    frame = frame.with_columns(
        signal.expression.over(SERIES).cast(pl.Float64).alias(signal.name) for signal in signals
    )
    finite = (pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in names)
    return frame.with_columns(finite).select(*schema, *names)


def register(signal: SignalSpec) -> None:
    """Add a signal of the user's own. Raises ConfigError where the name is taken."""
    if signal.name in _known:
        raise ConfigError(f'signal "{signal.name}" is there already')
    _known[signal.name] = signal


def resolve(name: str) -> SignalSpec:
    """A signal by name; `package.module:function` calls the function for one of the user's own.

    Raises ConfigError: names the nearest where there is none, and what a function did wrong.
    """
    if name in _known:
        return _known[name]
    module_name, colon, function_name = name.partition(":")
    if not colon:
        raise ConfigError(f'unknown signal "{name}": {nearest(name, _known)}')
    try:
        function = getattr(importlib.import_module(module_name), function_name, None)
    except ImportError as error:
        raise ConfigError(f'signal "{name}" cannot be imported: {error}') from error
    made = function() if callable(function) else None
    if not isinstance(made, SignalSpec):
        raise ConfigError(f'signal "{name}" must be a function that returns a SignalSpec')
    return made


def specs(*cadences: Cadence) -> Mapping[str, SignalSpec]:
    """All signals by name, or those of some cadences; in the order of the library."""
    wanted = cadences or tuple(Cadence)
    return {name: signal for name, signal in _known.items() if signal.cadence in wanted}


def names_for(*, intraday: bool) -> list[str]:
    """What means something on these bars: several a session, or one."""
    return [*specs(Cadence.ANY, Cadence.INTRADAY if intraday else Cadence.DAILY)]


def _day(schema: pl.Schema) -> pl.Expr:
    if "date" in schema:
        return pl.col("date").to_physical().cast(pl.Int32)
    return ((pl.col("ts").dt.epoch("ms") + IST_OFFSET_MS) // DAY_MS).cast(pl.Int32)


def _jumps(schema: pl.Schema) -> pl.Expr:
    """How many unexplained jumps there were, over all symbols, this row's included."""
    return pl.col("masked").cum_sum() if "masked" in schema else pl.lit(0)
