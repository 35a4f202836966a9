"""What the legs of live days come to: counts, mean, median and 95 % of what paper differs.

Pure, on whole columns. Legs without a counterpart are in no mean, and are counted and named.
"""

import polars as pl

HOUR = "hour"
GROUPS = ("role", "instrument", HOUR)


def compared(legs: pl.DataFrame) -> pl.DataFrame:
    """Those that have a counterpart, with the hour (IST) of their first fill."""
    stamp = pl.from_epoch("first_fill_ns", "ns").dt.convert_time_zone("Asia/Kolkata")
    return legs.filter(pl.col("without") == "").with_columns(stamp.dt.hour().alias(HOUR))


def figures(legs: pl.DataFrame, by: str | None = None) -> pl.DataFrame:
    """A row for each value of `by`, one of GROUPS; None: one row of all.

    Bps, rupees and paise against us are positive. Columns of no leg are null.
    """
    bps, delay = pl.col("difference_bps"), pl.col("delay_ms")
    told = [
        pl.len().alias("legs"),
        bps.mean().alias("mean_bps"),
        bps.median().alias("median_bps"),
        bps.quantile(0.95, "linear").alias("p95_bps"),
        pl.col("slippage_bps").mean().alias("mean_slippage_bps"),
        (pl.col("difference_paise").sum() / 100).alias("rupees"),
        delay.median().alias("median_delay_ms"),
        delay.quantile(0.95, "linear").alias("p95_delay_ms"),
    ]
    rows = compared(legs)
    return rows.select(told) if by is None else rows.group_by(by).agg(told).sort(by)


def other_ways(legs: pl.DataFrame) -> int:
    """How many are out for another reason than on paper: their difference is one of paths."""
    return compared(legs).filter(pl.col("role") != pl.col("paper_role")).height


def summary(legs: pl.DataFrame) -> dict[str, object]:
    """A few values, as JSON has them."""
    [row] = figures(legs).to_dicts()
    left = legs.filter(pl.col("without") != "")
    return row | {
        "left_by_another_way": other_ways(legs),
        "without_counterpart": left.height,
        "without": left["without"].value_counts(sort=True).rows(),
    }


def line(legs: pl.DataFrame) -> str:
    """The legs in one line, for a person."""
    told = summary(legs)
    without = told["without_counterpart"]
    tail = f"; {without} legs without a counterpart" if without else ""
    if not told["legs"]:
        return f"no fill beside one of paper{tail}"
    bps = ", ".join(f"{name} {told[f'{name}_bps']:.2f}" for name in ("mean", "median", "p95"))
    return f"{told['legs']} fills against paper: {bps} bps, Rs {told['rupees']:,.2f}{tail}"
