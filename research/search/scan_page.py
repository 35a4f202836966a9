"""The page of a scan: the ranked symbols, how many were tried, and a heat map of each."""

import polars as pl

from backtest.html import ACCENT, QUIET, Chart, Facts, Section, Table, page
from research.pages.charts import heat_map
from research.search.scan import Scan, Scanned, tried

MOST_MAPS = 40  # heat maps, of the symbols that rank first


def scan_page(request: Scan, scanned: Scanned, title: str, subtitle: str) -> str:
    """One HTML page."""
    sections = [
        Section(
            "What was tried",
            [Facts(tried(request, scanned))],
            "Chosen by both periods, the symbols below are a hypothesis and no proof. By chance:"
            " how many would have earned in both if the one period knew nothing of the other.",
        ),
        Section("Symbols", [Table(ranked(scanned), signed=["train net", "test net"])]),
    ]
    if scanned.table.height:
        sections.append(
            Section(
                "Train against test",
                [_scatter(scanned.table)],
                "Mean R of each symbol in both periods. Skill lies along the diagonal, luck does"
                " not.",
            )
        )
    if len(request.grid) == 2:
        sections.append(
            Section(
                "Heat maps",
                [_heat(request, scanned, symbol) for symbol in _first(scanned)],
                "Net rupees of the train period. A lone peak is luck more often than a plateau.",
            )
        )
    elif scanned.heat.height:
        sections.append(Section("Other values", [Table(scanned.heat)], "Of the train period."))
    return page(title, subtitle, sections)


def ranked(scanned: Scanned) -> pl.DataFrame:
    """The table as it is shown: rupees, and why a symbol is not on the shortlist."""
    columns: list[pl.Expr] = [pl.col("symbol")]
    for period in ("train", "test"):
        columns += [
            pl.col(f"{period}_trades").alias(f"{period} trades"),
            (pl.col(f"{period}_net_paise") / 100).alias(f"{period} net"),
            pl.col(f"{period}_mean_r").alias(f"{period} R"),
            pl.col(f"{period}_profit_factor").alias(f"{period} PF"),
            (pl.col(f"{period}_max_drawdown_paise") / 100).alias(f"{period} fall"),
        ]
    verdict = pl.coalesce(pl.col("error"), pl.col("fails"), pl.lit("shortlisted"))
    return scanned.table.select(*columns, verdict.alias("verdict"))


def _first(scanned: Scanned) -> list[str]:
    known = set(scanned.heat["symbol"]) if scanned.heat.height else set()
    return [one for one in scanned.table["symbol"].to_list() if one in known][:MOST_MAPS]


def _scatter(rows: pl.DataFrame) -> Chart:
    traded = rows.filter(pl.col("error").is_null()).drop_nulls(["train_mean_r", "test_mean_r"])
    chosen = pl.col("fails").is_null()
    return Chart(
        [
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": part["train_mean_r"].round(4).to_list(),
                "y": part["test_mean_r"].round(4).to_list(),
                "text": part["symbol"].to_list(),
                "marker": {"color": color, "size": 8, "opacity": 0.75},
            }
            for name, color, part in (
                ("shortlisted", ACCENT, traded.filter(chosen)),
                ("not", QUIET, traded.filter(~chosen)),
            )
        ],
        {
            "xaxis": {"title": {"text": "mean R, train"}},
            "yaxis": {"title": {"text": "mean R, test"}},
        },
        380,
    )


def _heat(request: Scan, scanned: Scanned, symbol: str) -> Chart:
    net = (pl.col("net_paise") / 100).alias(f"{symbol}: net rupees")
    own = scanned.heat.filter(pl.col("symbol") == symbol).with_columns(net)
    down, across = request.grid
    return heat_map(own, down, across, f"{symbol}: net rupees")
