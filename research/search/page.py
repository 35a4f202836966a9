"""The page of a search, made from the files of its run alone.

What the best is worth as evidence comes before the best; peaks are shown among their neighbours.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from backtest.html import Facts, Part, Section, Table, page
from core.types import Float64s
from research.metrics import METRICS
from research.pages.charts import bars, equity, heat_map, histogram, month_table, underwater
from research.pages.sections import honesty, identity, metrics
from research.runs import LabRun

MOST_MAPS = 28  # all pairs of eight keys
MOST_PLACES = 20  # of an axis of a heat map: a key with more values is shown in BINS of them
BINS = 10
TOP = 10
VERDICT = ("plateau", "spike", "fails", "error")


def optimize_page(run: LabRun) -> str:
    """One HTML page."""
    told, scores = run.told, run.tables["scores"]
    keys, objective = list(told["keys"]), str(told["objective"])
    sections = [_short(told, scores), honesty(told["evidence"])]
    if told["chosen"] is not None:
        sections += [_curves(run), _plateaus(told, scores)]
    maps = _maps(told, scores)
    if maps:
        note = (
            f"The median {objective} of the sets of a cell. A plateau is broad; a lone bright cell"
            " is luck more often than not."
            + (f" The first {MOST_MAPS} pairs of keys are shown." if len(maps) == MOST_MAPS else "")
        )
        sections.append(Section("Heat maps", maps, note))
    sections += [
        _distribution(told, scores),
        _by_value(keys, objective, scores),
        _all(told, scores),
        identity({**told["terms"], **told["identity"]}),
    ]
    title = f"Search of {told['identity']['strategy']}"
    return page(title, f"{told['span']}, {told['sets']:,} sets of parameters", sections)


def ranked(told: Mapping[str, Any], scores: pl.DataFrame, by: str = "plateau") -> pl.DataFrame:
    """Sets with a value that met the constraints, the best first; of equal ones the first tried."""
    known = scores.filter(pl.col("fails").is_null(), pl.col(by).is_not_null())
    falls = bool(told["lower_is_better"])
    return known.sort(by, "number", descending=[not falls, False])


def _short(told: Mapping[str, Any], scores: pl.DataFrame) -> Section:
    objective = str(told["objective"])
    facts: dict[str, object] = {
        "sets tried": told["sets"],
        "failed": told["failed"],
        "broke a constraint": told["refused"],
        "objective": objective,
    }
    if told["chosen"] is None:
        return Section("In short", [Facts(facts)], "No set met the constraints: nothing is chosen.")
    chosen, best = (_row(scores, told[name]) for name in ("chosen_number", "best_number"))
    facts |= {
        f"{objective} of the chosen": chosen[objective],
        "its plateau": chosen["plateau"],
        f"best {objective}": best[objective],
        "plateau of the best": best["plateau"],
        "the best is a spike": bool(best["spike"]),
    }
    note = (
        "Chosen by its plateau: the lower quartile of what it and its neighbours came to, so that"
        " the peak of one lucky set counts for nothing. Below, its values."
    )
    return Section("In short", [Facts(facts), Facts(told["chosen"])], note)


def _curves(run: LabRun) -> Section:
    told, daily = run.told, run.tables["daily"]
    days = daily["day"].cast(pl.Int32).cast(pl.Int64).to_numpy()
    compounded = bool(told["compounded"])

    def returns(number: int) -> Float64s:
        return daily[str(number)].cast(pl.Float64).fill_null(float("nan")).to_numpy()

    own = {"chosen": returns(told["chosen_number"])}
    curves = dict(own)
    if told["best_number"] != told["chosen_number"]:
        curves["best (benchmark)"] = returns(told["best_number"])
    parts: list[Part] = [
        equity(days, curves, compounded=compounded),
        underwater(days, own, compounded=compounded),
        month_table(days, own["chosen"], compounded=compounded),
    ]
    note = "In sample: the sessions that it was chosen by. What comes after them is not known here."
    return Section("The chosen", parts, note)


def _plateaus(told: Mapping[str, Any], scores: pl.DataFrame) -> Section:
    objective, keys = str(told["objective"]), list(told["keys"])
    shown = list(dict.fromkeys((objective, "sharpe", "total_return", "max_drawdown", "trades")))
    parts: list[Part] = []
    for by in ("plateau", objective):
        top = ranked(told, scores, by).head(TOP)
        marked = _place(top, told["chosen_number"])
        rows = top.select("number", *keys, "plateau", "spike", *shown)
        parts.append(metrics(rows, marked=marked))
    note = (
        "First by plateau, then by the objective itself. A spike is among the best quarter of all"
        " sets while its neighbourhood is not."
    )
    return Section("Plateaus and peaks", parts, note)


def _maps(told: Mapping[str, Any], scores: pl.DataFrame) -> list[Part]:
    objective = str(told["objective"])
    frame, chosen = scores, dict(told["chosen"] or {})
    for key in told["keys"]:
        if key in told["numeric"] and scores[key].n_unique() > MOST_PLACES:
            frame = _binned(frame, key)
            if chosen:
                chosen[key] = _row(frame, told["chosen_number"])[key]
    several = [key for key in told["keys"] if frame[key].n_unique() > 1]
    middle = _middle(scores[objective])
    pairs = list(combinations(several, 2))[:MOST_MAPS]
    return [heat_map(frame, *pair, objective, chosen=chosen, middle=middle) for pair in pairs]


def _binned(scores: pl.DataFrame, key: str) -> pl.DataFrame:
    """The key's values as the middles of BINS equal parts of its range."""
    values = scores[key].to_numpy().astype(np.float64)
    low, high = float(values.min()), float(values.max())
    place = np.minimum((values - low) / (high - low) * BINS, BINS - 1).astype(np.int64)
    middles = [float(f"{low + (i + 0.5) * (high - low) / BINS:.4g}") for i in range(BINS)]
    return scores.with_columns(pl.Series(key, np.array(middles)[place]))


def _middle(values: pl.Series) -> float:
    """Colours part at 0 if the values do, else at their median."""
    known = values.drop_nulls()
    if known.is_empty() or float(str(known.min())) < 0 < float(str(known.max())):
        return 0.0
    return float(str(known.median()))


def _distribution(told: Mapping[str, Any], scores: pl.DataFrame) -> Section:
    objective = str(told["objective"])
    values = scores[objective].cast(pl.Float64).drop_nulls().to_numpy()
    marked: dict[str, float] = {}
    if told["chosen"] is not None:
        marked["chosen"] = float(_row(scores, told["chosen_number"])[objective])
    if objective == "sharpe" and told["evidence"].get("expected_maximum") is not None:
        marked["best by luck"] = float(told["evidence"]["expected_maximum"])
    note = "All sets. A best that does not stand clear of the others is a draw from them."
    parts: list[Part] = [histogram(values, objective, marked)] if len(values) else []
    return Section(f"Distribution of {objective}", parts, note)


def _by_value(keys: list[str], objective: str, scores: pl.DataFrame) -> Section:
    parts: list[Part] = []
    for key in keys:
        count = scores[key].n_unique()
        if not 1 < count <= MOST_PLACES:
            continue
        worth = pl.col(objective)
        grouped = scores.group_by(key).agg(median=worth.median(), best=worth.max()).sort(key)
        values = {name: grouped[name].to_list() for name in ("median", "best")}
        parts.append(bars([f"{key} {value}" for value in grouped[key]], values, objective))
    note = f"Over all sets with a value of a key: the median and the highest {objective}."
    return Section("Value by value", parts, note)


def _all(told: Mapping[str, Any], scores: pl.DataFrame) -> Section:
    order = pl.col("number").is_in(ranked(told, scores)["number"].implode())
    best_first = pl.concat([ranked(told, scores), scores.filter(~order)])
    marked = _place(best_first, told["chosen_number"])
    columns = ["number", *told["keys"], *VERDICT[:2], *METRICS, *VERDICT[2:]]
    table: Table = metrics(best_first.select(columns), marked=marked)
    note = "Every set, the highest plateau first; a click on a head sorts."
    return Section("Scores", [table], note)


def _place(rows: pl.DataFrame, number: int | None) -> list[int]:
    """Where the set stands, if it does."""
    return [place for place, one in enumerate(rows["number"]) if one == number]


def _row(scores: pl.DataFrame, number: int) -> dict[str, Any]:
    return scores.row(number - 1, named=True)
