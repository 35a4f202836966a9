"""W3, our side: 1m bars to 15m bars, in memory, live and from files; before it, ticks to 1m bars.

`python -m benchmarks.w3 memory|live FOLDER SYMBOLS`, `parquet FOLDER` or `ticks SYMBOLS`. The
Resampler gets spans of many days in memory, one Minute at a time live, as the feed would give
them, on one thread; partitioned files are read and resampled by the lab, on as many as it likes.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from backtest.run import session_terms
from benchmarks import data
from benchmarks.measured import Measurement, timed
from benchmarks.w1 import RISK, load_bars
from core.bars import Resampler
from core.minutes import GRACE_NS, BarBuilder
from core.session import MINUTE_NS, SECOND_NS, Session, recorded_session
from core.types import TICK, MinuteSpan, Records, SessionClass, minute_of
from providers.replay import ReplayProvider
from research.panel.dataset import load_dataset
from research.panel.resample import resample

TIMEFRAME_NS = 15 * MINUTE_NS
LIVE_DAYS = 1  # as much as the growing buffer of the peer holds


def resampled(spans: Sequence[MinuteSpan], groups: Sequence[int]) -> list[Records]:
    resampler = Resampler([TIMEFRAME_NS], MINUTE_NS, groups)
    return [resampler.resample(span).strategy_bars for span in spans]


def measure(mode: str, folder: Path, symbols: int) -> Measurement:
    provider = ReplayProvider(load_bars(folder, symbols), session_terms(RISK))
    started = time.perf_counter()
    if mode == "live":
        last = int(provider.days[:LIVE_DAYS][-1])
        days = list(provider.day_spans(to_day=last))
        spans = [minute_of(span, i) for span in days for i in range(len(span.close_ns))]
    else:
        spans = list(provider.day_spans())
    prepare_s = time.perf_counter() - started
    resampled(spans[:1], provider.groups)
    seconds, bars = timed(lambda: resampled(spans, provider.groups))
    return Measurement(
        items=sum(len(span.bars) for span in spans),
        seconds=seconds,
        prepare_seconds=prepare_s,
        checks=checks(np.concatenate(bars)),
    )


def checks(bars: Records | pl.DataFrame) -> dict[str, float]:
    sums = {f"{name}_sum": float(bars[name].sum()) for name in ("open", "high", "low", "close")}
    rounded = {name: round(value, 2) for name, value in sums.items()}
    return {"bars_15m": len(bars), **rounded, "volume_sum": int(bars["volume"].sum())}


def measure_parquet(folder: Path) -> Measurement:
    """From the names of the files to the bars, everything counted."""
    hive = folder / data.HIVE
    work = lambda: resample(load_dataset(hive), "15m").collect()  # noqa: E731
    work()
    seconds, bars = timed(work)
    rows = pl.scan_parquet(hive / "**/*.parquet").select(pl.len()).collect().item()
    return Measurement(items=rows, seconds=seconds, checks=checks(bars))


def measure_ticks(symbols: int) -> Measurement:
    """A generated day through BarBuilder, in frames of one tick per symbol."""
    [(day, prices)] = data.day_prices(data.Size(symbols=symbols, days=1))
    session = session_of(day)
    minutes = list(tick_minutes(day, prices))
    built(minutes[:2], session, symbols)
    seconds, bars = timed(lambda: built(minutes, session, symbols))
    return Measurement(
        items=sum(len(frame) for _, frames in minutes for frame in frames),
        seconds=seconds,
        checks={"bars_1m": len(bars)},
    )


TickMinute = tuple[int, list[Records]]  # its close and its frames


def tick_minutes(day: int, prices: data.Prices) -> Iterator[TickMinute]:
    """Each bar as four trades: open, low, high, close, a quarter of its volume each."""
    minutes, symbols = prices.open.shape
    opens = data.opens_of(day)
    before = np.zeros(symbols, np.int64)
    for i in range(minutes):
        frames = []
        for k, name in enumerate(("open", "low", "high", "close")):
            frame: Records = np.zeros(symbols, TICK)
            frame["instrument"] = np.arange(symbols)
            frame["exch_ns"] = frame["recv_ns"] = opens[i] + (5 + 15 * k) * SECOND_NS
            frame["price"] = data.rupees(getattr(prices, name)[i])
            frame["quantity"] = 1
            frame["volume"] = before + prices.volume[i] * (k + 1) // 4
            frames.append(frame)
        before = before + prices.volume[i]
        yield int(opens[i]) + MINUTE_NS, frames


def built(minutes: Sequence[TickMinute], session: Session, symbols: int) -> Records:
    """The 1m bars that come out, BAR rows."""
    builder = BarBuilder([session] * symbols)
    builder.feed_up(session.open_ns - MINUTE_NS)
    bars = []
    for close_ns, frames in minutes:
        for frame in frames:
            builder.add(frame)
        builder.close_through(close_ns + GRACE_NS)
        bars += [minute.bars for minute in builder.take_minutes()]
    return np.concatenate(bars)


def session_of(day: int) -> Session:
    session = recorded_session(day, SessionClass.CASH)
    assert session is not None
    return session


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case ["ticks", symbols]:
            measure_ticks(int(symbols)).print()
        case ["parquet", folder]:
            measure_parquet(Path(folder)).print()
        case [mode, folder, symbols]:
            measure(mode, Path(folder), int(symbols)).print()
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
