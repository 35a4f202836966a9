"""The vectorised gear: signals of a whole universe to an account, without a loop and lazily.

Decides how positions become money: next bar's open or close, proportional costs, equal weight of
the symbols that have a bar. What only orders can do (brackets, limits, sessions) it cannot.
"""

import hashlib
import inspect
import json
import threading
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from pydantic import Field

from core.errors import ConfigError, DataError
from core.session import DAY_NS, IST_OFFSET_NS, MINUTE_NS, day_text, recorded_session
from core.types import Float64s, Int64s, Market, SessionClass
from research.metrics import (
    Metrics,
    metrics_of,
    ordered,
    periods_per_year_of,
    trade_metrics,
)
from research.panel.accounting import FillAt, align, trade_log
from research.panel.strategy import NS_PER_MS, StrategyBase
from strategies.settings import BasisPoints, Timeframe, timeframe_ns
from strategies.table import Table

PRICES = ("open", "close")
HASH_DIGITS = 16


class Terms(Table):
    """What the engine assumes of a market; part of every result's identity."""

    timeframe: Timeframe = Field("15m", description="of the bars that it is given")
    market: Market = Field(Market.NSE, description="whose sessions make a year and a day")
    asset_class: str = Field("EQ", pattern="^[A-Za-z0-9]+$", description="a word for file names")
    fill: FillAt = Field("next_open", description="price of the bar after the signal's")
    fee_bps: BasisPoints = Field(3.0, description="charges on what is traded")
    slippage_bps: BasisPoints = Field(2.0, description="price lost on what is traded")

    @property
    def cost(self) -> float:
        """Share of the traded value."""
        return (self.fee_bps + self.slippage_bps) / 10_000.0


class VectorRun(NamedTuple):
    """`metrics`: every one of METRICS. Curves and trades are None unless they were asked for."""

    identity: dict[str, object]
    metrics: Metrics
    days: Int64s
    daily: Float64s  # net return of each session, compounded
    frame: pl.DataFrame | None = None  # columns of accounting.ALIGNED, a row a bar of a symbol
    equity: pl.DataFrame | None = None  # ts, net, equity: of the universe
    trades: pl.DataFrame | None = None

    @property
    def name(self) -> str:
        """Strategy_AssetClass_TimeFrame_Hash."""
        told = self.identity
        return f"{told['strategy']}_{told['asset_class']}_{told['timeframe']}_{told['run_id']}"


class VectorizedEngine:
    """Read-only: threads may run it side by side."""

    def __init__(self, terms: Terms | None = None) -> None:
        self.terms = terms or Terms()

    def run(
        self,
        lf: pl.LazyFrame,
        strategy: StrategyBase[Any],
        *,
        data_hash: str,
        from_day: int | None = None,
        to_day: int | None = None,
        curves: bool = False,
    ) -> VectorRun:
        """What `strategy` would have earned on the bars of `lf`, one account over all symbols.

        Each moment the account is spread evenly over the symbols that have a bar then. A position
        without a known return (`align`) books its costs alone: the row is counted in `n_nans`.
        Without `curves`, only one row a moment and one a trade are ever collected.

        Args:
            lf: symbol, ts (opens of the bars), open, close, and what the strategy reads; in order
                of time in each symbol. `date` is the session if there is one, else ts tells it;
                `masked` rows have no return.
            from_day: signals begin with this day; earlier bars only warm up.

        Raises DataError for a missing column, a symbol without a price, bars out of order, a
            target outside [-1, 1], a span without bars; ConfigError for another timeframe.
        """
        aligned = self.aligned(lf, strategy, from_day, to_day).cache()
        cost = self.terms.cost
        wanted = [_checks(aligned), _universe(aligned), trade_log(aligned, cost)]
        try:
            checked, moments, trades, *rest = pl.collect_all(wanted + [aligned] * curves)
        except DataError as error:  # of a strategy's logic: polars adds the whole expression
            raise DataError(str(error).splitlines()[0]) from error
        _require_sound(checked)
        if moments.is_empty():
            raise DataError(f"no bars {_span_words(from_day, to_day)}")
        metrics, days, daily = self._measured(moments, trades)
        return VectorRun(
            self._identity(strategy, data_hash, days, checked.height),
            metrics,
            days,
            daily,
            rest[0] if curves else None,
            _equity(moments) if curves else None,
            trades if curves else None,
        )

    def aligned(
        self,
        lf: pl.LazyFrame,
        strategy: StrategyBase[Any],
        from_day: int | None = None,
        to_day: int | None = None,
    ) -> pl.LazyFrame:
        """Signal, position, returns, costs and net of every bar (`accounting.align`), lazily."""
        asked = getattr(strategy.settings, "timeframe", self.terms.timeframe)
        if asked != self.terms.timeframe:
            raise ConfigError(
                f"strategy {strategy.name} decides on bars of {asked}, the engine has"
                f" {self.terms.timeframe}"
            )
        lf = self.with_day(lf)
        if to_day is not None:
            lf = lf.filter(pl.col("day") <= to_day)
        lf = strategy.signals(lf)
        target = pl.col("signal").cast(pl.Float64).fill_nan(None).fill_null(0.0)
        if from_day is not None:
            target = pl.when(pl.col("day") >= from_day).then(target).otherwise(0.0)
        made = align(lf.with_columns(signal=target), self.terms.fill, cost=self.terms.cost)
        return made if from_day is None else made.filter(pl.col("day") >= from_day)

    def features(self, lf: pl.LazyFrame, strategy: StrategyBase[Any]) -> pl.DataFrame:
        """What `strategy` sees when it decides: its indicators and logic on every bar (debugging).

        Raises DataError for a missing column.
        """
        return strategy.features(self.with_day(lf)).collect()

    def with_day(self, lf: pl.LazyFrame) -> pl.LazyFrame:
        """With `day`, the session of each bar: that of `date` where there is one."""
        schema = lf.collect_schema()
        for column in ("symbol", "ts", *PRICES):
            if column not in schema:
                raise DataError(f"the data has no column {column}: it has {', '.join(schema)}")
        if "date" in schema:
            return lf.with_columns(day=pl.col("date").cast(pl.Date).to_physical().cast(pl.Int64))
        offset_ms = 0 if self.terms.market is Market.ALWAYS_OPEN else IST_OFFSET_NS // NS_PER_MS
        since_ms = pl.col("ts").dt.timestamp("ms") + offset_ms
        return lf.with_columns(day=since_ms // (DAY_NS // NS_PER_MS))

    def _measured(
        self, moments: pl.DataFrame, trades: pl.DataFrame
    ) -> tuple[Metrics, Int64s, Float64s]:
        net, day = moments["net"].to_numpy(), moments["day"].to_numpy()
        account = np.maximum(1.0 + net, 0.0).cumprod()
        days, last = np.unique(day[::-1], return_index=True)  # each session's last moment
        periods = self.periods_per_year(days)
        turnover = float(moments["turnover"].sum()) / (len(net) / periods)
        earned, gross = (trades[name].to_numpy() / 100.0 for name in ("pnl_pct", "gross_pct"))
        found = metrics_of(net, periods) | trade_metrics(earned, gross - earned, turnover)
        found["n_nans"] = int(moments["unknown"].sum())
        found["days_in_market"] = len(np.unique(day[moments["holding"].to_numpy()]))
        ends: Float64s = account[::-1][last][np.newaxis]
        return ordered(found), days, session_returns(ends)[0]

    def periods_per_year(self, days: Int64s) -> float:
        """Bars of the timeframe in a mean year of the calendar (`days`: ascending sessions)."""
        bars = bars_per_session(days, self.terms.market, timeframe_ns(self.terms.timeframe))
        return periods_per_year_of(days, self.terms.market, bars)

    def _identity(
        self, strategy: StrategyBase[Any], data_hash: str, days: Int64s, symbols: int
    ) -> dict[str, object]:
        parameters = strategy.settings.model_dump(mode="json")
        told: dict[str, object] = {
            "strategy": strategy.name,
            "version": strategy.version,
            "code": code_of(type(strategy)),
            "data_hash": data_hash,
            **self.terms.model_dump(mode="json"),
            "symbols": symbols,
            "first_day": day_text(int(days[0])),
            "last_day": day_text(int(days[-1])),
            "params": json.dumps(parameters, sort_keys=True),
            **{f"param_{key}": value for key, value in parameters.items()},
        }
        digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode())
        return {"run_id": digest.hexdigest()[:HASH_DIGITS], **told}


def session_returns(accounts: Float64s) -> Float64s:
    """Net return of each session of accounts [n, sessions] that began at 1; 0 once all is lost."""
    made = accounts.copy()
    before = accounts[:, :-1]
    np.divide(accounts[:, 1:], before, out=made[:, 1:], where=before > 0.0)
    made -= 1.0
    made[:, 1:][before <= 0.0] = 0.0
    return made


def bars_per_session(days: Int64s, market: Market, timeframe_ns: int) -> float:
    """Mean over the sessions of `days`; the last bar of a session may be short, and is one."""
    minutes = [_minutes_of(day, market) for day in days.tolist()]
    counts = [-(-one * MINUTE_NS // timeframe_ns) for one in minutes if one]
    return float(np.mean(counts)) if counts else 1.0


@lru_cache(maxsize=16_384)  # asked in every run of a search
def _minutes_of(day: int, market: Market) -> int:
    """Of the session of `day`; 0 where there is none."""
    kind = SessionClass.ALWAYS_OPEN if market is Market.ALWAYS_OPEN else SessionClass.CASH
    session = recorded_session(day, kind)
    return 0 if session is None else session.minutes


def code_of(strategy: type) -> str:
    """Digest of the text of the class; of its name where the text cannot be had (a notebook)."""
    with _reading:
        return _code_of(strategy)


# Python 3.11 parses the file for it, and threads that do so at once fail each other in its parser
# ("AST constructor recursion depth mismatch"): one at a time, and once a class.
_reading = threading.Lock()


@lru_cache(maxsize=64)
def _code_of(strategy: type) -> str:
    try:
        text = inspect.getsource(strategy)
    except (OSError, TypeError):
        text = f"{strategy.__module__}.{strategy.__qualname__}"
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]


def _universe(aligned: pl.LazyFrame) -> pl.LazyFrame:
    """One row a moment: what an account that is spread evenly over its rows earns."""
    return (
        aligned.group_by("ts")
        .agg(
            pl.col("day").first(),
            pl.coalesce("net", -pl.col("costs")).mean().alias("net"),
            pl.col("turnover").mean(),
            holding=(pl.col("held") != 0.0).any(),
            unknown=pl.col("net").null_count(),
        )
        .sort("ts")
    )


def _checks(aligned: pl.LazyFrame) -> pl.LazyFrame:
    return (
        aligned.group_by("symbol", maintain_order=True)
        .agg(
            priced=pl.col("fill_price").count(),
            backwards=(pl.col("ts").diff().dt.total_milliseconds() <= 0).any(),
            most=pl.col("signal").abs().max(),
        )
        .sort("symbol")
    )


def _require_sound(checked: pl.DataFrame) -> None:
    for symbol, priced, backwards, most in checked.iter_rows():
        if not priced:
            raise DataError(f"{symbol}: no bar has a price to fill at")
        if backwards:
            raise DataError(f"{symbol}: its bars are not in order of time, or one is there twice")
        if most > 1.0:
            raise DataError(f"{symbol}: signal {most:g} is not allowed: from -1 to 1")


def _equity(moments: pl.DataFrame) -> pl.DataFrame:
    return moments.select(
        "ts", "net", equity=(1.0 + pl.col("net")).clip(lower_bound=0.0).cum_prod()
    )


def _span_words(from_day: int | None, to_day: int | None) -> str:
    said = [("from", from_day), ("to", to_day)]
    return " ".join(f"{word} {day_text(day)}" for word, day in said if day is not None) or "at all"
