"""`walkforward`: options into a walk, what it came to into a folder, a page and a few lines."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import typer

from backtest.files import check_writable
from cli.optimize_commands import Asked, Searchable, ledger
from cli.options import listed
from cli.progress import progress
from cli.tables import table_lines
from core.errors import ConfigError
from research.runs import PAGE, LabRun, write_lab_run
from research.search.backends import Backend
from research.walk import cpcv
from research.walk.page import walkforward_page
from research.walk.record import lab_run
from research.walk.validator import WalkForwardValidator
from research.walk.windows import Scheme, length_of


def scheme_of(
    train: str, test: str, step: str | None, *, anchored: bool, embargo: int, drop_short: bool
) -> Scheme:
    """Raises ConfigError for what is no length."""
    return Scheme(
        length_of("--train", train),
        length_of("--test", test),
        None if step is None else length_of("--step", step),
        anchored,
        embargo,
        drop_short,
    )


def cpcv_of(text: str | None, embargo: int) -> cpcv.Scheme | None:
    """`8,2` as a scheme that purges by the embargo. Raises ConfigError."""
    if text is None:
        return None
    words = listed([text])
    if len(words) != 2 or not all(word.isdecimal() and len(word) <= 3 for word in words):
        raise ConfigError(f'--cpcv "{text}" is not N,K: of N groups of sessions K are tried')
    return cpcv.Scheme(int(words[0]), int(words[1]), embargo)


def walk_forward(
    asked: Asked,
    found: Searchable,
    scheme: Scheme,
    combinatorial: cpcv.Scheme | None,
    out: Path,
    state_dir: Path | None,
    backend: Backend | None = None,
) -> None:
    """Walk, write the run, say what it came to; exit 1 if no window could choose."""
    check_writable(out)
    optimizer = asked.optimizer(found.subject, out, backend)
    validator = WalkForwardValidator(optimizer, scheme, found.from_day, found.to_day)
    if combinatorial is not None:
        cpcv.check(combinatorial, len(validator.days))
    title = f"walk-forward of {found.name} ({len(validator.windows)} windows)"
    with progress(title, validator.total, "sets") as advance:
        walked = validator.run(advance)
    terms = {**asked.terms, **_words(scheme, combinatorial)}
    run = lab_run(validator, walked, ledger(state_dir), terms, combinatorial)
    write_lab_run(out, run, walkforward_page(run))
    for line in lines(run):
        print(line)
    print(f"written      {out}/run.json, {', '.join(run.tables)}, {PAGE}")
    if run.told["failed"] == run.told["windows"]:
        raise typer.Exit(1)


def lines(run: LabRun) -> Iterator[str]:
    """The walk in a few lines for a terminal."""
    told, windows = run.told, run.tables["windows"]
    objective = told["objective"]
    yield from table_lines(
        windows.select(
            "window",
            pl.col("test_from").cast(pl.String).alias("tested from"),
            pl.col("test_to").cast(pl.String).alias("to"),
            *told["keys"],
            pl.col(f"train_{objective}").alias(f"{objective} train"),
            pl.col(f"test_{objective}").alias("test"),
            pl.col("test_trades").cast(pl.Int64).alias("trades"),
            (pl.col("test_total_return") * 100).alias("return %"),
        )
    )
    for number, error in windows.select("window", "error").drop_nulls().iter_rows():
        yield f"window {number}: {error}"
    yield ""
    oos, evidence, drift = told["out_of_sample"], told["evidence"], told["drift"]
    yield f"out of sample  {told['tested']}: Sharpe {_figure(oos['sharpe'])}, return" + (
        f" {_percent(oos['total_return'])}, deepest fall {_percent(oos['max_drawdown'])},"
        f" {oos['trades']:,} trades"
    )
    yield f"efficiency     profit {_percent(told['efficiency']['profit'])}, {objective}" + (
        f" {_percent(told['efficiency']['objective'])} of in sample"
    )
    yield f"drift          {_figure(drift['score'])}, by chance {_figure(drift['by_chance'])}"
    if "cpcv" in told:
        yield _paths(told["cpcv"], run.tables["paths"].height)
    yield f"evidence       {evidence['trials']:,} trials, deflated Sharpe" + (
        f" {_figure(evidence['deflated_sharpe'])}, probability of overfitting"
        f" {_figure(evidence['probability_of_overfitting'])}, p-value of the entries"
        f" {_figure(evidence['p_value'])}"
    )
    chosen = told["chosen"]
    values = "none" if chosen is None else " ".join(f"{k}={v}" for k, v in chosen.items())
    yield f"next           {values}"


def _paths(spread: Mapping[str, Any], paths: int) -> str:
    return (
        f"cpcv           {paths} paths: Sharpe {spread['mean']:.2f} on average,"
        f" {spread['least']:.2f} to {spread['greatest']:.2f}, {spread['below_zero']:.0%} below 0"
    )


def _words(scheme: Scheme, combinatorial: cpcv.Scheme | None) -> dict[str, object]:
    """The terms of the walk as a page and a gate read them."""
    step = scheme.step or scheme.test
    told: dict[str, object] = {
        "train": str(scheme.train),
        "test": str(scheme.test),
        "step": str(step),
        "anchored": scheme.anchored,
        "embargo_sessions": scheme.embargo_sessions,
        "drop_short": scheme.drop_short,
    }
    if combinatorial is not None:
        told["cpcv"] = f"{combinatorial.groups},{combinatorial.tested}"
    return told


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
