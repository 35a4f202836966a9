"""In which markets a signal works: bull and bear, high and low volatility, or masks of one's own.

A row belongs to the regime that was known before its session began: that of the close of the
session before. Early sessions belong to none.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from core.errors import DataError
from core.types import Bools, Float64s, Int64s
from research.signals.measure import At
from research.signals.statistics import mean_of, newey_west_t

TREND_SESSIONS = 200
VOLATILITY_SESSIONS = 20
FEWEST_VOLATILITIES = 60  # before their median divides anything

REGIMES: dict[str, pl.DataType] = {
    "signal": pl.String(),
    "regime": pl.String(),
    "dates": pl.Int64(),
    "ic_mean": pl.Float64(),
    "t_nw": pl.Float64(),
    "hit_rate": pl.Float64(),
    "spread": pl.Float64(),
    "spread_t": pl.Float64(),
}


def equal_weight(closes: Float64s, days: Int64s, masked: Bools | None = None) -> Float64s:
    """[sessions]: what 1 became, held in equal parts of all symbols, rebalanced every session.

    Args:
        closes: float64[T, N]; the last known close of a session is the session's.
        masked: bool[T, N], unexplained jumps: a return over one is left out.
    """
    first = np.flatnonzero(np.diff(days, prepend=days[:1] - 1))
    last = np.append(first[1:], len(days)) - 1
    rows = np.arange(len(days))[:, None]
    latest = np.maximum.accumulate(np.where(np.isfinite(closes), rows, -1), axis=0)[last]
    own = latest >= first[:, None]  # a session without a close has none, not an earlier one's
    carried = np.where(own, np.take_along_axis(closes, np.maximum(latest, 0), axis=0), np.nan)
    returns = carried[1:] / carried[:-1] - 1.0
    if masked is not None:
        jumps = np.cumsum(masked, axis=0)[last]
        returns[jumps[1:] > jumps[:-1]] = np.nan
    known = np.isfinite(returns)
    means = np.where(known, returns, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.cumprod(np.append(1.0, 1.0 + means))


def regimes_of(level: Float64s, days: Int64s) -> dict[str, Bools]:
    """Masks [T] by name, each known before the session of the row.

    bull: the index closed above its mean of 200 sessions; bear: not above. high volatility: its
    deviation of 20 sessions is above the median of all so far; low volatility: not above.

    Args:
        level: float64[sessions], the index at each session's close.
        days: int64[T], the session of each row.

    Raises DataError where the index has another count of sessions than the rows.
    """
    session = np.cumsum(np.diff(days, prepend=days[:1]) != 0)
    if len(level) != session[-1] + 1:
        raise DataError(f"the index has {len(level)} sessions, the data {session[-1] + 1}")
    trend = _rolling(level, TREND_SESSIONS).mean(axis=1)
    volatility = _rolling(np.diff(level) / level[:-1], VOLATILITY_SESSIONS).std(axis=1, ddof=1)
    middle = np.array(
        [
            np.median(volatility[: count + 1]) if count + 1 >= FEWEST_VOLATILITIES else np.nan
            for count in range(len(volatility))
        ]
    )
    return {
        "bull": _known_before(level[TREND_SESSIONS - 1 :] > trend, session, TREND_SESSIONS - 1),
        "bear": _known_before(level[TREND_SESSIONS - 1 :] <= trend, session, TREND_SESSIONS - 1),
        "high volatility": _known_before(volatility > middle, session, VOLATILITY_SESSIONS),
        "low volatility": _known_before(volatility <= middle, session, VOLATILITY_SESSIONS),
    }


def regime_rows(name: str, at: At, masks: Mapping[str, Bools]) -> list[list[object]]:
    """Rows of REGIMES: of each mask the coefficients and spreads of its rows."""
    rows: list[list[object]] = []
    for regime, mask in masks.items():
        ics = at.ics[mask]
        ics = ics[np.isfinite(ics)]
        spreads = at.spreads[mask]
        rows.append(
            [
                name,
                regime,
                len(ics),
                mean_of(ics),
                newey_west_t(ics, at.lag),
                float((ics > 0).mean()) if len(ics) else np.nan,
                mean_of(spreads),
                newey_west_t(spreads, at.lag),
            ]
        )
    return rows


def _rolling(values: Float64s, count: int) -> Float64s:
    """[n - count + 1, count] windows; none of fewer values."""
    if len(values) < count:
        return np.empty((0, count))
    return np.lib.stride_tricks.sliding_window_view(values, count)


def _known_before(held: Bools, session: Int64s, first: int) -> Bools:
    """Rows of the sessions after those in which something held; `held[0]` is session `first`."""
    of_session = np.zeros(session[-1] + 1, bool)
    of_session[first + 1 :] = held[: max(0, len(of_session) - first - 1)]
    return of_session[session]
