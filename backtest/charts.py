"""What a backtest's report and the lab's pages draw alike: the table of months, the excursions.

Nothing is computed here beyond what is drawn.
"""

from collections.abc import Mapping

import polars as pl

from backtest.html import DOWN, UP, Chart

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def month_rows(
    cells: Mapping[tuple[int, int], float], of_year: Mapping[int, float]
) -> pl.DataFrame:
    """One row a year: its months (null: nothing in them) and the year itself.

    Args:
        cells: by year and month, 1 to 12. of_year: what the months of a year come to.
    """
    years = sorted(of_year)
    columns: dict[str, list[object]] = {"": [str(year) for year in years]}
    for number, month in enumerate(MONTHS, start=1):
        columns[month] = [cells.get((year, number)) for year in years]
    columns["year"] = [of_year[year] for year in years]
    schema = {name: pl.String if name == "" else pl.Float64 for name in columns}
    return pl.DataFrame(columns, schema=schema)


def excursions(trades: pl.DataFrame) -> Chart:
    """Each trade's worst price against its best, both in per cent of the entry.

    Args:
        trades: those of `backtest.report.with_times`.
    """
    entry_price = pl.col("entry_price")
    percent = trades.select(
        (pl.col("mae") / entry_price * 100).round(3).alias("worst"),
        (pl.col("mfe") / entry_price * 100).round(3).alias("best"),
        (pl.col("net") > 0).alias("won"),
        pl.col("entry").dt.to_string("%Y-%m-%d %H:%M"),
    )
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": rows["worst"].to_list(),
            "y": rows["best"].to_list(),
            "text": rows["entry"].to_list(),
            "marker": {"color": colour, "size": 6, "opacity": 0.6, "symbol": symbol},
        }
        for name, colour, symbol, rows in (
            ("won", UP, "circle", percent.filter(pl.col("won"))),
            ("lost", DOWN, "x", percent.filter(~pl.col("won"))),
        )
    ]
    return Chart(
        traces,
        {
            "xaxis": {"title": {"text": "worst, % against it (MAE)"}},
            "yaxis": {"title": {"text": "best, % for it (MFE)"}},
        },
    )
