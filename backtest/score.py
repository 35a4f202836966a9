"""What round trips amounted to: one definition of each figure, for a summary, a scan and a search.

Money in paise; a ratio is None where it has no value.
"""

from dataclasses import dataclass

import numpy as np

from core.session import DAY_NS, IST_OFFSET_NS
from core.types import Float64s, Int64s

TRADING_DAYS_PER_YEAR = 252


@dataclass(frozen=True, slots=True)
class Score:
    trades: int
    gross_paise: int
    fees_paise: int
    net_paise: int
    win_rate: float | None
    profit_factor: float | None  # gains by losses, both net; None without a loss
    max_drawdown_paise: int
    sharpe: float


def score(
    exit_ns: Int64s,
    gross_paise: Int64s,
    fees_paise: Int64s,
    *,
    days: Int64s,
    initial_cash: float,
    always_open: bool,
) -> Score:
    """Figures of round trips given in any order; those of one exit time in their given order.

    Args:
        days: every session of the span, ascending, traded in or not.
        initial_cash: rupees; daily nets are measured against it.
    """
    order = np.argsort(exit_ns, kind="stable")
    net = (gross_paise - fees_paise)[order]
    won, lost = int(net[net > 0].sum()), -int(net[net < 0].sum())
    return Score(
        trades=len(net),
        gross_paise=int(gross_paise.sum()),
        fees_paise=int(fees_paise.sum()),
        net_paise=int(net.sum()),
        win_rate=int((net > 0).sum()) / len(net) if len(net) else None,
        profit_factor=won / lost if lost else None,
        max_drawdown_paise=max_drawdown_paise(net),
        sharpe=sharpe(exit_ns[order], net, days, initial_cash, always_open=always_open),
    )


def max_drawdown_paise(net_paise: Int64s) -> int:
    """Deepest fall of realised cash from its peak; `net_paise` in the order of exits."""
    cash = np.concatenate([[0], np.cumsum(net_paise)])
    return int((np.maximum.accumulate(cash) - cash).max())


def sharpe(
    exit_ns: Int64s, net_paise: Int64s, days: Int64s, initial_cash: float, *, always_open: bool
) -> float:
    """Of `daily_returns`: mean by sample deviation, times sqrt(252); 0 when flat."""
    daily = daily_returns(exit_ns, net_paise, days, initial_cash, always_open=always_open)
    if len(daily) < 2 or daily.std(ddof=1) == 0.0:
        return 0.0
    return float(daily.mean() / daily.std(ddof=1) * np.sqrt(TRADING_DAYS_PER_YEAR))


def daily_returns(
    exit_ns: Int64s, net_paise: Int64s, days: Int64s, initial_cash: float, *, always_open: bool
) -> Float64s:
    """Net by initial cash of each of `days`. A trade counts on the day of its exit."""
    daily = np.zeros(len(days))
    np.add.at(daily, np.searchsorted(days, exit_days(exit_ns, always_open=always_open)), net_paise)
    return daily / (initial_cash * 100)


def exit_days(exit_ns: Int64s, *, always_open: bool) -> Int64s:
    """An exit at the very end of a UTC day belongs to the day that ends."""
    offset_ns = 0 if always_open else IST_OFFSET_NS
    return (exit_ns - 1 + offset_ns) // DAY_NS
