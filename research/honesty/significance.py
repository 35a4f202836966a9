"""Are the entries better than chance: a rule's own trades against random ones with the same exits.

A random entry is a bar of the same segment at the same time of day, on the same side, traded by the
rules of `core` alone as `meta/outcomes.py` does; as many of them as the rule made. So what is
compared is the moment of the entry and nothing else. Decides nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl

from backtest.run import Request, run, session_terms
from core.errors import ConfigError
from core.rules.holdings import EXITED
from core.session import DAY_NS
from core.types import Float64s, Instrument, Int64s, MinuteSpan, Side
from research.meta.labels import alone, whole_span, without_model
from research.meta.outcomes import outcomes
from strategies.registry import KERNELS, BoundStrategy, build
from strategies.settings import MarketRisk, StrategySettings

DRAWS = 1_000
MOST_CANDIDATES = 20_000  # bars that are traded for comparison, over all segments
LEAST_OF_SLOT = 20  # of them at each time of day and side, if there are so many
ALIKE = 1e-9  # sums of the same numbers in another order


class Segment(NamedTuple):
    """A span, inclusive, and what traded in it: of a walk-forward one test window."""

    settings: StrategySettings
    risk: MarketRisk
    from_day: int
    to_day: int


class EntryTest(NamedTuple):
    """`mean_r`: of the rule's entries, each traded alone; `random_r`: mean over the draws.

    `p_value`: share of draws, the rule itself counted as one of them, that are at least as good
    (Davison & Hinkley, Bootstrap Methods, 1997, section 4.2.3: never 0).
    """

    entries: int
    mean_r: float
    random_r: float
    p_value: float
    draws: int


class _Slot(NamedTuple):
    """Entries of one segment, instrument, side and time of day, in multiples of the risk."""

    own: Float64s
    pool: Float64s  # what an entry on any such bar would have made, at most so many


def segment_trades(request: Request, segments: Sequence[Segment]) -> pl.DataFrame:
    """Rows of trades.parquet of all segments, each on a fresh account; `segment` is its number."""
    found = [
        run(
            replace(
                request,
                settings=one.settings,
                risk=one.risk,
                from_day=one.from_day,
                to_day=one.to_day,
            )
        ).trades.with_columns(pl.lit(number, pl.Int64()).alias("segment"))
        for number, one in enumerate(segments)
    ]
    return pl.concat(found)


def entry_test(
    request: Request,
    segments: Sequence[Segment],
    trades: pl.DataFrame,
    *,
    draws: int = DRAWS,
    seed: int = 1,
) -> EntryTest | None:
    """How often chance does as well; None where nothing was traded that can be compared.

    Drawn with replacement and free to overlap, random entries spread wider than the rule's can, so
    the p-value is rather too high. The same seed gives the same answer.

    Args:
        trades: of `segment_trades` for the same request and segments.

    Raises ConfigError for a strategy without a kernel: only a kernel knows its ATR on every bar.
    """
    if request.strategy not in KERNELS:
        raise ConfigError(f"strategy {request.strategy} has no kernel: its entries have no test")
    random = np.random.default_rng(seed)
    slots = list(_slots(request, segments, trades, random))
    entries = sum(len(one.own) for one in slots)
    if not entries:
        return None
    drawn = np.zeros(draws)
    for one in slots:
        drawn += random.choice(one.pool, (draws, len(one.own))).sum(axis=1)
    own = float(sum(one.own.sum() for one in slots))
    as_good = int((drawn >= own - ALIKE * max(1.0, abs(own))).sum())
    return EntryTest(
        entries=entries,
        mean_r=own / entries,
        random_r=float(drawn.mean()) / entries,
        p_value=(1 + as_good) / (1 + draws),
        draws=draws,
    )


def _slots(
    request: Request,
    segments: Sequence[Segment],
    trades: pl.DataFrame,
    random: np.random.Generator,
) -> Iterator[_Slot]:
    keys = trades.select(
        "segment", "instrument", "side", pl.col("signal_bar_open_ns") % DAY_NS
    ).unique()
    most = max(LEAST_OF_SLOT, MOST_CANDIDATES // max(1, keys.height))
    for dataset in alone(request.dataset):
        (instrument,) = dataset.instruments
        spans: dict[object, tuple[MinuteSpan, list[int]]] = {}
        for number, segment in enumerate(segments):
            own = trades.filter(
                (pl.col("segment") == number) & (pl.col("instrument") == instrument.symbol)
            )
            if not own.height:
                continue
            key = segment.settings.timeframe_ns, session_terms(segment.risk)
            if key not in spans:
                spans[key] = whole_span(dataset, segment.settings, segment.risk)
            strategy = _built(request, segment, instrument.symbol)
            traded = _Segment(segment, instrument, *spans[key], strategy)
            for side in (Side.BUY, Side.SELL):
                opens_ns = own.filter(pl.col("side") == side.name)["signal_bar_open_ns"]
                if len(opens_ns):
                    yield from traded.slots(side, opens_ns.to_numpy(), most, random)


class _Segment:
    """One segment of one instrument, of which any bar can be entered on."""

    def __init__(
        self,
        segment: Segment,
        instrument: Instrument,
        span: MinuteSpan,
        timeframes_ns: list[int],
        strategy: BoundStrategy,
    ) -> None:
        self._segment, self._instrument = segment, instrument
        self._span, self._timeframes_ns = span, timeframes_ns
        self._signals = strategy.on_bars(span.strategy_bars).copy()  # for the ATR of every bar
        self._signals["count"] = self._signals["refusal"] = 0
        bars = span.strategy_bars
        self._time = bars["open_ns"] % DAY_NS
        self._inside = (segment.from_day <= bars["day"]) & (bars["day"] <= segment.to_day)
        self._inside &= np.isfinite(self._signals["atr"])

    def slots(
        self, side: Side, opens_ns: Int64s, most: int, random: np.random.Generator
    ) -> Iterator[_Slot]:
        """Of the entries signalled on the bars that open at `opens_ns`."""
        own = np.searchsorted(self._span.strategy_bars["open_ns"], opens_ns)
        times = self._time[own]
        pools = {
            int(time): _thinned(np.flatnonzero(self._inside & (self._time == time)), most, random)
            for time in np.unique(times)
        }
        r = self._outcomes(side, np.concatenate([own, *pools.values()]))
        for time, pool in pools.items():
            found = _Slot(_known(r[own[times == time]]), _known(r[pool]))
            if len(found.own) and len(found.pool):
                yield found

    def _outcomes(self, side: Side, rows: Int64s) -> Float64s:
        """Of every strategy bar: what an entry on it makes, in multiples of the risk; NaN where
        none is asked for, none is allowed or none is over with the data."""
        signals = self._signals.copy()
        signals["count"][rows] = 1
        signals["kind"][rows, 0] = 1
        signals["side"][rows, 0] = int(side)
        settings, risk = self._segment.settings, self._segment.risk
        found = outcomes(self._span, signals, self._instrument, settings, risk, self._timeframes_ns)
        r = found["net_paise"] / 100.0 / settings.risk_per_trade
        return np.where(found["kind"] == EXITED, r, np.nan)


def _built(request: Request, segment: Segment, symbol: str) -> BoundStrategy:
    return build(request.strategy, without_model(segment.settings), [symbol], request.name)


def _thinned(rows: Int64s, most: int, random: np.random.Generator) -> Int64s:
    return rows if len(rows) <= most else random.choice(rows, most, replace=False)


def _known(r: Float64s) -> Float64s:
    return r[~np.isnan(r)]
