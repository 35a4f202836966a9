"""The page of signal research: who leads, how much of it is luck, and a closer look at the best.

Read from the tables of the run alone, so that it can be made again from its files.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from backtest.html import Chart, Facts, Part, Section, Table, page
from core.types import Float64s
from research.pages.charts import bars, day_texts, heat_map, lines
from research.pages.sections import identity, leaderboard
from research.runs import LabRun
from research.signals.tearsheet import ROLLING_DATES, monthly, rolling

SIGNED = ("ic_mean", "icir", "t", "t_nw", "spread", "spread_t", "monotonicity")
FIRST = (
    *("ic_mean", "icir", "t_nw", "p_bh", "spread", "spread_t", "monotonicity"),
    *("turnover", "autocorrelation", "hit_rate", "coverage", "dates"),
)
SHARES = ("hit_rate", "spread", "turnover", "coverage")
TWO_SIDED_95 = 1.96
MOST_POINTS = 2_000  # of a line
MOST_CORRELATED = 40  # in the map: it stays readable


def signals_page(run: LabRun) -> str:
    """One HTML file."""
    told, tables = run.told, run.tables
    tried = told["tried"]
    assert isinstance(tried, Mapping)
    board = tables["leaderboard"]
    sections = [
        Section(
            "What was tried",
            [Facts(tried)],
            "The best of many looks good by luck: compare its |t| with the one that as many idle"
            " signals reach, and read the adjusted p-values. What you tried before this run is not"
            " counted.",
        ),
        Section("Leaderboard", [_board(board)], _board_note(told, board)),
        *(_sheet(run, name) for name in _looked_at(tables["growth"])),
        Section(
            "Decay",
            [
                heat_map(
                    _best_on_top(_in_order(tables["decay"]), board), "signal", "held for", "ic_mean"
                )
            ],
            "Mean coefficient of each signal by horizon.",
        ),
        Section("Regimes", _regimes(tables["regimes"], board), _REGIMES),
        Section(
            "Correlation",
            [_correlation(tables["correlation"], board), Table(_pruned(tables["pruned"]))],
            f"Mean rank correlation of signals on the same dates, of the first {MOST_CORRELATED} of"
            f" the leaderboard; all are in its table. Of every pair over {told['pruned over']} the"
            " one of less |ICIR| is dropped.",
        ),
    ]
    if "signals" in tables:
        note = "Where each comes from; expected: the sign that its source leads one to expect."
        sections.append(Section("Signals", [Table(tables["signals"], sortable=True)], note))
    sections.append(Section("Data", [Facts(_counts(told))], _DATA))
    sections.append(identity({name: one for name, one in told.items() if name != "tried"}))
    return page(
        f"Signals: {board.height} of them, {told['mode']}",
        f"{told['from']} to {told['to']}, {told['sessions']:,} sessions, {told['symbols']} symbols;"
        f" bought at the bar after the signal, at {told['bought and sold at']}",
        sections,
    )


_REGIMES = (
    "Each row belongs to what was known before its session began: bull is an index above its mean"
    " of 200 sessions at the close before, high volatility a deviation of 20 sessions above the"
    " median of all so far. Early sessions belong to none."
)
_DATA = (
    "Masked: a jump that no corporate action explains; no return and no window crosses it. Missing:"
    " a symbol without a row between its first and its last; its returns are absent, not filled."
)


def _board(board: pl.DataFrame) -> Table:
    shown = board.select("signal", *FIRST, pl.exclude("signal", "horizon", *FIRST))
    return leaderboard(shown, signed=SIGNED, percent=SHARES)


def _board_note(told: Mapping[str, object], board: pl.DataFrame) -> str:
    horizon = board["horizon"][0]
    return (
        f"Horizon {_horizon(horizon)}, {told['quantiles']} buckets. icir is annualised over periods"
        " that do not overlap; t_nw corrects for those that do (Newey-West). spread: highest bucket"
        " less lowest, a horizon, before costs; turnover: of these two buckets, a bar. p_bh and"
        " p_bonferroni count every signal at every horizon of this run."
    )


def _looked_at(growth: pl.DataFrame) -> list[str]:
    return growth["signal"].unique(maintain_order=True).to_list()


def _sheet(run: LabRun, name: str) -> Section:
    """The tear sheet of one signal at the first horizon."""
    tables = run.tables
    board = tables["leaderboard"].row(by_predicate=pl.col("signal") == name, named=True)
    first = board["horizon"]
    own = tables["quantiles"].filter(pl.col("signal") == name, pl.col("horizon") == first)
    ic = tables["ic"].select("date", pl.col(name).alias("ic"))
    months = monthly(ic["date"], ic["ic"])
    drawn = _drawn(ic.with_columns(pl.Series("mean", rolling(ic["ic"]))))
    days = day_texts(drawn["date"].to_physical().to_numpy())
    parts: list[Part] = [
        Facts(
            {
                "IC mean": _round(board["ic_mean"], 4),
                "t (Newey-West)": board["t_nw"],
                "monotonicity": board["monotonicity"],
                "spread, %": _round(_percent(board["spread"]), 3),
                "rank autocorrelation": board["autocorrelation"],
                "hit rate": f"{board['hit_rate']:.1%}" if board["hit_rate"] is not None else None,
            }
        ),
        bars(
            [f"q{bucket}" for bucket in own["bucket"]],
            {"mean": (own["mean"] * 100).to_list()},
            f"return of {_horizon(first)}, %",
            (own["error"] * 100).to_list(),
        ),
        _growth(tables["growth"].filter(pl.col("signal") == name)),
        bars([f"{month:%Y-%m}" for month in months["month"]], {"IC": months["ic"].to_list()}, "IC"),
        lines(
            days,
            {f"IC, mean of {ROLLING_DATES} dates": _floats(drawn["mean"])},
            layout={"yaxis": {"title": {"text": "IC"}, "zeroline": True}},
            height=220,
        ),
        _decay_of(tables["decay"].filter(pl.col("signal") == name)),
        Table(
            own.select("bucket", "mean", "error", "dates", "turnover"),
            ["mean"],
            3,
            percent=["mean", "error", "turnover"],
        ),
    ]
    note = (
        "Mean return of each bucket (whiskers: standard error); what 1 grew to in portfolios that"
        " do not overlap, before costs; coefficients by month and rolling; decay over horizons"
        " (whiskers: 95 %); turnover of each bucket, a bar."
    )
    return Section(f"Tear sheet: {name}", parts, note)


def _growth(whole: pl.DataFrame) -> Chart:
    grown = _drawn(whole)
    buckets = [name for name in grown.columns if name.startswith("q")]
    shown = [buckets[0], buckets[len(buckets) // 2], buckets[-1], "spread"]
    curves = {name: _floats(grown[name]) for name in dict.fromkeys(shown)}
    positive = all((one > 0).all() for one in curves.values())
    axis = {"type": "log" if positive else "linear", "title": {"text": "growth of 1"}}
    days = day_texts(grown["date"].to_physical().to_numpy())
    return lines(days, curves, layout={"yaxis": axis}, height=300)


def _drawn(rows: pl.DataFrame) -> pl.DataFrame:
    """As many as a browser draws at once, evenly spaced."""
    return rows.gather_every(-(-rows.height // MOST_POINTS))


def _decay_of(rows: pl.DataFrame) -> Chart:
    ordered = _in_order(rows)
    t = pl.col("t_nw").abs()
    errors = ordered.select(pl.when(t > 0).then(pl.col("ic_mean").abs() / t * TWO_SIDED_95))
    names = [_horizon(one) for one in ordered["horizon"]]
    return bars(
        names, {"IC": ordered["ic_mean"].to_list()}, "IC mean", errors.to_series().to_list()
    )


def _in_order(decay: pl.DataFrame) -> pl.DataFrame:
    """With `held for`: a number, or as it is written where sessions and bars are mixed."""
    number = pl.col("horizon").str.strip_chars_end("b").cast(pl.Int64)
    of_bars = decay["horizon"].str.ends_with("b")
    ordered = decay.sort(of_bars, number, "signal")
    mixed = of_bars.any() and not of_bars.all()
    return ordered.with_columns((pl.col("horizon") if mixed else number).alias("held for"))


def _regimes(rows: pl.DataFrame, board: pl.DataFrame) -> list[Part]:
    ordered = _best_on_top(rows, board)
    wide = ordered.pivot("regime", index="signal", values=["ic_mean", "t_nw", "spread"]).reverse()
    return [
        heat_map(ordered, "signal", "regime", "ic_mean"),
        Table(wide, [*wide.columns[1:]], 3, sortable=True),
    ]


def _correlation(matrix: pl.DataFrame, board: pl.DataFrame) -> Chart:
    best = board["signal"].head(MOST_CORRELATED).to_list()
    shown = _best_on_top(matrix.filter(pl.col("signal").is_in(best)), board)
    pairs = shown.unpivot(best, index="signal", variable_name="with", value_name="correlation")
    return heat_map(pairs, "signal", "with", "correlation")


def _best_on_top(rows: pl.DataFrame, board: pl.DataFrame) -> pl.DataFrame:
    """Upwards, as axes go, in the order of the leaderboard."""
    place = {name: number for number, name in enumerate(board["signal"])}
    by_place = pl.col("signal").replace_strict(place, return_dtype=pl.Int64)
    return rows.sort(by_place, descending=True, maintain_order=True)


def _pruned(pruned: pl.DataFrame) -> pl.DataFrame:
    return pruned.rename({"for": "says the same as"})


def _counts(told: Mapping[str, object]) -> dict[str, object]:
    names = ("masked rows", "symbols with a masked row", "missing rows", "signals without a value")
    return {name: len(value) if isinstance(value := told[name], list) else value for name in names}


def _horizon(text: str) -> str:
    count = text.rstrip("b")
    unit = "bar" if text.endswith("b") else "session"
    return f"{count} {unit}{'' if count == '1' else 's'}"


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100


def _round(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


def _floats(series: pl.Series) -> Float64s:
    values: Float64s = series.fill_null(np.nan).to_numpy()
    return values
