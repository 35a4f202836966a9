"""From signals to nets and trades of every symbol, as polars expressions; collects nothing.

A row books what the position carried into its fill has earned since the last one, less the cost
of trading there. So a row knows nothing of any later bar.
"""

from typing import Literal

import polars as pl

FillAt = Literal["next_open", "next_close"]

SYMBOL = "symbol"
ALIGNED = (
    *("symbol", "ts", "day", "signal", "fill_price", "position", "held", "returns"),
    *("turnover", "costs", "net"),
)


def align(lf: pl.LazyFrame, fill: FillAt, cost: float) -> pl.LazyFrame:
    """`lf` (symbol, ts, day, signal, the fill price's column) with the columns of ALIGNED.

        position[i] = signal[i - 1], traded at the open (close) of bar i
        held[i]     = position[i - 1], carried from the fill before into that of bar i
        returns[i]  = price[i] / price[i - 1] - 1
        net[i]      = held[i] * returns[i] - |position[i] - held[i]| * cost

    `returns` is null where either price is not known (null, NaN, not above 0) or the row is
    `masked`; a `net` with such a return is null too, unless nothing was held.
    """
    price = pl.col("open" if fill == "next_open" else "close").cast(pl.Float64)
    known = pl.when(price.is_finite() & (price > 0.0)).then(price)
    position, returns = pl.col("position"), pl.col("returns")
    lf = lf.with_columns(fill_price=known)
    lf = lf.with_columns(
        position=_before("signal", 0.0),
        returns=pl.col("fill_price") / _before("fill_price", None) - 1.0,
    )
    if "masked" in lf.collect_schema():
        lf = lf.with_columns(returns=pl.when(~pl.col("masked")).then(returns))
    lf = lf.with_columns(held=_before("position", 0.0))
    lf = lf.with_columns(turnover=(position - pl.col("held")).abs())
    lf = lf.with_columns(costs=pl.col("turnover") * cost)
    earned = pl.when(pl.col("held") == 0.0).then(0.0).otherwise(pl.col("held") * returns)
    return lf.with_columns(net=earned - pl.col("costs")).select(ALIGNED)


def trade_log(aligned: pl.LazyFrame, cost: float) -> pl.LazyFrame:
    """One row a trade: from the fill that gives a position its sign to the one that takes it.

    Columns: symbol, side, entry, exit (stamps of the bars of the fills; exit null: still open),
    entry_price, exit_price (open: that of the last bar), bars (fills held), pnl_pct: what its
    symbol's account earned after costs, in percent; price_pct: the price's way alone, times side;
    gross_pct: pnl before costs; strength: |target| at the entry. A return that is not known
    counts as 0 in the account; the price's way over one is null.
    """
    side, before = pl.col("position").sign(), pl.col("held").sign()
    turned = side != before
    numbered = aligned.with_columns(
        opened=pl.when(turned & (side != 0.0)).then(1).otherwise(0).cum_sum().over(SYMBOL),
        turned=turned,
        side=side,
        before=before,
    ).with_columns(trade=pl.col("opened") - pl.when(turned & (side != 0.0)).then(1).otherwise(0))
    # A row may end one trade and begin the next: each takes its own part of the costs.
    earned = pl.col("held") * pl.col("returns").fill_null(0.0)
    paid = pl.when("turned").then(pl.col("held").abs()).otherwise(pl.col("turnover")) * cost
    inside = (
        numbered.filter(pl.col("before") != 0.0)
        .group_by(SYMBOL, "trade")
        .agg(
            exit=pl.col("ts").filter("turned").last(),
            exit_price=pl.col("fill_price").drop_nulls().last(),
            bars=pl.len().cast(pl.Int64),
            gross=(1.0 + earned).product(),
            unknown=pl.col("returns").has_nulls(),
            grown=(1.0 + earned - paid).product(),
        )
    )
    begun = numbered.filter(turned & (side != 0.0)).select(
        SYMBOL,
        trade=pl.col("opened"),
        side=side.cast(pl.Int64),
        entry=pl.col("ts"),
        entry_price=pl.col("fill_price"),
        strength=pl.col("position").abs(),
    )
    net = pl.col("grown").fill_null(1.0) * (1.0 - pl.col("strength") * cost) - 1.0
    price = pl.coalesce("exit_price", "entry_price") / pl.col("entry_price") - 1.0
    return (
        begun.join(inside, on=[SYMBOL, "trade"], how="left", maintain_order="left")
        .with_columns(pl.col("bars").fill_null(0), pl.coalesce("exit_price", "entry_price"))
        .with_columns(
            pnl_pct=100.0 * net,
            gross_pct=100.0 * (pl.col("gross").fill_null(1.0) - 1.0),
            price_pct=pl.when(~pl.col("unknown").fill_null(value=False)).then(
                100.0 * pl.col("side") * price
            ),
        )
        .select(
            *(SYMBOL, "side", "entry", "exit", "entry_price", "exit_price", "bars"),
            *("pnl_pct", "gross_pct", "price_pct", "strength"),
        )
    )


def _before(column: str, first: float | None) -> pl.Expr:
    """The value of the bar before, of the same symbol."""
    return pl.col(column).shift(1, fill_value=first).over(SYMBOL)
