"""`optimize`: options into a search, what it found into a folder, a page and a few lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import typer

from backtest.files import check_writable
from cli.backtest_commands import choice, request_of, span_of
from cli.config_commands import configuration
from cli.progress import progress
from cli.reading import read
from cli.tables import table_lines
from cli.vector_gear import SWEEP, VECTORIZED, require_told, vector_subject
from core.errors import ConfigError
from providers.dataset import DataOptions
from research.evaluation import Subject, TradedSubject
from research.honesty.trials import TRIALS_FILE, TrialLedger
from research.runs import PAGE, LabRun, write_lab_run
from research.search.backends import Backend
from research.search.evaluations import FILE
from research.search.optimizer import Constraints, ParamOptimizer
from research.search.page import optimize_page, ranked
from research.search.proposals import How
from research.search.record import lab_run
from research.search.space import Space, space_of

SHOWN = 8  # sets on the terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is searched, whatever the subject; `terms` are the words it was asked in."""

    space: Space
    how: How
    sets: int | None
    seed: int
    objective: str
    constraints: Constraints
    workers: int | None
    terms: dict[str, Any]

    def optimizer(
        self, subject: Subject, store: Path, backend: Backend | None = None
    ) -> ParamOptimizer:
        """Raises ConfigError."""
        return ParamOptimizer(
            subject,
            self.space,
            how=self.how,
            sets=self.sets,
            seed=self.seed,
            objective=self.objective,
            constraints=self.constraints,
            workers=self.workers,
            backend=backend,
            store=store,
        )


def asked_of(
    *,
    grid: Sequence[str],
    where: Sequence[str],
    search: str,
    sets: int | None,
    seed: int,
    objective: str,
    min_trades: int,
    max_drawdown: float | None,
    workers: int | None,
) -> Asked:
    """Everything that can be refused before data is read. Raises ConfigError."""
    space = space_of(grid, where)
    how = choice("--search", How, search)
    terms: dict[str, Any] = {
        "search": str(how),
        "space": space.told(),
        "where": list(where),
        "objective": objective,
        "min_trades": min_trades,
        "max_drawdown": max_drawdown,
    }
    if how is not How.GRID:
        terms["seed"] = seed
    return Asked(
        space=space,
        how=how,
        sets=sets,
        seed=seed,
        objective=objective,
        constraints=Constraints(min_trades, max_drawdown),
        workers=workers,
        terms=terms,
    )


class Searchable(NamedTuple):
    """A subject, what it is called, and the days that were asked for."""

    subject: Subject
    name: str
    from_day: int | None
    to_day: int | None


def searched_of(
    strategy: str,
    data: Sequence[Path],
    options: DataOptions,
    config: Path | None,
    sets: Sequence[str] | None,
    gear: str | None,
    from_day: str | None,
    to_day: str | None,
) -> Searchable:
    """The same options in every gear. Raises ConfigError, or DataError for the data."""
    if gear not in (VECTORIZED, SWEEP):
        request = request_of(strategy, data, options, config, sets, gear, from_day, to_day)
        return Searchable(TradedSubject(request), request.name, request.from_day, request.to_day)
    if config is not None:
        raise ConfigError(f"--gear {gear} reads no configuration: use --set")
    span = span_of(from_day, to_day)
    subject = vector_subject(strategy, read(data, options), sets or [], sweep=gear == SWEEP)
    return Searchable(subject, strategy.rpartition(":")[2], *span)


def optimize(
    asked: Asked,
    found: Searchable,
    out: Path,
    state_dir: Path | None,
    backend: Backend | None = None,
) -> None:
    """Search, write the run, say what was found; exit 1 if no set met the constraints."""
    check_writable(out)
    require_told(found.subject, asked.objective)
    optimizer = asked.optimizer(found.subject, out, backend)
    with progress(f"search of {found.name}", optimizer.total, "sets") as advance:
        searched = optimizer.run(found.from_day, found.to_day, advance)
    run = lab_run(optimizer, searched, ledger(state_dir), asked.terms)
    write_lab_run(out, run, optimize_page(run))
    for line in lines(run):
        print(line)
    if searched.resumed:
        print(f"resumed      {searched.resumed:,} sets were known from {out}/{FILE}")
    if searched.others:
        print(f"kept apart   {searched.others:,} sets of other data, settings or spans in {FILE}")
    print(f"written      {out}/run.json, scores, daily, {PAGE}")
    if searched.chosen is None:
        raise typer.Exit(1)


def ledger(state_dir: Path | None) -> TrialLedger:
    """Of the state directory, as every verb of the lab keeps it."""
    directory = state_dir or Path(configuration(None, None).settings.paths.state_dir)
    return TrialLedger(directory / TRIALS_FILE)


def lines(run: LabRun) -> Iterator[str]:
    """The search in a few lines for a terminal."""
    told, scores = run.told, run.tables["scores"]
    objective = told["objective"]
    shown = list(dict.fromkeys((objective, "trades", "total_return", "max_drawdown")))
    top = ranked(told, scores)
    yield from table_lines(top.select("number", *told["keys"], "plateau", *shown).head(SHOWN))
    if top.height > SHOWN:
        yield f"... and {top.height - SHOWN:,} more"
    yield ""
    counts = f"{told['sets']:,} tried, {told['failed']:,} failed"
    yield f"sets         {counts}, {told['refused']:,} broke a constraint"
    errors = scores["error"].drop_nulls()
    if len(errors):
        yield f"failed       {errors[0]}" + (", ..." if errors.n_unique() > 1 else "")
    if told["chosen"] is None:
        fails = scores["fails"].drop_nulls()
        yield "chosen       none" + (f": {fails[0]}, ..." if len(fails) else "")
        return
    for name in ("chosen", "best"):
        row = scores.row(told[f"{name}_number"] - 1, named=True)
        values = " ".join(f"{key}={row[key]}" for key in told["keys"])
        yield (
            f"{name:<12} {values}: {objective} {row[objective]:.3f}, plateau {row['plateau']:.3f}"
            + (", a spike" if row["spike"] else "")
        )
    evidence = told["evidence"]
    yield f"trials       {evidence['trials']:,} sets were ever tried on this data: the best of them"
    yield f"             by luck alone would show a Sharpe of {evidence['expected_maximum']:.2f}"
    told_figures = [
        f"{words} {_figure(evidence[name])}"
        for words, name in (
            ("Sharpe", "sharpe"),
            ("deflated", "deflated_sharpe"),
            ("probability of overfitting", "probability_of_overfitting"),
        )
    ]
    yield f"evidence     {', '.join(told_figures)} (in sample)"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
