"""Crosses of two moving averages: as a strategy like any other, and a thousand sets in one sweep.

Both read prices as whole steps, so that equal averages are equal whatever the order of additions;
a sweep's figures are the engine's. It decides nothing about which sets there are.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import numpy as np
import polars as pl
from pydantic import Field

from core.errors import ConfigError, DataError
from core.jit import ieee
from core.types import Float64s, Int64s
from research.metrics import Metrics, Moments, figures
from research.panel.strategy import StrategyBase
from research.panel.vectorized import VectorizedEngine
from strategies.settings import Count
from strategies.table import Table

TILE = 128  # rows of averages that stay in the second cache while every lane reads them
LANES = 64  # most sets side by side; their state stays in the first cache
MOST_GAP = 8  # a lane nobody asked for costs less than another pass over the rows
STATES = 10
POSITION, ACCOUNT, MORNING, BEST, DEPTH, NETS, SQUARES, LOSSES, TURNOVER, ENTRIES = range(STATES)

Step = Annotated[float, Field(gt=0, le=1_000, allow_inf_nan=False)]


# What a sweep tells: those of METRICS that need neither the trades nor the account bar by bar.
SWEPT = (
    *("sharpe", "sortino", "calmar", "cagr", "volatility", "total_return", "max_drawdown"),
    *("turnover", "trades", "n_nans"),
)


class CrossSettings(Table):
    fast: Count = Field(10, description="bars of the fast average")
    slow: Count = Field(30, description="bars of the slow average")
    sides: Literal["both", "long"] = Field("both", description="long: flat instead of short")
    price_step: Step = Field(0.01, description="closes are rounded to whole steps of this")


class SmaCross(StrategyBase[CrossSettings]):
    """Long while the fast average of closes is over the slow one, short or flat while under.

    Flat where they are equal, and until both have all their bars.
    """

    name = "sma_cross"
    settings_model = CrossSettings

    def add_indicators(self, lf: pl.LazyFrame) -> pl.LazyFrame:
        own = self.settings
        steps = (pl.col("close").cast(pl.Float64) / own.price_step).round().cast(pl.Int64)
        return lf.with_columns(
            (steps.rolling_sum(bars).over("symbol") / bars).alias(name)
            for name, bars in (("fast", own.fast), ("slow", own.slow))
        )

    def signal(self, lf: pl.LazyFrame) -> pl.LazyFrame:
        lowest = -1 if self.settings.sides == "both" else 0
        over = (pl.col("fast") - pl.col("slow")).sign()
        return lf.with_columns(signal=over.clip(lower_bound=lowest))


class Swept(NamedTuple):
    """Of each set, in the order of the question."""

    metrics: list[Metrics]  # SWEPT
    daily: Float64s  # [sets, sessions]: net return of each session, compounded


class CrossSweep:
    """One symbol's bars, made ready once; read-only: threads may sweep it side by side.

    Args:
        frame: symbol, ts, open, close in order of time; one symbol, every price known.
        from_day, to_day: as in `VectorizedEngine.run`.

    Raises DataError for what `frame` must not hold, and for a span without bars.
    """

    def __init__(
        self,
        engine: VectorizedEngine,
        frame: pl.DataFrame,
        from_day: int | None = None,
        to_day: int | None = None,
    ) -> None:
        bars = engine.with_day(frame.lazy()).collect()
        if to_day is not None:
            bars = bars.filter(pl.col("day") <= to_day)
        _require_single(bars)
        fills = _known(bars, "open" if engine.terms.fill == "next_open" else "close")
        self._closes = _known(bars, "close")
        days = bars["day"].to_numpy()
        first = 0 if from_day is None else int(np.searchsorted(days, from_day))
        if first == len(days):
            raise DataError("no bars in the span of the sweep")
        self._first = first
        self._returns = np.concatenate([[0.0], fills[first + 1 :] / fills[first:-1] - 1.0])
        self.days, sessions = np.unique(days[first:], return_inverse=True)
        self._sessions = sessions.astype(np.int64)
        self._cost = engine.terms.cost
        self.periods_per_year = engine.periods_per_year(self.days)

    def run(self, sets: Sequence[CrossSettings]) -> Swept:
        """All of one `sides` and `price_step`. Raises ConfigError where they differ."""
        if len({(one.sides, one.price_step) for one in sets}) != 1:
            raise ConfigError("a sweep takes sets of one sides and one price_step")
        fasts, fast = np.unique([one.fast for one in sets], return_inverse=True)
        slows, slow = np.unique([one.slow for one in sets], return_inverse=True)
        groups, lane_of_set = _stretches(fast.astype(np.int64), slow.astype(np.int64))
        lanes = int(groups[-1, 3] + groups[-1, 2] - groups[-1, 1])
        states, daily = np.zeros((STATES, lanes)), np.zeros((len(self.days), lanes))
        states[[ACCOUNT, MORNING, BEST, DEPTH]] = 1.0
        steps = np.rint(self._closes / sets[0].price_step).astype(np.int64)
        _sweep(
            np.concatenate([[0], np.cumsum(steps)]),
            self._first,
            fasts,
            slows,
            self._returns,
            self._sessions,
            self._cost,
            -1.0 if sets[0].sides == "both" else 0.0,
            groups,
            np.empty((len(fasts), TILE)),
            np.empty((TILE, len(slows))),
            states,
            daily,
        )
        metrics = [self._figures(state) for state in states.T[lane_of_set].tolist()]
        return Swept(metrics, daily.T[lane_of_set])

    def _figures(self, state: Sequence[float]) -> Metrics:
        rows = len(self._returns)
        mean = state[NETS] / rows
        spread = max(0.0, state[SQUARES] - state[NETS] * mean)
        deviation = math.sqrt(spread / (rows - 1)) if rows > 1 else None
        moments = Moments(rows, mean, deviation, state[LOSSES], state[ACCOUNT], state[DEPTH])
        found = figures(moments, self.periods_per_year)
        found["turnover"] = state[TURNOVER] / (rows / self.periods_per_year)
        found["trades"] = int(state[ENTRIES])
        found["n_nans"] = 0
        return found


def _stretches(fast: Int64s, slow: Int64s) -> tuple[Int64s, Int64s]:
    """Sets as stretches of neighbouring slow averages under one fast one.

    Returns:
        int64[groups, 4]: fast average, first and one past the last slow one, first lane.
        int64[sets]: the lane of each set. Lanes that no set asked for fill small gaps.
    """
    groups: list[list[int]] = []
    lanes = [0] * len(fast)
    lane = 0
    order = np.lexsort((slow, fast))
    in_order = zip(order.tolist(), fast[order].tolist(), slow[order].tolist(), strict=True)
    for i, f, s in in_order:
        last = groups[-1] if groups else None
        if last is None or last[0] != f or s - last[2] >= MOST_GAP or s - last[1] >= LANES:
            lane += 0 if last is None else last[2] - last[1]
            groups.append([f, s, s + 1, lane])
        groups[-1][2] = s + 1
        lanes[i] = lane + s - groups[-1][1]
    return np.array(groups, np.int64), np.array(lanes, np.int64)


def _require_single(bars: pl.DataFrame) -> None:
    symbols = bars["symbol"].n_unique()
    if symbols > 1:
        raise DataError(f"a sweep is over one symbol: here are {symbols}")
    if (bars["ts"].diff().dt.total_milliseconds() <= 0).any():
        raise DataError("a sweep needs its bars in order of time, each once")
    if "masked" in bars.columns and bars["masked"].any():
        raise DataError("a sweep cannot leave out masked bars: adjust the prices first")


def _known(bars: pl.DataFrame, column: str) -> Float64s:
    prices = bars[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
    if not (np.isfinite(prices) & (prices > 0.0)).all():
        raise DataError(f"a sweep needs every price: column {column} has bars without one")
    return prices


@ieee
def _sweep(
    sums: Int64s,
    first_bar: int,
    fasts: Int64s,
    slows: Int64s,
    returns: Float64s,
    sessions: Int64s,
    cost: float,
    lowest: float,
    groups: Int64s,
    fast: Float64s,
    slow: Float64s,
    states: Float64s,
    daily: Float64s,
) -> None:
    """Tile by tile of time: every average once, then every group of lanes over them.

    `sums`: of whole steps before each bar; an average is one difference and one division, so
    averages that are equal are equal numbers. `fast` [averages, TILE] and `slow` [TILE, averages]
    are room for those of the bars before the tile's: slow ones turned over, for lanes lie side by
    side.
    """
    count, size = len(returns), len(slow)
    for begin in range(1, count, size):
        end = min(begin + size, count)
        for i in range(end - begin):
            known = first_bar + begin + i  # bars closed before this one
            for k in range(len(fasts)):
                fast[k, i] = _average(sums, known, fasts[k])
            for k in range(len(slows)):
                slow[i, k] = _average(sums, known, slows[k])
        for g in range(len(groups)):
            first, last, lane = groups[g, 1], groups[g, 2], groups[g, 3]
            stop = lane + last - first
            _trade(
                fast[groups[g, 0]],
                slow,
                first,
                returns,
                sessions,
                begin,
                end,
                cost,
                lowest,
                states[POSITION][lane:stop],
                states[ACCOUNT][lane:stop],
                states[MORNING][lane:stop],
                states[BEST][lane:stop],
                states[DEPTH][lane:stop],
                states[NETS][lane:stop],
                states[SQUARES][lane:stop],
                states[LOSSES][lane:stop],
                states[TURNOVER][lane:stop],
                states[ENTRIES][lane:stop],
                daily,
                lane,
            )


@ieee
def _average(sums: Int64s, known: int, bars: int) -> float:
    return (sums[known] - sums[known - bars]) / bars if known >= bars else np.nan


@ieee
def _trade(
    fast: Float64s,
    slow: Float64s,
    first: int,
    returns: Float64s,
    sessions: Int64s,
    begin: int,
    end: int,
    cost: float,
    lowest: float,
    position: Float64s,
    account: Float64s,
    morning: Float64s,
    best: Float64s,
    depth: Float64s,
    nets: Float64s,
    squares: Float64s,
    losses: Float64s,
    turnover: Float64s,
    entries: Float64s,
    daily: Float64s,
    lane: int,
) -> None:
    """One lane a set, as `accounting.align`: net = held * return - |target - held| * cost.

    `fast` and `slow` are those of the bar before: they decide what is held after this bar's fill.
    The loops over lanes have no branch, so that the vector unit takes eight sets at a time; the
    division of a new depth is made on the rows on which a lane has one.
    """
    for t in range(begin, end):
        over, ret = fast[t - begin], returns[t]
        row = slow[t - begin][first : first + len(position)]
        deeper = False
        for k in range(len(position)):
            under = row[k]
            target = 1.0 if over > under else (lowest if over < under else 0.0)
            held = position[k]
            traded = abs(target - held)
            net = held * ret - traded * cost
            loss = min(net, 0.0)
            position[k] = target
            account[k] = max(account[k] * (1.0 + net), 0.0)
            best[k] = max(best[k], account[k])
            deeper |= account[k] < depth[k] * best[k]
            nets[k] += net
            squares[k] += net * net
            losses[k] += loss * loss
            turnover[k] += traded
            entries[k] += 1.0 if target != held and target != 0.0 else 0.0
        if deeper:
            for k in range(len(account)):
                depth[k] = min(depth[k], account[k] / best[k])
        if t + 1 == len(returns) or sessions[t + 1] != sessions[t]:
            made = daily[sessions[t]][lane : lane + len(account)]
            for k in range(len(account)):
                kept = account[k] / morning[k] - 1.0
                made[k] = kept if morning[k] > 0.0 else 0.0  # 0 once all is lost
                morning[k] = account[k]
