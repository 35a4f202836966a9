"""The figures of a series of net returns and of its trades: one schema for every gear and page.

Each is a function of the account alone: what earned the returns is not known here. A figure that
does not exist (no loss to divide by, an account that was lost) is None, never 0, NaN or infinity.
"""

import math
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from core.jit import ieee
from core.session import day_text, past_session
from core.session_table import FIRST_COVERED_DAY, LAST_COVERED_DAY
from core.types import Float64s, Int64s, Market, SessionClass

OF_RETURNS = (
    *("sharpe", "sortino", "calmar", "cagr", "volatility", "total_return", "max_drawdown"),
    *("r2", "n_nans", "days_in_market"),
)
OF_TRADES = (
    *("turnover", "trades", "win_rate", "profit_factor"),
    *("average_win", "average_loss", "cost_share"),
)
METRICS = (*OF_RETURNS[:7], *OF_TRADES, *OF_RETURNS[7:])
COUNTS = frozenset({"trades", "n_nans", "days_in_market"})  # whole numbers; the others are floats

Metrics = dict[str, float | None]

# A deviation this small beside the mean is rounding: the series is constant.
ROUNDING = 1e-14
BLOCK = 512  # returns whose logarithms are taken at once: they stay in the first cache


def metrics_of(
    returns: Float64s,
    periods_per_year: float,
    *,
    compounded: bool = True,
    days: Int64s | None = None,
) -> Metrics:
    """Those of METRICS that net returns alone have (`OF_RETURNS`), in that order.

    The account begins at 1. Compounded it is the running product of 1 + return; otherwise it is
    1 + their running sum: a fixed stake, as in the trade gears (backtest/score.py).

    Args:
        returns: float64[n], one a period, in order of time. NaN: not known; counted (`n_nans`)
            and left out, as if the period had not been.
        periods_per_year: of the market's calendar, see `periods_per_year_of`.
        days: int64[n], ascending: the session of each return; absent, each is a session.

    Returns:
        sharpe: mean / sample deviation * sqrt(periods); 0 if flat or fewer than two, as score.py.
        sortino: mean / root mean square of the losses (over all periods) * sqrt(periods)
            (Sortino & Price 1994, minimum 0). calmar: cagr / max_drawdown.
        cagr: account ** (1 / years) - 1. volatility: sample deviation * sqrt(periods).
        max_drawdown: deepest fall below the best so far, as a share of that best; >= 0. The
            beginning counts as a best. Over 1 where an account that is not compounded owes.
        r2: squared correlation of log account and time.
        days_in_market: sessions with a return other than 0.
    """
    unknown = np.isnan(returns)
    nans = int(np.count_nonzero(unknown))
    known = np.ascontiguousarray(returns[~unknown] if nans else returns, np.float64)
    account, depth, losses, moved, r2 = _account(known, compounded, np.empty(BLOCK))
    moments = Moments(
        periods=len(known),
        mean=float(known.mean()) if len(known) else 0.0,
        deviation=float(known.std(ddof=1)) if len(known) > 1 else None,
        losses=losses,
        account=account,
        depth=depth,
    )
    active = moved if days is None else len(np.unique(days[~unknown & (returns != 0.0)]))
    return figures(moments, periods_per_year) | {
        "r2": None if math.isnan(r2) else r2,
        "n_nans": nans,
        "days_in_market": active,
    }


class Moments(NamedTuple):
    """What `figures` needs of a series of returns, whoever has added it up."""

    periods: int
    mean: float
    deviation: float | None  # of the sample; None below two periods
    losses: float  # sum of the squares of returns below 0
    account: float  # what 1 has become
    depth: float  # least share of its best that the account ever was


def figures(moments: Moments, periods_per_year: float) -> Metrics:
    """The ratios of `metrics_of`, from `sharpe` to `max_drawdown`."""
    periods, mean, deviation, losses, account, depth = moments
    root, drawdown = math.sqrt(periods_per_year), 1.0 - depth
    flat = deviation is None or deviation <= ROUNDING * abs(mean)
    cagr = None
    if periods and account > 0.0:
        cagr = account ** (periods_per_year / periods) - 1.0
    elif periods and depth == 0.0:  # compounded: what is lost stays lost
        cagr = -1.0
    return {
        "sharpe": 0.0 if flat or deviation is None else mean / deviation * root,
        "sortino": mean / math.sqrt(losses / periods) * root if losses else None,
        "calmar": cagr / drawdown if cagr is not None and drawdown > 0.0 else None,
        "cagr": cagr,
        "volatility": None if deviation is None else deviation * root,
        "total_return": account - 1.0,
        "max_drawdown": drawdown,
    }


def trade_metrics(nets: Float64s, costs: Float64s, turnover: float | None) -> Metrics:
    """Those of METRICS that need the trades (`OF_TRADES`), in that order.

    Args:
        nets: float64[k], of each round trip what it earned after costs, as a share of the account.
        costs: float64[k], what each paid, in the same unit. Neither may hold NaN.
        turnover: sum of |change of position| per year, in units of the account.

    Returns:
        win_rate: share of trades with a net above 0. profit_factor: gains by losses, both net.
        average_win, average_loss: mean net of those above and below 0; a loss is negative.
        cost_share: costs by the sum of |net + cost|: of all that prices moved for or against us,
            how much went to others.
    """
    wins, losses = nets[nets > 0.0], nets[nets < 0.0]
    moved = float(np.abs(nets + costs).sum())
    return {
        "turnover": turnover,
        "trades": len(nets),
        "win_rate": len(wins) / len(nets) if len(nets) else None,
        "profit_factor": float(wins.sum() / -losses.sum()) if len(losses) else None,
        "average_win": float(wins.mean()) if len(wins) else None,
        "average_loss": float(losses.mean()) if len(losses) else None,
        "cost_share": float(costs.sum()) / moved if moved else None,
    }


def ordered(figures: Metrics) -> Metrics:
    """`figures` in the order of METRICS; None for what is missing."""
    return {name: figures.get(name) for name in METRICS}


def periods_per_year_of(days: Int64s, market: Market, bars_per_session: float = 1.0) -> float:
    """Periods of a mean year of the calendar years that `days` touch.

    Sessions are counted in the calendar, not in the data: a file with holes is no shorter year.
    A year that the table of sessions does not cover counts as the mean of those it does.

    Args:
        days: sessions of the data, days since 1970-01-01, ascending, not empty.
        bars_per_session: periods in a session; 1 for daily returns.
    """
    first, last = (int(day_text(int(day))[:4]) for day in (days[0], days[-1]))
    sessions = [_sessions_of(year, market) for year in range(first, last + 1)]
    return float(np.mean(sessions)) * bars_per_session


@lru_cache(maxsize=256)
def _sessions_of(year: int, market: Market) -> float:
    first, last = (
        date(y, 1, 1).toordinal() - date(1970, 1, 1).toordinal() for y in (year, year + 1)
    )
    if market is Market.ALWAYS_OPEN:
        return float(last - first)
    covered = range(int(FIRST_COVERED_DAY[:4]), int(LAST_COVERED_DAY[:4]) + 1)
    if year not in covered:
        return float(np.mean([_sessions_of(known, market) for known in covered]))
    return float(
        sum(past_session(day, SessionClass.CASH) is not None for day in range(first, last))
    )


@ieee
def _log1p(values: Float64s, logs: Float64s) -> None:
    """log(1 + x): the series of 2 artanh(x / (2 + x)), exact to the last digits up to |x| = 0.1.

    A loop of its own without branches: the vector unit makes it six times as fast (it bounds W7).
    """
    large = False
    for i in range(len(values)):
        x = values[i]
        large |= abs(x) > 0.1
        s = x / (2.0 + x)
        z = s * s
        tail = 1.0 / 7.0 + z * (1.0 / 9.0 + z * (1.0 / 11.0 + z / 13.0))
        logs[i] = 2.0 * s * (1.0 + z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * tail)))
    if large:
        for i in range(len(values)):
            logs[i] = math.log1p(max(values[i], -1.0))


@ieee
def _account(
    returns: Float64s, compounded: bool, logs: Float64s
) -> tuple[float, float, float, int, float]:
    """account *= 1 + r (or += r): its end, least share of its best, squared losses, moves, r2.

    A compounded account that reaches 0 stays there. r2 is NaN where there is no log or no spread.
    `logs`: room for the logarithms of as many periods as are taken at once.
    """
    account = best = depth = 1.0
    losses = log = total = squares = products = 0.0
    moved = 0
    count = len(returns)
    middle = 0.5 * (count - 1)
    for begin in range(0, count, len(logs)):
        part = returns[begin : begin + len(logs)]
        if compounded:
            _log1p(part, logs)
        for i in range(len(part)):
            r = part[i]
            loss = min(r, 0.0)
            losses += loss * loss
            moved += r != 0.0
            account = max(account * (1.0 + r), 0.0) if compounded else account + r
            best = max(best, account)
            if account < depth * best:  # seldom: no division on most bars
                depth = account / best
            log = log + logs[i] if compounded else math.log(max(account, 0.0))
            total += log
            squares += log * log
            products += (begin + i - middle) * log
    spread = squares - total * total / count
    times = count * (count * count - 1.0) / 12.0
    if not spread > 1e-12 * squares:
        return account, depth, losses, moved, math.nan
    return account, depth, losses, moved, min(1.0, products * products / (spread * times))
