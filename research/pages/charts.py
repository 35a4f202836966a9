"""The drawings of the lab, each a pure function of numbers: days, daily returns, a table of scores.

Days are days since 1970; returns are net, one a session, as shares (0.01 is one per cent). NaN is
a session without a value: a gap in what is drawn, nothing earned in what is added up.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import polars as pl

from backtest.charts import MONTHS, month_rows
from backtest.html import ACCENT, DOWN, QUIET, UP, Chart, Table
from core.types import Float64s, Int64s

# Told apart by people who confuse red and green (Okabe and Ito, Color Universal Design, 2008).
CURVES = ("#3b6fd4", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a94a6")
# Below the middle orange, above it blue, for the same reason.
DIVERGING = [
    [0.0, "#b3541e"],
    [0.25, "#e8a56d"],
    [0.5, "#f4f5f8"],
    [0.75, "#86aede"],
    [1.0, "#245aa8"],
]
ROLLING_SESSIONS = 63  # a quarter
CELL_WIDTH, CELL_HEIGHT = 38, 20  # pixels that a value of five characters needs in a cell
MOST_CELLS = 10_000  # of a heat map with values in them; a browser draws them in a second


def growth(returns: Float64s, *, compounded: bool = True) -> Float64s:
    """What 1 has become after each session: a product, or a sum where cash is fixed."""
    known: Float64s = np.nan_to_num(returns)
    grown = np.cumprod(1.0 + known) if compounded else 1.0 + np.cumsum(known)
    return grown.astype(np.float64, copy=False)


def equity(days: Int64s, curves: Mapping[str, Float64s], *, compounded: bool = True) -> Chart:
    """Growth of 1, on a logarithmic axis: the same slope is the same rate.

    Args:
        curves: daily returns [sessions] by name; a name with "benchmark" in it is drawn dotted.
    """
    grown = {name: growth(one, compounded=compounded) for name, one in curves.items()}
    positive = all((one > 0).all() for one in grown.values())
    axis = {"title": {"text": "growth of 1 (log)" if positive else "growth of 1"}}
    drawn = {name: _gapped(one, curves[name]) for name, one in grown.items()}
    layout = {"yaxis": {**axis, "type": "log" if positive else "linear"}}
    return lines(day_texts(days), drawn, layout=layout, height=380)


def underwater(days: Int64s, curves: Mapping[str, Float64s], *, compounded: bool = True) -> Chart:
    """How far under the highest point so far, in per cent of that point."""
    falls = {}
    for name, returns in curves.items():
        grown = growth(returns, compounded=compounded)
        peak = np.maximum.accumulate(np.maximum(grown, 1.0))
        falls[name] = _gapped((grown / peak - 1.0) * 100, returns)
    return lines(
        day_texts(days),
        falls,
        layout={"yaxis": {"title": {"text": "below the peak, %"}}},
        fill=len(curves) == 1,
        height=240,
    )


def rolling_sharpe(
    days: Int64s,
    curves: Mapping[str, Float64s],
    periods_per_year: float,
    sessions: int = ROLLING_SESSIONS,
) -> Chart:
    """Mean by sample deviation of the last `sessions`, annualised."""
    ratios = {}
    for name, returns in curves.items():
        mean, deviation = _moments(returns, sessions)
        flat = deviation < 1e-12  # a window without a trade has no ratio
        safe = np.where(flat, np.nan, deviation)
        ratios[name] = mean / safe * np.sqrt(periods_per_year)
    title = f"Sharpe of {sessions} sessions"
    layout = {"yaxis": {"title": {"text": title}, "zeroline": True}}
    return lines(day_texts(days), ratios, layout=layout, height=260)


def rolling_beta(
    days: Int64s,
    curves: Mapping[str, Float64s],
    benchmark: Float64s,
    sessions: int = ROLLING_SESSIONS,
) -> Chart:
    """Covariance with the benchmark by its variance, over the last `sessions`."""
    base = np.nan_to_num(benchmark)
    base_mean, base_deviation = _moments(base, sessions)
    betas = {}
    for name, returns in curves.items():
        own = np.nan_to_num(returns)
        mean_product, _ = _moments(own * base, sessions)
        mean, _ = _moments(own, sessions)
        variance = base_deviation**2 * (sessions - 1) / sessions
        variance[variance < 1e-18] = np.nan
        betas[name] = (mean_product - mean * base_mean) / variance
    layout = {"yaxis": {"title": {"text": f"beta of {sessions} sessions"}}}
    return lines(day_texts(days), betas, layout=layout, height=260)


def month_returns(days: Int64s, returns: Float64s, *, compounded: bool = True) -> pl.DataFrame:
    """`year, month, return` in per cent: compounded, or added up where cash is fixed.

    Rows of month 0 are those of the whole year. `days` ascend.
    """
    known: Float64s = np.nan_to_num(returns)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)  # since 1970
    rows: list[tuple[int, int, float]] = []
    for spans, in_year in ((months, True), (months // 12, False)):
        # Added up in the order of days: the same last bit on any number of cores.
        starts = np.flatnonzero(np.diff(spans, prepend=-1))
        total = np.multiply.reduceat(1.0 + known, starts) - 1.0
        if not compounded:
            total = np.add.reduceat(known, starts)
        for span, value in zip(spans[starts].tolist(), total.tolist(), strict=True):
            year, month = divmod(span, 12) if in_year else (span, -1)
            rows.append((1970 + year, month + 1, 100.0 * value))
    schema = {"year": pl.Int32, "month": pl.Int32, "return": pl.Float64}
    return pl.DataFrame(sorted(rows), schema, orient="row")


def month_table(days: Int64s, returns: Float64s, *, compounded: bool = True) -> Table:
    """Per cent by year and month."""
    return calendar_table(month_returns(days, returns, compounded=compounded))


def calendar_table(months: pl.DataFrame) -> Table:
    """Rows of `month_returns`, a year to a line."""
    cells = {(year, month): value for year, month, value in months.iter_rows()}
    years = {year: value for (year, month), value in cells.items() if month == 0}
    return Table(month_rows(cells, years).rename({"": "%"}), signed=[*MONTHS, "year"])


def heat_map(
    scores: pl.DataFrame,
    down: str,
    across: str,
    metric: str,
    *,
    chosen: Mapping[str, object] | None = None,
    middle: float = 0.0,
) -> Chart:
    """A metric over two parameters; of sets that differ in others the median is shown.

    Args:
        scores: one row a set, with the columns `down`, `across` and `metric`; a metric that is
            null or NaN leaves its cell empty.
        chosen: the set whose cell is framed.
        middle: where the two colours meet.
    """
    known = scores.select(down, across, pl.col(metric).cast(pl.Float64).fill_nan(None))
    cells = known.group_by(down, across).agg(pl.col(metric).median(), pl.len())
    xs, ys = (_places(known[name]) for name in (across, down))
    of = {(y, x): value for y, x, value, _ in cells.iter_rows()}
    values = [[_rounded(of.get((y, x))) for x in xs] for y in ys]
    most = max((abs(one - middle) for row in values for one in row if one is not None), default=0.0)
    median = "" if cells.is_empty() or cells["len"].max() == 1 else ", median over the other keys"
    shapes = []
    if chosen is not None and chosen.get(across) in xs and chosen.get(down) in ys:
        x, y = xs.index(chosen[across]), ys.index(chosen[down])
        frame = {"x0": x - 0.5, "x1": x + 0.5, "y0": y - 0.5, "y1": y + 0.5}
        shapes.append({"type": "rect", **frame, "line": {"color": "#151a22", "width": 3}})
    trace: dict[str, object] = {
        "type": "heatmap",
        "x": [str(x) for x in xs],
        "y": [str(y) for y in ys],
        "z": values,
        "zmin": middle - (most or 1.0),
        "zmax": middle + (most or 1.0),
        "colorscale": DIVERGING,
        "colorbar": {"thickness": 12},
        "hovertemplate": f"{across} %{{x}}<br>{down} %{{y}}<br>{metric} %{{z}}<extra></extra>",
        "xgap": 1,
        "ygap": 1,
    }
    if len(xs) * len(ys) <= MOST_CELLS:
        form = ".3~s" if most >= 1_000 else ".2f" if most >= 0.1 else ".2~g"
        trace |= {
            "texttemplate": f"%{{z:{form}}}",
            "textfont": {"size": 10 if len(xs) > 15 else 12},
        }
    framed = ", framed: the chosen" if shapes else ""
    return Chart(
        [trace],
        {
            "title": {
                "text": f"{metric}{median}{framed}",
                "font": {"size": 13},
                "x": 0,
                "xref": "paper",
            },
            "margin": {"l": 64, "r": 16, "t": 40, "b": 48},
            "xaxis": {"type": "category", "title": {"text": across}},
            "yaxis": {"type": "category", "title": {"text": down, "standoff": 12}},
            "shapes": shapes,
        },
        max(280, 110 + CELL_HEIGHT * len(ys)),
        150 + CELL_WIDTH * len(xs),
    )


def histogram(values: Float64s, unit: str, marked: Mapping[str, float] | None = None) -> Chart:
    """How often which values occur, with lines at those that are marked; NaN is left out.

    Args:
        unit: title of the axis.
        marked: what the values are to be compared with, by name.
    """
    finite = values[np.isfinite(values)]
    counts, edges = np.histogram(finite, bins=int(np.clip(np.sqrt(len(finite)), 10, 60)))
    shapes, notes = [], []
    for place, (name, value) in enumerate((marked or {}).items()):
        line = {"color": DOWN if place == 0 else QUIET, "width": 2}
        ends = {"x0": value, "x1": value, "y0": 0, "y1": 1, "yref": "paper"}
        shapes.append({"type": "line", **ends, "line": line})
        told = {"text": f"{name} {value:.4g}", "showarrow": False, "yanchor": "bottom"}
        notes.append({"x": value, "y": 1 - 0.09 * place, "yref": "paper", **told})
    return Chart(
        [
            {
                "type": "bar",
                "x": _listed((edges[:-1] + edges[1:]) / 2),
                "y": counts.tolist(),
                "width": _listed(np.diff(edges)),
                "marker": {"color": ACCENT, "opacity": 0.6},
            }
        ],
        {
            "bargap": 0,
            "showlegend": False,
            "xaxis": {"title": {"text": unit}},
            "yaxis": {"title": {"text": "count"}},
            "shapes": shapes,
            "annotations": notes,
        },
        280,
    )


def bars(
    names: Sequence[str],
    values: Mapping[str, Sequence[float | None]],
    unit: str,
    errors: Sequence[float | None] | None = None,
) -> Chart:
    """Bars side by side; a single row of them is coloured by its sign.

    Args:
        names: of the places along the axis. values: by the name of the row.
        errors: half-widths of the first row's whiskers.
    """
    traces = []
    for number, (name, row) in enumerate(values.items()):
        colours: object = CURVES[number % len(CURVES)]
        if len(values) == 1:
            colours = [UP if one is not None and one > 0 else DOWN for one in row]
        trace: dict[str, object] = {
            "type": "bar",
            "name": name,
            "x": list(names),
            "y": [_rounded(one) for one in row],
        }
        trace["marker"] = {"color": colours}
        if errors is not None and number == 0:
            trace["error_y"] = {"type": "data", "array": list(errors), "color": QUIET}
        traces.append(trace)
    axis = {"yaxis": {"title": {"text": unit}}, "xaxis": {"type": "category"}}
    return Chart(traces, {**axis, "showlegend": len(values) > 1}, 300)


def lines(
    xs: Sequence[object],
    curves: Mapping[str, Float64s],
    *,
    layout: Mapping[str, object],
    fill: bool = False,
    height: int = 320,
) -> Chart:
    """Lines over common places; NaN is a gap."""
    colours = cycle(CURVES)
    traces = []
    for name, values in curves.items():
        dotted = "benchmark" in name
        line: dict[str, object] = {"color": QUIET if dotted else next(colours), "width": 1.5}
        if dotted:
            line["dash"] = "dot"
        trace: dict[str, object] = {"type": "scatter", "mode": "lines", "name": name, "line": line}
        trace |= {"x": list(xs), "y": _listed(values)}
        if fill:
            trace |= {"fill": "tozeroy", "line": {"color": DOWN, "width": 1}}
        traces.append(trace)
    return Chart(
        traces, {"showlegend": len(curves) > 1, "hovermode": "x unified", **layout}, height
    )


def day_texts(days: Int64s) -> list[str]:
    return [str(day) for day in days.astype("datetime64[D]")]


def _places(values: pl.Series) -> list[object]:
    """Numbers in their order, words in the order in which they were tried."""
    places = values.unique(maintain_order=True)
    return (places.sort() if places.dtype.is_numeric() else places).to_list()


def _moments(values: Float64s, sessions: int) -> tuple[Float64s, Float64s]:
    """Mean and sample deviation of the last `sessions` up to each; NaN before there are so many."""
    series = pl.Series(np.nan_to_num(values))
    mean, deviation = series.rolling_mean(sessions), series.rolling_std(sessions)
    return (
        mean.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy(),
        deviation.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy(),
    )


def _gapped(values: Float64s, returns: Float64s) -> Float64s:
    return np.where(np.isnan(returns), np.nan, values)


def _listed(values: Float64s) -> list[float | None]:
    return [_rounded(float(one)) for one in values]


def _rounded(value: float | None) -> float | None:
    """Five significant digits are drawn; what is no number is no point."""
    return float(f"{value:.5g}") if value is not None and np.isfinite(value) else None
