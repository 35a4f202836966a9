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


def figures(legs: pl.DataFrame, *by: str) -> pl.DataFrame:
    """A row for each value of `by`, some of GROUPS; without any, one row of all.

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
    return rows.group_by(by).agg(told).sort(by) if by else rows.select(told)


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


def by_role(legs: pl.DataFrame) -> list[str]:
    """A Markdown table: what the fills of each role came to, and what has no counterpart."""
    rows = [
        "| role | fills | mean bps | median bps | p95 bps | against paper | median delay |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in figures(legs, "role").to_dicts():
        bps = " | ".join(f"{one[f'{name}_bps']:.2f}" for name in ("mean", "median", "p95"))
        delay = "-" if one["median_delay_ms"] is None else f"{one['median_delay_ms']:,.0f} ms"
        rows.append(
            f"| {one['role']} | {one['legs']} | {bps} | Rs {one['rupees']:,.2f} | {delay} |"
        )
    left = legs.filter(pl.col("without") != "")
    named = (f"- {one['instrument']} {one['role']}: {one['without']}" for one in left.to_dicts())
    return [*rows, *(["", *named] if left.height else [])]
