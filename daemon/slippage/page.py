"""The legs of live days as one page: what they come to, by instrument and hour, and each of them.

Decides what is shown; how it is written safely is `backtest/html.py`'s part.
"""

from collections.abc import Mapping

import polars as pl

from backtest.html import ACCENT, QUIET, Chart, Facts, Section, Table, page
from daemon.slippage.figures import GROUPS, HOUR, compared, figures, summary

NOTE = (
    "Against us is positive: paid more, or got less, than paper for the same decision. Charges are"
    " computed by the broker's published rates; his contract note decides."
)
SHOWN = (
    *("day", "instrument", "role", "side", "decided", "sent", "acknowledged", "first fill"),
    *("last fill", "fills", "quantity", "paper_price", "live_price", "difference_rupees"),
    *("difference_bps", "difference_paise", "delay_ms", "paper_role", "without"),
)
TIMES = {
    "decided": "decided_ns",
    "sent": "sent_ns",
    "acknowledged": "acknowledged_ns",
    "first fill": "first_fill_ns",
    "last fill": "last_fill_ns",
}


def slippage_page(title: str, legs: pl.DataFrame) -> str:
    """One HTML file."""
    told = {name: value for name, value in summary(legs).items() if name != "without"}
    left = legs.filter(pl.col("without") != "")
    charts = [_spread(legs), _by_hour(legs)] if compared(legs).height else []
    sections = [
        Section("All fills", [Facts(told)], NOTE),
        Section("By instrument and hour", [*charts, Table(figures(legs, "instrument", HOUR))]),
        *(Section(f"By {by}", [Table(figures(legs, by))]) for by in GROUPS),
        Section("Each leg", [Table(_readable(legs), decimals=2)]),
    ]
    if left.height:
        sections.append(Section("Without a counterpart", [Table(_readable(left))]))
    return page(title, "each live fill beside paper's of the same decision", sections)


def _spread(legs: pl.DataFrame) -> Chart:
    """All differences of each instrument, as points beside their box."""
    traces = [
        {
            "type": "box",
            "name": symbol,
            "y": rows["difference_bps"].to_list(),
            "text": rows["role"].to_list(),
            "boxpoints": "all",
            "marker": {"color": ACCENT, "size": 4},
            "line": {"color": ACCENT},
        }
        for (symbol,), rows in compared(legs).group_by("instrument", maintain_order=True)
    ]
    axis = {"title": {"text": "bps against paper"}}
    return Chart(traces, {"showlegend": False, "yaxis": axis})


def _by_hour(legs: pl.DataFrame) -> Chart:
    """The mean difference of each instrument in each hour, and of how many fills."""
    cells = (
        compared(legs)
        .group_by("instrument", HOUR)
        .agg(pl.len().alias("fills"), pl.col("difference_bps").mean().alias("bps"))
    )
    symbols = sorted(set(cells["instrument"]))
    hours = list(range(cells[HOUR].to_numpy().min(), cells[HOUR].to_numpy().max() + 1))
    known = {(one["instrument"], one[HOUR]): one for one in cells.iter_rows(named=True)}
    z = [[_cell(known, symbol, hour, "bps") for hour in hours] for symbol in symbols]
    text = [
        [f"{_cell(known, symbol, hour, 'fills') or 0} fills" for hour in hours]
        for symbol in symbols
    ]
    trace = {
        "type": "heatmap",
        "x": [f"{hour:02}:00" for hour in hours],
        "y": symbols,
        "z": z,
        "text": text,
        "hovertemplate": "%{y} %{x}<br>%{z:.2f} bps<br>%{text}<extra></extra>",
        "zmid": 0,
        "colorscale": [[0, "#0a8f5b"], [0.5, QUIET], [1, "#c8402f"]],
        "colorbar": {"title": {"text": "bps"}},
    }
    return Chart(
        [trace],
        {"yaxis": {"type": "category", "autorange": "reversed"}},
        height=120 + 28 * len(symbols),
    )


def _cell(
    known: Mapping[tuple[str, int], Mapping[str, object]], symbol: str, hour: int, name: str
) -> object:
    """None where nothing was filled: the cell stays empty."""
    cell = known.get((symbol, hour))
    return None if cell is None else cell[name]


def _readable(legs: pl.DataFrame) -> pl.DataFrame:
    """Times as those of the day in India, to the millisecond."""
    times = [
        pl.from_epoch(column, "ns")
        .dt.convert_time_zone("Asia/Kolkata")
        .dt.strftime("%H:%M:%S%.3f")
        .alias(name)
        for name, column in TIMES.items()
    ]
    return legs.with_columns(pl.col("day").cast(pl.String), *times).select(SHOWN)
