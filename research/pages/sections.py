"""Sections that the lab's pages share: the honesty of a result, its metrics, what it is of.

Figures are read as they were written into the run; nothing is computed from data here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from backtest.html import Facts, Finding, Findings, Part, Section, Table
from research.honesty.gate import Check, judged

SHARES = (  # metrics that are shares of one, shown in per cent
    *("cagr", "volatility", "total_return", "max_drawdown", "win_rate"),
    *("average_win", "average_loss", "cost_share"),
)


class Reading(NamedTuple):
    """How one figure of the evidence is read."""

    name: str
    text: str
    form: str = ",.0f"


READINGS: dict[str, Reading] = {
    "trials": Reading(
        "trials",
        "Sets of parameters ever evaluated on this data, in this search and all before it. The more"
        " were tried, the better the best looks by luck.",
    ),
    "sharpe": Reading("Sharpe", "Of the result, annualised; what was luck is still in it.", ".2f"),
    "expected_maximum": Reading(
        "best by luck",
        "The annualised Sharpe that the best of as many worthless trials is expected to show.",
        ".2f",
    ),
    "deflated_sharpe": Reading(
        "deflated Sharpe",
        "Chance that the true Sharpe is above 0 although it was picked from so many: 95 % is"
        " evidence, 50 % is a coin.",
        ".1%",
    ),
    "probabilistic_sharpe": Reading(
        "probabilistic Sharpe",
        "The same as if nothing else had been tried: length, skew and tails alone.",
        ".1%",
    ),
    "probability_of_overfitting": Reading(
        "probability of overfitting",
        "How often the best set of one half of the sessions is below the median in the other half:"
        " at 50 % choosing was useless.",
        ".1%",
    ),
    "probability_of_loss": Reading(
        "probability of loss",
        "How often the best set of one half of the sessions lost in the other half.",
        ".1%",
    ),
    "degradation_slope": Reading(
        "degradation",
        "Slope of the Sharpe in the other half on that in the chosen half: below 0, the better it"
        " looked, the worse it became.",
        ".2f",
    ),
    "efficiency": Reading(
        "efficiency", "Of what was earned a year in sample, the share kept out of sample.", ".1%"
    ),
    "trades": Reading("trades", "Round trips of the result: few prove little."),
    "sessions": Reading("sessions", "Length of the record that is judged."),
    "min_track_record": Reading(
        "minimum track record",
        "Sessions that such a record needs before it shows a Sharpe above 0 with 95 % confidence;"
        " none if it has lost.",
    ),
    "min_track_record_deflated": Reading(
        "the same, deflated", "Sessions it needs to show a Sharpe above the best by luck."
    ),
    "min_backtest_years": Reading(
        "minimum years",
        "With fewer years of data, so many worthless trials are expected to show a Sharpe of 1.",
        ".1f",
    ),
    "bootstrap_return": Reading(
        "bad luck",
        "Return of the path that one in twenty is worse than; blocks of sessions.",
        ".1%",
    ),
    "probability_of_ruin": Reading(
        "ruin", "Share of those paths that lose half of the cash on the way.", ".1%"
    ),
    "p_value": Reading(
        "entries by chance",
        "How often random entries at the same times of day, with the same exits, did as well.",
        ".2%",
    ),
}
PLAIN = frozenset({"out_of_sample"})  # told in the note


def honesty(evidence: Mapping[str, Any], parts: Sequence[Part] = ()) -> Section:
    """What speaks for the result and what against it; `evidence` as `evidence_of` makes it.

    Colours are the gate's (`research/honesty/gate.py`): green would pass, red would not. A figure
    without a value is no evidence for anything. `parts` follow.
    """
    checks = judged(evidence)
    passed = {one.limit.figure: one.passed for one in checks if one.value is not None}
    if "track_record" in passed:
        passed["min_track_record"] = passed["track_record"]
    found = [
        _finding(READINGS[name], evidence[name], passed.get(name))
        for name in READINGS
        if name in evidence
    ]
    plain = {
        name.replace("_", " "): value
        for name, value in evidence.items()
        if name not in READINGS.keys() | PLAIN and isinstance(value, str | int | float | None)
    }
    shown: list[Part] = [Findings(found), _gate(checks)]
    if (paths := _paths(evidence)).height:
        shown.append(Table(paths, decimals=1, percent=paths.columns[2:]))
    shown += [Facts(plain)] if plain else []
    note = "Green would pass the gate of tradingd promote, red would not. "
    if evidence.get("out_of_sample"):
        note += "The sessions were unknown to whoever chose."
    else:
        note += "IN SAMPLE: the set was chosen on these very sessions, which proves nothing."
    return Section("Honesty", [*shown, *parts], note)


def _gate(checks: Sequence[Check]) -> Table:
    rows = [
        {
            "asked": one.limit.why,
            "figure": one.limit.figure,
            "value": "-" if one.value is None else f"{one.value:.4g}",
            "limit": one.told()["limit"],
            "verdict": "passed" if one.passed else "refused",
        }
        for one in checks
    ]
    return Table(pl.DataFrame(rows))


def _paths(evidence: Mapping[str, Any]) -> pl.DataFrame:
    """Percentiles of what else the record could have been, a row for each way and figure."""
    ways = {"sessions in blocks": evidence.get("session_paths")}
    for draw, told in (evidence.get("trade_paths") or {}).items():
        ways[f"trades, {draw}"] = told
    rows = [
        {"percentiles of": figure.replace("_", " "), "paths": way}
        | {f"{one} %": value for one, value in told[figure].items()}
        for way, told in ways.items()
        if told
        for figure in ("total_return", "max_drawdown")
    ]
    return pl.DataFrame(rows)


def metrics(rows: pl.DataFrame, *, marked: Sequence[int] = ()) -> Table:
    """Any rows with columns of METRICS, shares in per cent; sortable."""
    signed = ("sharpe", "sortino", "calmar", "cagr", "total_return")
    return Table(rows, signed, percent=SHARES, sortable=rows.height > 1, marked=marked)


def leaderboard(
    rows: pl.DataFrame,
    *,
    signed: Sequence[str] = (),
    percent: Sequence[str] = (),
    decimals: int = 3,
    marked: Sequence[int] = (),
) -> Table:
    """Many rows, in the order given: sorted by a click, filtered by a word, in a box of its own."""
    return Table(rows, signed, decimals, 5_000, percent, sortable=True, marked=marked)


def identity(told: Mapping[str, object], title: str = "Identity") -> Section:
    """What the run was of, name by name; a mapping in it is told key by key."""
    rows: dict[str, str] = {}
    for name, value in told.items():
        if isinstance(value, Mapping):
            rows |= {f"{name}: {inner}": _plain(one) for inner, one in value.items()}
        else:
            rows[name] = _plain(value)
    return Section(title, [Table(pl.DataFrame({"what": list(rows), "value": list(rows.values())}))])


def _finding(reading: Reading, value: object, good: bool | None) -> Finding:
    shown = format(value, reading.form) if isinstance(value, int | float) else value
    return Finding(reading.name, shown, reading.text, good)


def _plain(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        told = ", ".join(map(str, value[:40]))
        return told + (f" and {len(value) - 40} more" if len(value) > 40 else "")
    return "-" if value is None else str(value)
