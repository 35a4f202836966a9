"""A screen: the candidates of a span of recorded bars, the same whoever and how many look for them.

Every bar before the span is loaded first, so its first day has all indicators. Writes nothing.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl

from backtest.run import check_span, session_terms
from core.bars import Resampler
from core.errors import DataError
from core.session import IST_OFFSET_NS
from core.types import Bools, Int64s, Market, Records
from providers.dataset import Dataset
from providers.replay import ReplayProvider
from strategies.focus import bar_keys
from strategies.screeners import Screener
from strategies.screening import Candidates, reasons_text
from strategies.settings import MarketRisk

Progress = Callable[[int], None]
SCHEMA: dict[str, pl.DataType] = {
    "timestamp": pl.String(),  # of the bar's open, with the offset of its market
    "instrument": pl.String(),
    "side": pl.String(),
    "score": pl.Float64(),
    "reason": pl.String(),
}
SCORE_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenRequest:
    """What to look through. Days since 1970-01-01, inclusive; earlier bars warm up."""

    screener: Screener
    dataset: Dataset
    risk: MarketRisk
    from_day: int | None = None
    to_day: int | None = None


@dataclass(frozen=True, slots=True)
class Screened:
    """Rows of SCHEMA in order of time and instrument, of so many decision bars on these days.

    `keys` (`bar_keys`) of their bars, sorted, each once.
    """

    rows: pl.DataFrame
    keys: Int64s
    bars: int
    first_day: int
    last_day: int


def screen(request: ScreenRequest, workers: int = 1, progress: Progress | None = None) -> Screened:
    """Raises DataError for a span without bars."""
    bars = bars_of(request, request.screener.timeframes_ns)
    decisions = decisions_in(request, bars, len(request.screener.timeframes_ns) - 1)
    if not decisions.any():
        raise DataError("no decision bar of the screener closes in the span")
    numbers = np.arange(len(request.dataset.instruments))
    shares = np.array_split(numbers, min(workers, len(numbers)))
    parts = [np.flatnonzero(np.isin(bars["instrument"], share)) for share in shares]

    def look(part: np.ndarray) -> Candidates:
        found = request.screener.find(bars[part])
        return found._replace(rows=part[found.rows])

    pieces = []
    with ThreadPoolExecutor(workers) as pool:  # kernels run without the interpreter's lock
        for share, found in zip(shares, pool.map(look, parts), strict=True):
            pieces.append(_table(request, bars, decisions, found))
            if progress is not None:
                progress(len(share))
    rows = pl.concat(pieces).sort("open_ns", "number", "side")
    keys = np.unique(bar_keys(rows["number"].to_numpy(), rows["open_ns"].to_numpy()))
    days = bars["day"][decisions]
    return Screened(
        rows.select(list(SCHEMA)), keys, int(decisions.sum()), int(days.min()), int(days.max())
    )


def bars_of(request: ScreenRequest, timeframes_ns: tuple[int, ...]) -> Records:
    """All strategy bars up to the end of the span, in the order in which they close."""
    provider = ReplayProvider(request.dataset, session_terms(request.risk), request.to_day)
    check_span(provider, request.from_day, request.to_day)
    resampler = Resampler(timeframes_ns, request.dataset.options.base_ns, provider.groups)
    return np.concatenate(
        [resampler.resample(span).strategy_bars.copy() for span in provider.day_spans()]
    )


def decisions_in(request: ScreenRequest, bars: Records, timeframe: int) -> Bools:
    """Which of `bars` are decision bars of the span; `timeframe` is their number."""
    first = -1 if request.from_day is None else request.from_day
    decisions: Bools = (bars["timeframe"] == timeframe) & (bars["day"] >= first)
    return decisions


def _table(
    request: ScreenRequest, bars: Records, decisions: Bools, found: Candidates
) -> pl.DataFrame:
    """The candidates of the span as SCHEMA, with the columns they are ordered by."""
    kept = decisions[found.rows]
    rows = found.rows[kept]
    texts = {bits: reasons_text(bits, found.names) for bits in np.unique(found.reasons).tolist()}
    symbols = np.array([one.symbol for one in request.dataset.instruments], object)
    ist = request.dataset.options.market is Market.NSE
    local_ns = pl.col("open_ns") + (IST_OFFSET_NS if ist else 0)
    clock = local_ns.cast(pl.Datetime("ns")).dt.strftime("%Y-%m-%dT%H:%M:%S")
    return pl.DataFrame(
        {
            "open_ns": bars["open_ns"][rows],
            "number": bars["instrument"][rows],
            "instrument": pl.Series(symbols[bars["instrument"][rows]].tolist(), dtype=pl.String),
            "sign": found.sides[kept],
            "score": found.scores[kept],
            "bits": found.reasons[kept],
        }
    ).with_columns(
        timestamp=clock + pl.lit("+05:30" if ist else "+00:00"),
        side=pl.when(pl.col("sign") > 0).then(pl.lit("long")).otherwise(pl.lit("short")),
        score=pl.col("score").round(SCORE_DIGITS),
        reason=pl.col("bits").replace_strict(texts, default="", return_dtype=pl.String),
    )
