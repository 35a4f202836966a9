"""W7 under quantstats, empyrical and numpy: the figures of a million returns.

Run by the peers' Python: `python -m benchmarks.peers.metrics LIBRARY`. Each makes the five figures
that are compared, and cagr and calmar, which two of them define by dates. None has an r2 of the
account in it; ours has.
"""

import sys
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.measured import Measurement, timed
from benchmarks.returns import CHECKED, PERIODS_PER_YEAR, series

Work = Callable[[], dict[str, float]]


def with_quantstats(returns: NDArray[np.float64]) -> Work:
    from quantstats import stats

    index = pd.date_range("2000-01-01", periods=len(returns), freq="min")
    given = pd.Series(returns, index)

    def work() -> dict[str, float]:
        return {
            "sharpe": stats.sharpe(given, periods=PERIODS_PER_YEAR),
            "sortino": stats.sortino(given, periods=PERIODS_PER_YEAR),
            "volatility": stats.volatility(given, periods=PERIODS_PER_YEAR),
            "total_return": stats.comp(given),
            "max_drawdown": -stats.max_drawdown(given),
            "cagr": stats.cagr(given),
            "calmar": stats.calmar(given),
        }

    return work


def with_empyrical(returns: NDArray[np.float64]) -> Work:
    import empyrical

    def work() -> dict[str, float]:
        yearly = {"annualization": PERIODS_PER_YEAR}
        return {
            "sharpe": empyrical.sharpe_ratio(returns, **yearly),
            "sortino": empyrical.sortino_ratio(returns, **yearly),
            "volatility": empyrical.annual_volatility(returns, **yearly),
            "total_return": empyrical.cum_returns_final(returns),
            "max_drawdown": -empyrical.max_drawdown(returns),
            "cagr": empyrical.cagr(returns, **yearly),
            "calmar": empyrical.calmar_ratio(returns, **yearly),
        }

    return work


def with_numpy(returns: NDArray[np.float64]) -> Work:
    def work() -> dict[str, float]:
        account = np.cumprod(1.0 + returns)
        best = np.maximum(np.maximum.accumulate(account), 1.0)
        root, mean, deviation = np.sqrt(PERIODS_PER_YEAR), returns.mean(), returns.std(ddof=1)
        fall = (1.0 - account / best).max()
        cagr = account[-1] ** (PERIODS_PER_YEAR / len(returns)) - 1.0
        return {
            "sharpe": mean / deviation * root,
            "sortino": mean / np.sqrt((np.minimum(returns, 0.0) ** 2).mean()) * root,
            "volatility": deviation * root,
            "total_return": account[-1] - 1.0,
            "max_drawdown": fall,
            "cagr": cagr,
            "calmar": cagr / fall,
        }

    return work


LIBRARIES: dict[str, Callable[[NDArray[np.float64]], Work]] = {
    "quantstats": with_quantstats,
    "empyrical": with_empyrical,
    "numpy": with_numpy,
}


def main(library: str) -> None:
    warnings.simplefilter("ignore")  # of libraries about each other
    returns = series()
    work = LIBRARIES[library](returns)
    seconds, found = timed(work)
    checks = {name: float(found[name]) for name in CHECKED}
    figures = {"ms": seconds * 1e3}
    Measurement(items=len(returns), seconds=seconds, checks=checks, figures=figures).print()


if __name__ == "__main__":
    main(sys.argv[1])
