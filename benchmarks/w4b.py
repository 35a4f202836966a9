"""W4b, our side: ticks appended to the market store and committed, 1,000 rows a flush.

`python -m benchmarks.w4b`. A flush is acknowledged when `commit` returns; afterwards the file is
opened again and every acknowledged row must be there.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import data
from benchmarks.measured import Measurement, percentile
from core.types import TICK, Instrument, InstrumentId, Records, SessionClass
from stores.market import DuckMarketStore

ROWS_PER_FLUSH = 1_000
FLUSHES = 500
WARM_UP_FLUSHES = 5


def measure(flushes: int, folder: Path) -> Measurement:
    instruments = [
        Instrument(InstrumentId(name), name, SessionClass.CASH) for name in data.Size().names
    ]
    path = folder / "market.duckdb"
    store = DuckMarketStore(path, instruments)
    batches = [tick_batch(number, len(instruments)) for number in range(flushes)]
    seconds = []
    for batch in batches:
        started = time.perf_counter()
        store.append_ticks(batch)
        store.commit()
        seconds.append(time.perf_counter() - started)
    store.close()
    store = DuckMarketStore(path, instruments)
    stored = store.ticks(0, int(batches[-1]["recv_ns"][-1]) + 1)
    store.close()
    acknowledged = np.concatenate(batches)
    seconds = seconds[WARM_UP_FLUSHES:]
    return Measurement(
        items=ROWS_PER_FLUSH * len(seconds),
        seconds=sum(seconds),
        checks={"lost": int(len(acknowledged) - (stored == acknowledged).sum())},
        figures={
            "flush_p50_ms": 1e3 * percentile(seconds, 50),
            "flush_p99_ms": 1e3 * percentile(seconds, 99),
        },
    )


def tick_batch(number: int, instruments: int) -> Records:
    ticks: Records = np.zeros(ROWS_PER_FLUSH, TICK)
    seq = np.arange(number * ROWS_PER_FLUSH, (number + 1) * ROWS_PER_FLUSH)
    ticks["instrument"] = seq % instruments
    ticks["exch_ns"] = ticks["recv_ns"] = 1_735_789_500_000_000_000 + 1_000_000 * seq
    ticks["price"] = 500.0 + seq % 97 * 0.05
    ticks["quantity"] = 1 + seq % 500
    ticks["volume"] = seq
    ticks["seq"] = seq
    return ticks


def main() -> None:
    data.ROOT.mkdir(parents=True, exist_ok=True)
    # On the disk of the checkout: a folder in memory would flatter us.
    with tempfile.TemporaryDirectory(dir=data.ROOT) as folder:
        measure(FLUSHES, Path(folder)).print()


if __name__ == "__main__":
    main()
