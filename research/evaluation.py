"""What is searched, as a function from values of settings to metrics and daily net returns.

Decides how one set is traded and measured; never which sets there are or which is best. The trade
gears are here; the vectorised engine has a Subject of its own.
"""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import polars as pl

import backtest.compiled
import backtest.run
import backtest.score
import research.metrics
import research.prepared
from backtest.run import Gear, Request, check_span, run, session_terms
from backtest.score import TRADING_DAYS_PER_YEAR, daily_returns, exit_days, score
from core.errors import ConfigError
from core.session import DAY_NS
from core.types import Float64s, Int64s, Market, Records
from providers.replay import ReplayProvider, SessionTerms
from research.metrics import metrics_of, ordered, trade_metrics
from research.prepared import Prepared
from strategies.identity import code_digest
from strategies.registry import needs_event_gear
from strategies.settings import MarketRisk, StrategySettings
from strategies.table import table, unknown_key

MAX_PREPARED = 64  # timeframes and session terms of one span that are kept at a time

Values = Mapping[str, object]


class Evaluated(NamedTuple):
    """`metrics`: every one of METRICS, None where it has no value. `daily`: a return a session."""

    metrics: Mapping[str, float | int | None]
    daily: Float64s


class Evaluator(Protocol):
    """One span of a subject; read-only once made, so that threads use it side by side."""

    @property
    def days(self) -> Int64s:
        """Sessions of the span, ascending."""

    @property
    def periods_per_year(self) -> float: ...

    @property
    def compounded(self) -> bool:
        """False: `daily` are nets of a fixed initial cash, as in the trade gears."""

    def evaluate(self, values: Values) -> Evaluated:
        """Raises ConfigError for values that are not allowed, or whatever a strategy raises."""


class BatchEvaluator(Evaluator, Protocol):
    """An Evaluator that is quicker at many sets at once than one by one, with the same answers."""

    def evaluate_many(self, sets: Sequence[Values]) -> list[Evaluated]:
        """One answer a set, in order. Raises if any fails: they are then asked one by one."""


class Subject(Protocol):
    """What is searched, before a span is chosen. Can be pickled for another process."""

    @property
    def identity(self) -> Mapping[str, object]:
        """Plain JSON; the same identity and values give the same answers."""

    @property
    def data_hash(self) -> str: ...

    def check(self, values: Values) -> None:
        """Raises ConfigError for an unknown key or a value out of range."""

    def days(self) -> Int64s:
        """All sessions of the data, ascending."""

    def evaluator(self, from_day: int | None, to_day: int | None) -> Evaluator:
        """The span, inclusive; earlier bars warm up. Raises DataError for one without bars."""


@runtime_checkable
class TradingSubject(Subject, Protocol):
    """A Subject that can also list its trades; not every gear has any."""

    def trades(self, values: Values, from_day: int | None, to_day: int | None) -> pl.DataFrame:
        """Rows of trades.parquet (cli.md 3) of a backtest over the span. Raises as `evaluate`."""

    def measured(self, trades: pl.DataFrame, days: Int64s) -> Evaluated:
        """Of such rows over `days`, which hold every exit."""


class TradedSubject:
    """A strategy over a Dataset under the full rules of trading, in the gear of `request`.

    Values may be any key of the strategy's settings (another timeframe too) and of its risk. The
    span of the request is not looked at: it is the evaluator's.
    """

    def __init__(self, request: Request) -> None:
        if request.gear is Gear.COMPILED and needs_event_gear(request.strategy):
            raise ConfigError(
                f"strategy {request.strategy} is plain Python or reads several timeframes:"
                " it runs with --gear event only"
            )
        self.request = request
        self.data_hash = request.dataset.data_hash
        options = request.dataset.options
        self.identity: dict[str, object] = {
            "strategy": request.strategy,
            "gear": str(request.gear),
            "parameters": request.parameters,
            "data_hash": self.data_hash,
            "symbols": [instrument.symbol for instrument in request.dataset.instruments],
            "session": str(options.market),
            "base_ns": options.base_ns,
            "closing_auction": options.closing_auction,
            "code_digest": code_digest([request.strategy]),
            "measured_by": _measuring_digest(),
        }

    def check(self, values: Values) -> None:
        self.settled(values)

    def days(self) -> Int64s:
        return ReplayProvider(self.request.dataset, session_terms(self.request.risk)).days

    def evaluator(self, from_day: int | None, to_day: int | None) -> "TradedEvaluator":
        return TradedEvaluator(self, from_day, to_day)

    def trades(self, values: Values, from_day: int | None, to_day: int | None) -> pl.DataFrame:
        settings, risk = self.settled(values)
        span = replace(self.request, from_day=from_day, to_day=to_day)
        return run(replace(span, settings=settings, risk=risk)).trades

    def measured(self, trades: pl.DataFrame, days: Int64s) -> Evaluated:
        market, cash = self.request.dataset.options.market, self.request.risk.initial_cash
        return evaluated(_of_frame(trades), days, cash, always_open=market is Market.ALWAYS_OPEN)

    def settled(self, values: Values) -> tuple[StrategySettings, MarketRisk]:
        """Settings and risk of the request under `values`. Raises ConfigError."""
        settings, risk = self.request.settings, self.request.risk
        own, limits = type(settings).model_fields, type(risk).model_fields
        unknown = next((key for key in values if key not in own and key not in limits), None)
        if unknown is not None:
            raise ConfigError(unknown_key(unknown, [*limits, *own]))
        chosen = {key: value for key, value in values.items() if key in own}
        if chosen:
            settings = table(type(settings), {**settings.model_dump(), **chosen})
        if len(chosen) < len(values):
            others = {key: value for key, value in values.items() if key not in own}
            risk = table(MarketRisk, {**risk.model_dump(), **others})
        base_ns = self.request.dataset.options.base_ns
        if settings.timeframe_ns % base_ns and settings.timeframe_ns != DAY_NS:
            raise ConfigError(f"timeframe {settings.timeframe} is not whole bars of the data")
        return settings, risk


@cache
def _measuring_digest() -> str:
    """Of the text that turns trades into figures: another one may answer otherwise."""
    modules = (backtest.run, backtest.compiled, backtest.score, research.metrics, research.prepared)
    paths = [*(str(one.__file__) for one in modules), __file__]
    texts = b"".join(Path(path).read_bytes() for path in paths)
    return hashlib.sha256(texts).hexdigest()[:16]


class TradedEvaluator:
    """One span of a TradedSubject. Bars are resampled once for each timeframe, when it is asked."""

    periods_per_year = float(TRADING_DAYS_PER_YEAR)
    compounded = False

    def __init__(self, subject: TradedSubject, from_day: int | None, to_day: int | None) -> None:
        self._subject = subject
        self._request = replace(subject.request, from_day=from_day, to_day=to_day)
        provider = ReplayProvider(
            subject.request.dataset, session_terms(subject.request.risk), to_day
        )
        check_span(provider, from_day, to_day)
        first = provider.days[0] if from_day is None else from_day
        self.days: Int64s = provider.days[provider.days >= first]
        self._always_open = provider.always_open
        self._prepared: dict[tuple[int, SessionTerms], Prepared] = {}
        self._lock = threading.Lock()

    def evaluate(self, values: Values) -> Evaluated:
        settings, risk = self._subject.settled(values)
        if self._request.gear is Gear.COMPILED:
            prepared = self._prepare(settings.timeframe_ns, risk)
            trips = _of_rows(prepared.round_trips(self._request.strategy, settings, risk))
        else:
            trips = _of_frame(run(replace(self._request, settings=settings, risk=risk)).trades)
        return evaluated(trips, self.days, risk.initial_cash, always_open=self._always_open)

    def _prepare(self, timeframe_ns: int, risk: MarketRisk) -> Prepared:
        key = timeframe_ns, session_terms(risk)
        with self._lock:  # one thread prepares, the others want the same
            if key not in self._prepared:
                if len(self._prepared) == MAX_PREPARED:
                    del self._prepared[next(iter(self._prepared))]
                span = self._request.from_day, self._request.to_day
                self._prepared[key] = Prepared(self._request.dataset, risk, timeframe_ns, *span)
            return self._prepared[key]


class RoundTrips(NamedTuple):
    """What is measured of trades, one entry each; prices in rupees."""

    entry_ns: Int64s
    exit_ns: Int64s
    quantity: Int64s
    entry_price: Float64s
    exit_price: Float64s
    gross_paise: Int64s
    fees_paise: Int64s


def evaluated(
    trips: RoundTrips, days: Int64s, initial_cash: float, *, always_open: bool
) -> Evaluated:
    """The metrics of round trips over `days`; money as a fraction of `initial_cash`.

    `sharpe`, `trades`, `win_rate` and `profit_factor` are those of a backtest's summary. A session
    counts as in the market if a position was open in it.
    """
    net = trips.gross_paise - trips.fees_paise
    exit_ns, cash_paise = trips.exit_ns, initial_cash * 100
    daily = daily_returns(exit_ns, net, days, initial_cash, always_open=always_open)
    scored = score(
        exit_ns,
        trips.gross_paise,
        trips.fees_paise,
        days=days,
        initial_cash=initial_cash,
        always_open=always_open,
    )
    traded = float((trips.quantity * (trips.entry_price + trips.exit_price)).sum())
    turnover = traded / initial_cash / (len(days) / TRADING_DAYS_PER_YEAR)
    found = {
        **metrics_of(daily, TRADING_DAYS_PER_YEAR, compounded=False),
        **trade_metrics(net / cash_paise, trips.fees_paise / cash_paise, turnover),
        # From whole paise, where the figures above have rounded.
        "sharpe": scored.sharpe,
        "win_rate": scored.win_rate,
        "profit_factor": scored.profit_factor,
        "days_in_market": _days_in_market(trips, days, always_open=always_open),
    }
    return Evaluated(ordered(found), daily)


def _days_in_market(trips: RoundTrips, days: Int64s, *, always_open: bool) -> int:
    """Sessions from that of an entry to that of its exit, each counted once."""
    changes = np.zeros(len(days) + 1, np.int64)
    entry_days = exit_days(trips.entry_ns + 1, always_open=always_open)  # an open is of its day
    np.add.at(changes, np.searchsorted(days, entry_days), 1)
    left = np.searchsorted(days, exit_days(trips.exit_ns, always_open=always_open)) + 1
    np.add.at(changes, left, -1)
    return int((np.cumsum(changes)[:-1] > 0).sum())


def _of_rows(rows: Records) -> RoundTrips:
    """REPORT rows of the compiled gear."""
    return RoundTrips(
        entry_ns=rows["entry_ns"],
        exit_ns=rows["fill_ns"],
        quantity=rows["quantity"],
        entry_price=rows["entry_price"],
        exit_price=rows["price"],
        gross_paise=rows["gross_paise"],
        fees_paise=rows["round_fees_paise"],
    )


def _of_frame(trades: pl.DataFrame) -> RoundTrips:
    """Rows of trades.parquet."""
    return RoundTrips(**{name: trades[name].to_numpy() for name in RoundTrips._fields})
