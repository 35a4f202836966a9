"""Sections that the lab's pages share: the honesty of a result, its metrics, what it is of.

Figures are read as they were written into the run; nothing is computed from data here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from backtest.html import Facts, Finding, Findings, Part, Section, Table

SHARES = (  # metrics that are shares of one, shown in per cent
    *("cagr", "volatility", "total_return", "max_drawdown", "win_rate"),
    *("average_win", "average_loss", "cost_share"),
)


class Reading(NamedTuple):
    """How one figure of the evidence is read. `good`: None where it is neither."""

    name: str
    text: str
    good: Callable[[float], bool] | None = None
    percent: bool = False
    decimals: int = 0


READINGS: dict[str, Reading] = {
    "trials": Reading(
        "trials",
        "Sets of parameters ever evaluated on this data, this search and all before it. The more"
        " were tried, the better the best looks by luck.",
    ),
    "sharpe": Reading(
        "Sharpe", "Annualised, as found; luck of the choice is still in it.", decimals=2
    ),
    "probabilistic_sharpe": Reading(
        "probabilistic Sharpe",
        "Chance that the true Sharpe is above 0, given length, skew and tails, as if it had been"
        " the only trial.",
        lambda value: value >= 0.95,
        percent=True,
    ),
    "deflated_sharpe": Reading(
        "deflated Sharpe",
        "The same against the best Sharpe that so many worthless trials would show: at least 95 %"
        " is evidence, 50 % is a coin.",
        lambda value: value >= 0.95,
        percent=True,
    ),
    "expected_maximum": Reading(
        "best by luck",
        "Annualised Sharpe that the best of as many worthless trials is expected to show.",
        decimals=2,
    ),
    "probability_of_overfitting": Reading(
        "probability of overfitting",
        "How often the best set of one half of the sessions is below the median in the other half:"
        " at 50 % choosing was useless.",
        lambda value: value < 0.2,
        percent=True,
    ),
    "probability_of_loss": Reading(
        "probability of loss",
        "How often the best set of one half of the sessions lost in the other half.",
        lambda value: value < 0.2,
        percent=True,
    ),
    "min_track_record": Reading(
        "minimum track record",
        "Sessions that such a record needs before it shows a Sharpe above 0 with 95 % confidence.",
    ),
    "sessions": Reading("sessions", "Length of the record that is judged."),
    "p_value": Reading(
        "p-value of the entries",
        "How often entries at random moments, held and sized alike, earned at least as much.",
        lambda value: value <= 0.05,
        decimals=4,
    ),
}


def honesty(evidence: Mapping[str, object], parts: Sequence[Part] = ()) -> Section:
    """What speaks for the result and what against it; `evidence` is the one of the run.

    A figure that is None has no value and is no evidence for anything. A name that has no reading
    here is shown as it is; `parts` follow.
    """
    found = [_finding(READINGS[name], evidence[name]) for name in READINGS if name in evidence]
    plain = {
        name.replace("_", " "): value
        for name, value in evidence.items()
        if name not in READINGS and isinstance(value, str | int | float | None)
    }
    shown: list[Part] = [Findings(found), *([Facts(plain)] if plain else []), *parts]
    note = "Read this before anything above it. Green speaks for the result, red against it."
    return Section("Honesty", shown, note)


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


def _finding(reading: Reading, value: object) -> Finding:
    if not isinstance(value, int | float):
        return Finding(reading.name, value, reading.text)
    good = None if reading.good is None else reading.good(value)
    form = ".1%" if reading.percent else f",.{reading.decimals}f"
    return Finding(reading.name, format(value, form), reading.text, good)


def _plain(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        told = ", ".join(map(str, value[:40]))
        return told + (f" and {len(value) - 40} more" if len(value) > 40 else "")
    return "-" if value is None else str(value)
