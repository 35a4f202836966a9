"""W6 under alphalens and polars: rank ICs of signals with the return of the next day.

Run by the peers' Python: `python -m benchmarks.peers.information HOW`, HOW one of `alphalens` (from
factor and prices to coefficients), `alphalens-ic` (coefficients of cleaned data) or `polars`. The
slow ones get fewer signals of the same universe; a rate is a rate.
"""

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.measured import Measurement, timed
from benchmarks.universe import DAYS, SIGNALS, SYMBOLS, Matrix, Universe, checks, universe

ALPHALENS_SIGNALS = 2
COLUMNS = [f"S{number:03}" for number in range(SYMBOLS)]
INDEX = pd.bdate_range("2020-01-01", periods=DAYS)


def with_alphalens(market: Universe, cleaned_before: bool) -> Callable[[], Matrix]:
    from alphalens.performance import factor_information_coefficient
    from alphalens.utils import get_clean_factor_and_forward_returns

    warnings.simplefilter("ignore")
    prices = pd.DataFrame(market.closes, INDEX, COLUMNS)
    factors = [pd.DataFrame(one, INDEX, COLUMNS).stack() for one in market.signals]

    def clean(factor: pd.Series) -> pd.DataFrame:
        return get_clean_factor_and_forward_returns(factor, prices, periods=(1,))

    given = [clean(one) for one in factors] if cleaned_before else factors

    def work() -> Matrix:
        data = given if cleaned_before else [clean(one) for one in given]
        return np.array([factor_information_coefficient(one)["1D"].to_numpy() for one in data])

    return work


def with_polars(market: Universe) -> Callable[[], Matrix]:
    """Long rows, all threads; of the forms tried the fastest."""
    import polars as pl

    names = [f"signal_{number}" for number in range(len(market.signals))]
    frame = pl.DataFrame(
        {
            "day": np.repeat(np.arange(DAYS), SYMBOLS),
            "symbol": np.tile(np.arange(SYMBOLS), DAYS),
            "close": market.closes.ravel(),
            **{n: one.ravel() for n, one in zip(names, market.signals, strict=True)},
        }
    )
    forward = pl.col("close").shift(-1).over("symbol") / pl.col("close") - 1.0

    def work() -> Matrix:
        ics = (
            frame.lazy()
            .with_columns(forward=forward)
            .filter(pl.col("forward").is_not_null())
            .with_columns(pl.col("forward").rank().over("day"))
            .group_by("day", maintain_order=True)
            .agg(pl.corr(pl.col(name).rank(), "forward").alias(name) for name in names)
            .collect()
        )
        return ics.select(names).to_numpy().T

    return work


def main(how: str) -> None:
    started = time.perf_counter()
    market = universe(SIGNALS if how == "polars" else ALPHALENS_SIGNALS)
    if how == "polars":
        work = with_polars(market)
    else:
        work = with_alphalens(market, cleaned_before=how == "alphalens-ic")
    prepared_s = time.perf_counter() - started
    seconds, ics = timed(work)
    Measurement(
        items=len(market.signals) * (DAYS - 1),
        seconds=seconds,
        prepare_seconds=prepared_s,
        checks=checks(ics),
    ).print()


if __name__ == "__main__":
    main(sys.argv[1])
