"""`signals`: options into a request, what was measured into files, a page and a few lines."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl

from backtest.files import check_writable
from cli.backtest_commands import import_from_here
from cli.options import listed
from cli.progress import progress
from cli.tables import table_lines
from core.errors import ConfigError
from research.runs import PAGE, RUN, LabRun, write_lab_run
from research.signals.causality import require_causal
from research.signals.forward import horizon_of
from research.signals.leaderboard import filtered, leaderboard, ranked
from research.signals.library import resolve
from research.signals.page import signals_page
from research.signals.spec import SignalSpec
from research.signals.study import Asked, study
from research.signals.universe import Request, Universe

MOST_SHOWN = 20
MOST_PRUNED = MOST_NAMED = 8
ALL = "all"
COLUMNS = (
    *("ic_mean", "icir", "t_nw", "hit_rate", "spread", "spread_t", "monotonicity"),
    *("turnover", "p_bh", "dates"),
)
PERCENT = ("ic_mean", "hit_rate", "spread", "turnover", "p_bh")


class Shown(NamedTuple):
    """Which lines of the leaderboard are printed, in which order."""

    sort: str
    where: Sequence[str]

    def of(self, board: pl.DataFrame) -> pl.DataFrame:
        """Raises ConfigError for a column or condition that is none."""
        return ranked(filtered(board, self.where), self.sort)


def asked_of(
    horizons: Sequence[str],
    quantiles: int | None,
    entry: str,
    *,
    overnight: bool,
    from_day: int | None,
    prune: float,
    sheets: int,
) -> Asked:
    """Raises ConfigError."""
    wanted = tuple(horizon_of(text) for text in listed(horizons))
    if len(set(wanted)) < len(wanted) or not wanted:
        raise ConfigError(f'--horizons "{" ".join(horizons)}" names one twice, or none')
    return Asked(
        horizons=wanted,
        quantiles=quantiles,
        entry=_entry(entry),
        overnight=overnight,
        from_day=from_day,
        prune=prune,
        sheets=sheets,
    )


def measure_signals(
    request: Request, names: Sequence[str] | None, asked: Asked, shown: Shown, out: Path
) -> None:
    """Read, measure, write, say who leads."""
    check_writable(out)
    shown.of(leaderboard([]))  # a wrong word is told before the work is done
    wanted = list(dict.fromkeys(listed(names or [ALL])))
    if any(":" in name for name in wanted):
        import_from_here()
    signals = [] if wanted == [ALL] else [resolve(name) for name in wanted]
    universe, left_out = Universe(request), list[str]()
    if not signals:
        signals, left_out = universe.fitting()
    own = [one for name, one in zip(wanted, signals, strict=False) if ":" in name]
    require_causal(own, universe.bars)  # those of the library are proved by their tests
    of = {signal.name: signal for signal in signals}
    with progress("signals", len(of), "signals") as advance:
        found = study(
            universe.panel,
            list(of),
            lambda batch: universe.values([of[name] for name in batch]),
            asked,
            level=universe.level,
            progress=advance,
        )
    told = {**found.told, **universe.told, "signals whose columns are not there": left_out}
    run = LabRun("signals", told, {**found.tables, "signals": _sources(signals)})
    write_lab_run(out, run, signals_page(run))
    for line in _lines(run, shown.of(run.tables["leaderboard"])):
        print(line)
    print(f"written      {out}/{RUN}, {PAGE}, {len(run.tables)} tables as .parquet and .csv")


def _lines(run: LabRun, board: pl.DataFrame) -> Iterator[str]:
    told, tried = run.told, run.told["tried"]
    assert isinstance(tried, Mapping)
    yield (
        f"universe     {told['symbols']} symbols, {told['mode']}; {told['from']} to {told['to']},"
        f" {told['sessions']:,} sessions of {told['bars']:,} bars"
    )
    yield (
        f"rows         {told['masked rows']:,} masked, of {told['symbols with a masked row']}"
        f" symbols; {told['missing rows']:,} missing"
    )
    yield from (f"missing      no session between {one}" for one in told["breaks"])
    if told["rows without a price"]:
        lacking = [f"{symbol} {rows:,}" for symbol, rows in told["rows without a price"].items()]
        more = f" and {len(lacking) - MOST_NAMED} more symbols" if lacking[MOST_NAMED:] else ""
        yield f"no price     in rows of {', '.join(lacking[:MOST_NAMED])}{more}"
    if told["signals without a value"]:
        yield f"no value     {', '.join(told['signals without a value'])}"
    if told["signals whose columns are not there"]:
        yield f"no column    {', '.join(told['signals whose columns are not there'])}"
    yield f"horizon      {told['horizons'][0]}, {told['quantiles']} buckets"
    yield ""
    yield from table_lines(_shown(board.head(MOST_SHOWN)))
    if board.height > MOST_SHOWN:
        yield f"... and {board.height - MOST_SHOWN} more in leaderboard.csv"
    yield ""
    yield f"pruned       {_pruned(run.tables['pruned'])}"
    for name, value in tried.items():
        yield f"{name:<36} {_number(value)}"


def _pruned(pruned: pl.DataFrame) -> str:
    gone = pruned.filter(~pl.col("kept"))
    words = [
        f"{name} ({correlation:.2f} with {stays})"
        for name, _, stays, correlation in gone.head(MOST_PRUNED).iter_rows()
    ]
    more = f" and {gone.height - MOST_PRUNED} more" if gone.height > MOST_PRUNED else ""
    return f"{gone.height} of {pruned.height}{': ' if words else ''}{', '.join(words)}{more}"


def _shown(board: pl.DataFrame) -> pl.DataFrame:
    """The columns that fit a terminal, in units that two decimals can tell."""
    return board.select(
        (pl.col(name) * 100).alias(f"{name} %") if name in PERCENT else pl.col(name)
        for name in ("signal", *COLUMNS)
    )


def _sources(signals: Sequence[SignalSpec]) -> pl.DataFrame:
    return pl.DataFrame(
        [(one.name, one.family, one.direction, one.lookback, one.source) for one in signals],
        {
            "signal": pl.String,
            "family": pl.String,
            "expected": pl.Int64,
            "bars to warm up": pl.Int64,
            "source": pl.String,
        },
        orient="row",
    )


def _number(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else "-" if value is None else f"{value:,}"


def _entry(text: str) -> Literal["open", "close"]:
    if text == "open" or text == "close":
        return "open" if text == "open" else "close"
    raise ConfigError(f'--entry "{text}" is not one of open, close')
