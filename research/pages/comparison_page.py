"""The comparison of runs as one page and as lines for a terminal, both from its tables alone."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from backtest.html import Chart, Facts, Finding, Findings, Part, Section, Table, page
from core.types import Float64s, Int64s
from research.metrics import METRICS
from research.pages import charts, sections
from research.pages.comparison import common_of
from research.runs import LabRun

LOUD = 0.05  # p-values under it speak
MOST_SETTINGS = 12  # on a terminal; strategies that differ share none


def compare_page(run: LabRun) -> str:
    """One HTML page, the same bytes for the same run."""
    names = [one["name"] for one in run.told["runs"]]
    common = run.told["common"]
    span = f"{common['from']} to {common['to']}, {common['sessions']} common sessions"
    shown = [
        Section("In short", [*_warned(run), Facts({"runs": len(names), **common})]),
        Section(
            "Figures on the common sessions",
            [sections.metrics(_metrics(run, "common"))],
            "Every run on the sessions that all of them have: these rows can be compared.",
        ),
        Section(
            "Are the Sharpe ratios different?",
            [sections.leaderboard(run.tables["differences"], signed=["sharpe_difference"])],
            _how_to_read(len(names)),
        ),
        Section("Equity and drawdown", _curves(run)),
        Section("Correlation of daily returns", [_correlation(run, names)]),
        Section("Months against the first run", _months(run, names), f"Less {names[0]}."),
        Section(
            "Each on its own sessions",
            [sections.metrics(_metrics(run, "own"))],
            "Spans differ: a row of a longer or luckier span is no better run.",
        ),
        _settings(run),
        *(sections.identity(one, f"Identity of {one['name']}") for one in run.told["runs"]),
    ]
    return page(f"Comparison of {', '.join(names)}", span, shown)


def compare_lines(run: LabRun) -> Iterator[tuple[str, pl.DataFrame | None]]:
    """What a terminal shows: lines, some of them followed by a table."""
    common = run.told["common"]
    for warning in run.told["warnings"]:
        yield f"careful      {warning}", None
    yield f"common       {common['from']} to {common['to']}, {common['sessions']} sessions", None
    yield "", _transposed(_metrics(run, "common"))
    yield "", run.tables["differences"]
    if run.told["benchmark"] is not None:
        yield "", run.tables["regressions"]
    settings = _pivoted_settings(run)
    if settings.height:
        yield "", settings.head(MOST_SETTINGS)
    if settings.height > MOST_SETTINGS:
        yield f"... and {settings.height - MOST_SETTINGS} more settings differ", None


def _warned(run: LabRun) -> list[Part]:
    found = [Finding("careful", warning, "", good=False) for warning in run.told["warnings"]]
    return [Findings(found)] if found else []


def _metrics(run: LabRun, span: str) -> pl.DataFrame:
    return run.tables["metrics"].filter(pl.col("span") == span).drop("span")


def _transposed(rows: pl.DataFrame) -> pl.DataFrame:
    """A row a metric, a column a run: as a terminal has room for it."""
    columns = {"": list(METRICS)}
    for row in rows.iter_rows(named=True):
        columns[row["run"]] = [_text(name, row[name]) for name in METRICS]
    return pl.DataFrame(columns)


def _text(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name in sections.SHARES:
        return f"{value:.2%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _how_to_read(runs: int) -> str:
    pairs = runs * (runs - 1) // 2
    return (
        "The p-value is how often ratios that are equal look so far apart (Jobson, Korkie and"
        " Memmel); low and high hold the true difference with 95 % confidence (paired blocks of"
        f" sessions). Of {pairs} pair{'s' * (pairs > 1)}, {pairs * LOUD:.2g} would be under"
        f" {LOUD} by luck alone."
    )


def _curves(run: LabRun) -> list[Part]:
    days, curves = _common_curves(run)
    compounded = all(one["compounded"] for one in run.told["runs"])
    periods = run.told["runs"][0]["periods_per_year"]
    drawn: list[Part] = [
        charts.equity(days, curves, compounded=compounded),
        charts.underwater(days, curves, compounded=compounded),
    ]
    if len(days) > charts.ROLLING_SESSIONS:
        drawn.append(charts.rolling_sharpe(days, curves, periods))
    if (held := run.told["benchmark"]) is not None:
        traded = {name: returns for name, returns in curves.items() if name != held}
        if len(days) > charts.ROLLING_SESSIONS:
            drawn.append(charts.rolling_beta(days, traded, curves[held]))
        drawn.append(Table(run.tables["regressions"], ["alpha"], percent=["alpha", "explained"]))
    return drawn


def _common_curves(run: LabRun) -> tuple[Int64s, dict[str, Float64s]]:
    common = common_of(run.tables["daily"])
    days: Int64s = common["day"].to_physical().to_numpy().astype(np.int64)
    return days, {name: common[name].to_numpy() for name in common.columns[1:]}


def _correlation(run: LabRun, names: list[str]) -> Chart:
    """A map of all pairs."""
    pairs = run.tables["differences"].select("run", "other", "correlation")
    mirrored = pairs.select(
        pl.col("other").alias("run"), pl.col("run").alias("other"), "correlation"
    )
    selves = pl.DataFrame({"run": names, "other": names, "correlation": [1.0] * len(names)})
    return charts.heat_map(pl.concat([pairs, mirrored, selves]), "run", "other", "correlation")


def _months(run: LabRun, names: list[str]) -> list[Part]:
    months = run.tables["months"]
    first = months.filter(pl.col("run") == names[0]).drop("run")
    parts: list[Part] = []
    for name in names[1:]:
        own = months.filter(pl.col("run") == name).join(first, on=["year", "month"])
        less = own.select("year", "month", pl.col("return") - pl.col("return_right"))
        table = charts.calendar_table(less)
        parts += [Facts({"of": name}), table]
    return parts


def _settings(run: LabRun) -> Section:
    settings = _pivoted_settings(run)
    if settings.is_empty():
        return Section("Settings", [], "The runs were set alike.")
    return Section("Settings that differ", [Table(settings)])


def _pivoted_settings(run: LabRun) -> pl.DataFrame:
    rows = run.tables["settings"]
    names = rows["run"].unique(maintain_order=True)
    keys = rows["key"].unique(maintain_order=True).to_list()
    columns = {"": keys}
    for name in names:
        columns[name] = rows.filter(pl.col("run") == name)["value"].to_list()
    return pl.DataFrame(columns)
