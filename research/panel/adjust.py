"""Corporate actions: prices of one basis, and the days on which a jump is none of the market's.

A factor says how many new shares one old share became, from its date on. It decides what is
adjusted and what is masked; it never drops a row.
"""

from fractions import Fraction

import numpy as np
import polars as pl

from core.errors import ConfigError
from core.types import Float64s

FACTORS = pl.Schema({"symbol": pl.String(), "date": pl.Date(), "factor": pl.Float64()})
PRICE_COLUMNS = ("open", "high", "low", "close", "last", "avg_price")
SHARE_COLUMNS = ("volume", "deliv_qty")
LIMIT = 0.25  # a share moves no further overnight without a reason that a factor would tell
TICK = 0.05  # vendors round adjusted prices to it
LARGEST_DENOMINATOR = 20  # of the ratios of splits and bonuses
WINDOW = 5  # rows on each side of a step that must agree on its levels


def adjust(lf: pl.LazyFrame, factors: pl.DataFrame) -> pl.LazyFrame:
    """Every row on the basis of the last: before a factor's date prices are divided by it, volumes
    multiplied.

    A `prev_close` is of the day before, so it is divided by the factor of its own row's date too.
    Whole volumes are rounded to whole shares.

    Args:
        lf: of `load_dataset`; rows of symbols without a factor stay as they are.
        factors: `symbol`, `date` (first day on the new basis), `factor` (10.0: a share became ten);
            several of a symbol multiply.

    Raises ConfigError for a factor that is not positive and finite, or two of one symbol and date.
    """
    table = _cumulated(_checked(factors)).lazy()
    schema = lf.collect_schema()
    lf = lf.sort("date", maintain_order=True)
    for name, own_date in (("later", False), ("from_today", True)):
        lf = lf.join_asof(
            table.rename({"product": name}),
            on="date",
            by="symbol",
            strategy="forward",
            allow_exact_matches=own_date,
            check_sortedness=False,  # polars cannot look into groups
        )
    later, from_today = pl.col("later").fill_null(1.0), pl.col("from_today").fill_null(1.0)
    changed = [pl.col(name) / later for name in PRICE_COLUMNS if name in schema]
    if "prev_close" in schema:
        changed.append(pl.col("prev_close") / from_today)
    for name in SHARE_COLUMNS:
        if name in schema:
            shares = pl.col(name) * later
            changed.append(
                shares.round().cast(schema[name]) if schema[name].is_integer() else shares
            )
    return lf.with_columns(changed).select(schema.names()).sort("symbol", "ts")


def mask(lf: pl.LazyFrame, limit: float = LIMIT) -> pl.LazyFrame:
    """`lf` with `masked`: rows of days that open further than `limit` from the close before.

    That close is the row's before, whatever a column `prev_close` says: returns are taken from row
    to row. A first row is never masked, so a listing day is not. The prices on both sides of a
    masked day have no common basis (`Panel.crossings`).

    Args:
        lf: adjusted by all factors that are known, by (symbol, ts).
    """
    move = pl.col("open") / pl.col("close before") - 1.0
    return (
        _with_close_before(lf)
        .with_columns(masked=(move.abs() > limit).fill_null(value=False))
        .with_columns(pl.col("masked").first().over("symbol", "date"))
        .drop("close before")
    )


def masked_days(lf: pl.LazyFrame) -> pl.DataFrame:
    """What `mask` has masked, for a report: `symbol`, `date`, `prev_close` (the row's before),
    `open` and the `move` (open/prev_close - 1), one row a day."""
    return (
        _with_close_before(lf)
        .filter("masked")
        .group_by("symbol", "date", maintain_order=True)
        .agg(pl.col("close before").first().alias("prev_close"), pl.col("open").first())
        .with_columns(move=pl.col("open") / pl.col("prev_close") - 1.0)
        .collect()
    )


def _with_close_before(lf: pl.LazyFrame) -> pl.LazyFrame:
    known = pl.col("close").fill_nan(None).forward_fill().shift().over("symbol")
    return lf.with_columns(known.alias("close before"))


def factors_between(
    raw: pl.LazyFrame, adjusted: pl.LazyFrame, smallest_step: float = 0.02
) -> pl.DataFrame:
    """Factors that lead from one file to another of the same shares that a vendor has adjusted.

    The ratio of the two closes is a stair; a step is a day on which it moves by more than
    `smallest_step` and stays, judged by the medians of some rows before and after, so that a wrong
    row and rounding to a tick are none. A step as near to a simple ratio as rounding allows is that
    ratio. The last level may differ from 1: later actions, which move no return, are not in it.

    Returns: `symbol`, `date`, `factor`, by (symbol, date): what `adjust` takes.
    """
    both = (
        raw.select("symbol", "date", "close")
        .join(adjusted.select("symbol", "date", other="close"), on=["symbol", "date"])
        .filter(pl.col("close") > 0, pl.col("other") > 0)
        .sort("symbol", "date")
        .collect()
    )
    found = []
    for (symbol,), rows in both.group_by("symbol", maintain_order=True):
        other = rows["other"].to_numpy()
        ratio = rows["close"].to_numpy() / other
        for row in _steps(ratio, smallest_step):
            before, after = slice(max(row - WINDOW, 0), row), slice(row, row + WINDOW)
            step = float(np.median(ratio[before]) / np.median(ratio[after]))
            if abs(step - 1.0) > smallest_step:
                rounding = TICK / min(np.median(other[before]), np.median(other[after]))
                found.append((symbol, rows["date"][row], _simple(step, rounding)))
    return pl.DataFrame(found, FACTORS, orient="row")


def _steps(ratio: Float64s, smallest: float) -> list[int]:
    moves = np.abs(ratio[1:] / ratio[:-1] - 1.0)
    return (np.flatnonzero(moves > smallest) + 1).tolist()


def _simple(step: float, tolerance: float) -> float:
    """The nearest ratio of small whole numbers if it is within `tolerance` (relative)."""
    simple = float(Fraction(step).limit_denominator(LARGEST_DENOMINATOR))
    return simple if abs(simple / step - 1.0) <= tolerance else step


def _checked(factors: pl.DataFrame) -> pl.DataFrame:
    table = factors.select(pl.col(name).cast(kind) for name, kind in FACTORS.items())
    for row in table.iter_rows(named=True):
        if row["factor"] is None or not 0.0 < row["factor"] < np.inf:
            raise ConfigError("factor of {symbol} {date}: {factor} is not positive".format(**row))
    twice = table.filter(pl.struct("symbol", "date").is_duplicated())
    if not twice.is_empty():
        raise ConfigError(
            "factors: {symbol} {date} is there twice".format(**twice.row(0, named=True))
        )
    return table


def _cumulated(table: pl.DataFrame) -> pl.DataFrame:
    """By date: the product of a symbol's factors from this one on."""
    product = pl.col("factor").cum_prod(reverse=True).over("symbol")
    return table.sort("date").with_columns(product=product).select("symbol", "date", "product")
