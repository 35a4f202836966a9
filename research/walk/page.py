"""The page of a walk-forward, made from the files of its run alone.

Out of sample comes first; what was learned from is shown only beside it.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from backtest.charts import excursions
from backtest.html import Chart, Facts, Section, Table, page
from backtest.report import offset_ns, with_times
from core.types import Float64s, Int64s
from research.pages.charts import (
    bars,
    equity,
    histogram,
    lines,
    month_table,
    rolling_sharpe,
    underwater,
)
from research.pages.sections import honesty, identity, metrics
from research.runs import LabRun

OOS, HINDSIGHT = "out of sample", "best in hindsight (benchmark)"
OF_WINDOWS = ("sharpe", "total_return", "max_drawdown", "trades")  # shown; all are in the table


def walkforward_page(run: LabRun) -> str:
    """One HTML page."""
    told, tables = run.told, run.tables
    days, returns, hindsight = _series(tables["oos"])
    compounded, per_year = bool(told["compounded"]), float(told["periods_per_year"])
    curves = {OOS: returns, HINDSIGHT: hindsight}
    sections = [
        _short(told),
        honesty(told["evidence"]),
        Section(
            "Out of sample",
            [
                equity(days, curves, compounded=compounded),
                underwater(days, {OOS: returns}, compounded=compounded),
                rolling_sharpe(days, {OOS: returns}, per_year),
                metrics(_figures(told)),
            ],
            "The test spans on end, each traded with what its train span chose. In hindsight: the"
            " set with the best Sharpe over all sessions, which nobody could have chosen."
            + ("" if compounded else " Returns are of the initial cash and are added up."),
        ),
        Section("Months", [month_table(days, returns, compounded=compounded)], "Out of sample."),
        *([_excursions(run)] if tables.get("trades") is not None else []),
        _windows(tables["windows"], str(told["objective"]), list(told["keys"])),
        _drift(tables["drift"], told["drift"]),
    ]
    if tables.get("paths") is not None:
        sections.append(_paths(tables["paths"], tables["splits"], told["cpcv"]))
    sections.append(identity({**told["terms"], **told["identity"]}))
    title = f"Walk-forward of {told['identity']['strategy']}"
    subtitle = f"{told['windows']} windows, tried on {told['tested']}, out of {told['span']}"
    return page(title, subtitle, sections)


def _short(told: Mapping[str, Any]) -> Section:
    oos = told["out_of_sample"]
    drift = told["drift"]
    facts = {
        "windows": told["windows"],
        "without a valid set": told["failed"],
        "sets tried": told["sets"],
        "Sharpe out of sample": oos["sharpe"],
        "return out of sample": _percent(oos["total_return"]),
        "deepest fall": _percent(oos["max_drawdown"]),
        "trades": oos["trades"],
        "efficiency, profit": _percent(told["efficiency"]["profit"]),
        "efficiency, objective": _percent(told["efficiency"]["objective"]),
        "drift": drift["score"],
        "drift by chance": drift["by_chance"],
    }
    chosen = told["chosen"] or {}
    note = "Efficiency: out of sample by in sample, a year. Below, what the last window chose:"
    note += " with it one would trade next." if chosen else " nothing, no set was valid."
    return Section("In short", [Facts(facts), *([Facts(chosen)] if chosen else [])], note)


def _excursions(run: LabRun) -> Section:
    trades = with_times(run.tables["trades"], offset_ns(run.told["identity"]))
    note = "Each trade's worst and best price against its entry while it was held, out of sample:"
    note += " are stops too near, targets too far?"
    return Section("How far it went", [excursions(trades)], note)


def _windows(windows: pl.DataFrame, objective: str, keys: list[str]) -> Section:
    shown = list(dict.fromkeys((objective, *OF_WINDOWS)))
    pairs = [f"{part}_{name}" for name in shown for part in ("train", "test")]
    spans = ("window", "train_from", "test_from", "test_to")
    kept = windows.select(*spans, *keys, *pairs, "efficiency", "error")
    chart = bars(
        [str(number) for number in windows["window"]],
        {part: windows[f"{part}_{objective}"].to_list() for part in ("train", "test")},
        objective,
    )
    signed = [one for one in pairs if one.endswith(("sharpe", "total_return"))]
    percent = [one for one in pairs if one.endswith(("total_return", "max_drawdown"))]
    return Section(
        "Windows",
        [chart, Table(kept, signed, percent=[*percent, "efficiency"], sortable=True)],
        "What each window chose by its train span, and what that came to in its test span.",
    )


def _drift(moves: pl.DataFrame, drift: Mapping[str, Any]) -> Section:
    note = "Where the chosen value lies among all that were tried, 0 the least and 1 the greatest."
    if drift["score"] is not None:
        note += (
            f" From one window to the next a key moves by {drift['score']:.0%} of its values on"
            f" average; chosen at random it would move by {drift['by_chance']:.0%}."
        )
    parts: list[Chart | Table] = []
    if moves.height:
        wide = moves.pivot("key", index="window", values="position")
        curves = {key: wide[key].to_numpy() for key in wide.columns[1:]}
        axes = {"xaxis": {"title": {"text": "window"}}, "yaxis": {"title": {"text": "position"}}}
        parts.append(lines(wide["window"].to_list(), curves, layout=axes))
    moved = pl.col("moved")
    of_key = moves.group_by("key", maintain_order=True).agg(
        pl.col("value").n_unique().alias("different values"),
        moved.mean().alias("mean move"),
        moved.max().alias("largest move"),
    )
    return Section("Drift of the parameters", [*parts, Table(of_key)], note)


def _paths(paths: pl.DataFrame, splits: pl.DataFrame, told: Mapping[str, Any]) -> Section:
    sharpes: Float64s = paths["sharpe"].to_numpy()
    summary = Facts(
        {
            "groups": told["groups"],
            "tested at a time": told["tested"],
            "splits": splits.height,
            "paths": paths.height,
            "mean Sharpe": told["mean"],
            "worst": told["least"],
            "paths below 0": _percent(told["below_zero"]),
        }
    )
    drawn = histogram(sharpes, "Sharpe of a path", {"mean": told["mean"]})
    return Section(
        "Combinatorial purged cross-validation",
        [summary, drawn],
        "The same sets, chosen by all groups of sessions but the tested ones, later ones too: many"
        " histories instead of one. Sets are chosen by their Sharpe.",
    )


def _series(oos: pl.DataFrame) -> tuple[Int64s, Float64s, Float64s]:
    days = oos["day"].cast(pl.Int32).cast(pl.Int64).to_numpy()
    return days, oos["net_return"].to_numpy(), oos["hindsight"].to_numpy()


def _figures(told: Mapping[str, Any]) -> pl.DataFrame:
    rows = [{"": OOS, **told["out_of_sample"]}, {"": "best in hindsight", **told["hindsight"]}]
    return pl.DataFrame(rows, infer_schema_length=None)


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"
