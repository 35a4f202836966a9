"""All signals of a library over one panel: every table of the verb `signals`.

Decides what is computed from what and in which order; each figure is computed elsewhere. Signals
are made and measured a few at a time, so that memory does not grow with their number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from core.errors import ConfigError, DataError
from core.session import day_text
from core.types import Bools, Float64s
from research.panel.matrix import Panel
from research.signals.forward import Horizon, forward_returns, held
from research.signals.leaderboard import leaderboard, row, tried
from research.signals.measure import At, Outcome, measure
from research.signals.pruning import centred_ranks, compared_rows, correlations, prune
from research.signals.regimes import REGIMES, equal_weight, regime_rows, regimes_of
from research.signals.tearsheet import QUANTILES, growth_of_buckets, quantile_rows

Compute = Callable[[Sequence[str]], Sequence[Float64s]]  # of names their values [T, N]
Progress = Callable[[int], None]

SIGNALS_AT_ONCE = 16
BUCKETS = ((30, 10), (15, 5), (6, 3))  # symbols to a row, and the buckets they are parted into
BUCKETS_IN_TIME = 5
PRUNED: dict[str, pl.DataType] = {
    "signal": pl.String(),
    "kept": pl.Boolean(),
    "for": pl.String(),  # of one that goes: the better one that says the same
    "correlation": pl.Float64(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is wanted. The first horizon is the one of leaderboard, tear sheets and regimes.

    Attributes:
        quantiles: buckets; None: as many as the symbols of a row allow.
        entry: bought and sold at the open or at the close of the bar.
        overnight: horizons in bars are held over the close.
        from_day: the first session that is judged; earlier rows warm signals up.
        prune: |correlation| over which one of two signals goes.
        sheets: how many signals are looked at closely.
    """

    horizons: tuple[Horizon, ...] = (Horizon(1), Horizon(5), Horizon(20))
    quantiles: int | None = None
    entry: Literal["open", "close"] = "open"
    overnight: bool = False
    from_day: int | None = None
    prune: float = 0.8
    sheets: int = 5


class Studied(NamedTuple):
    """Tables by name, in order, and what was done in plain values."""

    tables: dict[str, pl.DataFrame]
    told: dict[str, object]


def study(
    panel: Panel,
    signals: Sequence[str],
    compute: Compute,
    asked: Asked,
    *,
    level: Float64s | None = None,
    masks: Mapping[str, Bools] | None = None,
    progress: Progress = lambda _: None,
) -> Studied:
    """Measure every signal at every horizon.

    Args:
        compute: the values of some of the signals, each known at the close of its row.
        level: [sessions of the panel], the index that tells bull from bear; None: the panel's own
            symbols in equal parts.
        masks: [T] by name, regimes of one's own; they must be known when the signals are.

    Raises:
        ConfigError: no horizon or signal; fewer than two buckets, or more than symbols.
        DataError: no session from `from_day` on, a horizon longer than the data, too few symbols.
    """
    if not signals or not asked.horizons:
        raise ConfigError("nothing to measure: no signal or no horizon")
    if level is None:
        level = equal_weight(panel.fields["close"], panel.days, panel.masked)
    regimes = {**regimes_of(level, panel.days), **(masks or {})}
    first = _first_row(panel, asked.from_day)
    found = _Found(_rows_from(panel, first), asked)
    names = iter(signals)
    while batch := list(islice(names, SIGNALS_AT_ONCE)):
        made = zip(batch, compute(batch), strict=True)
        found.add(batch, [_checked(name, values, panel)[first:] for name, values in made])
        progress(len(batch))
    return found.studied({name: mask[first:] for name, mask in regimes.items()})


class _Found:
    """What has been measured so far, reduced to rows; the signals themselves are not kept."""

    def __init__(self, panel: Panel, asked: Asked) -> None:
        self.panel, self.asked = panel, asked
        self.outcomes = [_outcome(panel, horizon, asked) for horizon in asked.horizons]
        self.present = np.isfinite(panel.fields["close"])
        self.quantiles = _quantiles(asked.quantiles, self.present)
        self.rows: list[list[object]] = []
        self.buckets: list[list[object]] = []
        self.at_first: dict[str, At] = {}
        self.ranks: list[Float64s] = []
        self.known: list[Bools] = []

    def add(self, names: Sequence[str], values: Sequence[Float64s]) -> None:
        compared = compared_rows(len(self.panel.days))
        measured = measure(values, self.outcomes, self.quantiles, self.present)
        for name, own, figures in zip(names, values, measured, strict=True):
            for outcome, at in zip(self.outcomes, figures.at, strict=True):
                horizon = outcome.horizon
                self.rows.append(row(name, horizon, figures, at, self.panel.days))
                self.buckets += quantile_rows(name, horizon, at, figures.turnover)
            self.at_first[name] = figures.at[0]
            some = own[compared] if len(self.panel.symbols) > 1 else own.T
            self.ranks.append(centred_ranks(some))
            self.known.append(np.isfinite(some))

    def studied(self, regimes: Mapping[str, Bools]) -> Studied:
        every = leaderboard(self.rows)
        board = every.filter(pl.col("horizon") == str(self.asked.horizons[0]))
        correlation = correlations(self.ranks, self.known)
        of_regimes = [
            one for name, at in self.at_first.items() for one in regime_rows(name, at, regimes)
        ]
        tables = {
            "leaderboard": board,
            "decay": every.sort("signal", maintain_order=True),
            "ic": _ic_table(self.panel, self.at_first),
            "quantiles": _frame(self.buckets, QUANTILES),
            "growth": self._growth(board["signal"].head(self.asked.sheets).to_list()),
            "regimes": _frame(of_regimes, REGIMES),
            "correlation": _frame(
                [[name, *row] for name, row in zip(self.at_first, correlation, strict=True)],
                {"signal": pl.String(), **dict.fromkeys(self.at_first, pl.Float64())},
            ),
            "pruned": self._pruned(board, correlation),
        }
        return Studied(tables, _told(self.panel, self.asked, self.quantiles, every, self.present))

    def _growth(self, names: Sequence[str]) -> pl.DataFrame:
        held = self.outcomes[0].held
        return pl.concat(
            growth_of_buckets(self.at_first[name], held, self.panel.days).select(
                pl.lit(name).alias("signal"), pl.all()
            )
            for name in names
        )

    def _pruned(self, board: pl.DataFrame, correlation: Float64s) -> pl.DataFrame:
        names = list(self.at_first)
        icir = dict(board.select("signal", pl.col("icir").fill_null(np.nan)).iter_rows())
        quality = np.array([icir[name] for name in names])
        kept, dropped = prune(names, quality, correlation, self.asked.prune)
        rows: list[list[object]] = [[names[one], True, None, None] for one in kept]
        rows += [[names[one.signal], False, names[one.kept], one.correlation] for one in dropped]
        return _frame(rows, PRUNED)


def _first_row(panel: Panel, from_day: int | None) -> int:
    first = 0 if from_day is None else int(np.searchsorted(panel.days, from_day))
    if first >= len(panel.days):
        assert from_day is not None
        raise DataError(
            f"no session from {day_text(from_day)} on: the data end {day_text(int(panel.days[-1]))}"
        )
    return first


def _rows_from(panel: Panel, first: int) -> Panel:
    fields = {name: matrix[first:] for name, matrix in panel.fields.items()}
    return Panel(
        panel.stamps_ns[first:], panel.days[first:], panel.symbols, fields, panel.masked[first:]
    )


def _outcome(panel: Panel, horizon: Horizon, asked: Asked) -> Outcome:
    rows = held(panel.stamps_ns, panel.days, horizon, overnight=asked.overnight)
    forward = forward_returns(panel.fields[asked.entry], rows, panel.masked)
    if not np.isfinite(forward).any():
        raise DataError(
            f"horizon {horizon} is longer than the data: {len(np.unique(panel.days))} sessions of"
            f" {len(panel.days)} bars hold no such return"
        )
    return Outcome(horizon, rows, forward)


def _quantiles(wanted: int | None, present: Bools) -> int:
    """Raises ConfigError for a number that leaves every bucket without a symbol."""
    symbols = present.shape[1]
    usual = int(np.median(present.sum(axis=1)))
    if wanted is None:
        fitting = (count for least, count in BUCKETS if usual >= least)
        return BUCKETS_IN_TIME if symbols == 1 else next(fitting, 2)
    if wanted < 2 or (wanted > usual and symbols > 1):
        raise ConfigError(f"{wanted} quantiles of {usual} symbols: 2 to {usual} are possible")
    return wanted


def _checked(name: str, values: Float64s, panel: Panel) -> Float64s:
    """Infinite is absent: no rank of it means anything."""
    if values.shape != panel.masked.shape:
        raise DataError(f"signal {name} has shape {values.shape}, the data {panel.masked.shape}")
    finite: Float64s = np.where(np.isfinite(values), values, np.nan)
    return finite


def _ic_table(panel: Panel, at_first: Mapping[str, At]) -> pl.DataFrame:
    """date, ts (UTC, of the bar's open), and the coefficients of each signal."""
    return pl.DataFrame(
        {
            "date": pl.Series(panel.days, dtype=pl.Int32).cast(pl.Date),
            "ts": pl.Series(panel.stamps_ns).cast(pl.Datetime("ns", "UTC")),
            **{name: at.ics for name, at in at_first.items()},
        }
    ).with_columns(pl.selectors.float().fill_nan(None))


def _frame(rows: Sequence[Sequence[object]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema, orient="row").with_columns(
        pl.selectors.float().fill_nan(None)
    )


def _told(
    panel: Panel, asked: Asked, quantiles: int, every: pl.DataFrame, present: Bools
) -> dict[str, object]:
    alive = (
        np.maximum.accumulate(present, axis=0) & np.maximum.accumulate(present[::-1], axis=0)[::-1]
    )
    valueless = every.filter(pl.col("coverage") == 0)["signal"].unique().sort()
    return {
        "mode": "over time, one symbol" if present.shape[1] == 1 else "across symbols",
        "symbols": len(panel.symbols),
        "from": day_text(int(panel.days[0])),
        "to": day_text(int(panel.days[-1])),
        "sessions": len(np.unique(panel.days)),
        "bars": len(panel.days),
        "horizons": [str(horizon) for horizon in asked.horizons],
        "quantiles": quantiles,
        "bought and sold at": f"the {asked.entry}",
        "masked rows": int(panel.masked.sum()),
        "symbols with a masked row": int(panel.masked.any(axis=0).sum()),
        "missing rows": int((alive & ~present & ~panel.masked).sum()),
        "signals without a value": valueless.to_list(),
        "pruned over": asked.prune,
        "tried": dict(tried(every)),
    }
