"""`make bench`: everybody on the same data, in interleaved rounds, each in a process of its own.

Prepares what is needed (the peers' environment, the data, the kernel cache), runs the cases round
by round, prints the table and writes JSON. A case that fails is reported and the others go on; a
timing is never an assertion.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import data, frames, sets
from benchmarks.measured import Measurement
from benchmarks.table import ALPHALENS, BARE, QUANTSTATS, SDK, VECTORBT, Result, as_json, table
from cli import kernel_cache

ROOT = Path(__file__).resolve().parent.parent
PEERS_VENV = ROOT / ".bench-venv"
PEERS = str(PEERS_VENV / "bin" / "python")
REQUIREMENTS = ROOT / "benchmarks" / "peers-requirements.txt"
ANSWERS = data.ROOT / "results.json"
CASE_LIMIT_S = 1_800


class Case(NamedTuple):
    """One line of the table: who does which work, and the program that measures it."""

    work: str
    who: str
    command: tuple[str, ...]  # arguments of the Python it is run with
    peer: bool = True
    every_round: bool = True  # False: has nobody to be compared with, once is enough


def cases(folder: Path, size: data.Size) -> list[Case]:
    """In the order in which each round runs them: ours right beside the peer it is held against."""
    market, all_symbols = str(folder), str(size.symbols)

    def ours(work: str, who: str, *command: str, every_round: bool = True) -> Case:
        return Case(work, who, ("-m", *command), peer=False, every_round=every_round)

    def peer(work: str, who: str, *command: str) -> Case:
        return Case(work, who, ("-m", f"benchmarks.peers.{command[0]}", *command[1:]))

    def sdk(work: str, mode: str, *command: str) -> Case:
        return peer(work, SDK, "upstox_sdk", mode, feed, *command)

    feed = str(frames.PATH)
    fifty, single = "50 a message", "1 a message"
    one, whole = "W1 one symbol", f"W1 {all_symbols} symbols"
    memory, files, live = "W3 in memory", "W3 from Parquet", "W3 live"
    sweeps = [
        case
        for timeframe in sets.BARS
        for work in [f"W2 {timeframe}"]
        for case in (
            ours(work, "tradingd, 1 thread", "benchmarks.w2", timeframe, market),
            peer(work, VECTORBT, "sweep", "vectorbt", timeframe, market),
            peer(work, "numpy", "sweep", "numpy", timeframe, market),
            peer(work, "polars eager", "sweep", "polars", timeframe, market),
            peer(work, "backtesting.py", "sweep", "backtesting", timeframe, market),
        )
    ]
    return [
        ours(one, "tradingd event", "benchmarks.w1", "event", market, "1"),
        peer(one, "NautilusTrader", "nautilus", market, "1"),
        ours(one, "tradingd compiled", "benchmarks.w1", "compiled", market, "1"),
        peer(one, "backtesting.py", "backtesting_run", market),
        peer(one, "zipline-reloaded", "zipline_run", market),
        peer(one, "backtrader", "backtrader_run", market),
        ours(whole, "tradingd event", "benchmarks.w1", "event", market, all_symbols),
        peer(whole, "NautilusTrader", "nautilus", market, all_symbols),
        ours(whole, "tradingd compiled", "benchmarks.w1", "compiled", market, all_symbols),
        ours("W1 start", "event", "benchmarks.w1", "start", "event", every_round=False),
        ours("W1 start", "compiled", "benchmarks.w1", "start", "compiled", every_round=False),
        ours("Search PixityAI", "tradingd", "benchmarks.search", market, "4", every_round=False),
        *sweeps,
        ours(memory, "tradingd, 1 thread", "benchmarks.w3", "memory", market, all_symbols),
        peer(memory, "polars truncate", "resample", "polars-truncate", market),
        peer(memory, "polars dynamic", "resample", "polars-dynamic", market),
        peer(memory, "duckdb", "resample", "duckdb", market),
        peer(memory, "pandas", "resample", "pandas", market),
        ours(files, "tradingd, load and resample", "benchmarks.w3", "parquet", market),
        peer(files, "polars truncate", "resample", "polars-parquet", market),
        peer(files, "duckdb", "resample", "duckdb-parquet", market),
        ours(live, "tradingd, 1m to 15m", "benchmarks.w3", "live", market, all_symbols),
        peer(live, "pandas, growing buffer", "resample", "pandas-live", market),
        ours("W3 ticks", "tradingd, ticks to 1m", "benchmarks.w3", "ticks", all_symbols),
        ours("W4b store", "tradingd", "benchmarks.w4b"),
        peer("W4b store", BARE, "duckdb_insert", "arrays", str(data.ROOT)),
        peer("W4b store", "duckdb executemany", "duckdb_insert", "executemany", str(data.ROOT)),
        peer("W4b store", "duckdb INSERT a row", "duckdb_insert", "execute", str(data.ROOT)),
        ours(f"W4a {fifty}", "tradingd", "benchmarks.w4a", feed, "50"),
        sdk(f"W4a {fifty}", "decode", "50"),
        ours(f"W4a {single}", "tradingd", "benchmarks.w4a", feed, "1"),
        sdk(f"W4a {single}", "decode", "1"),
        ours(f"W5 {fifty}", "tradingd", "benchmarks.w5", "most", feed, "50"),
        sdk(f"W5 {fifty}", "stream", "50", sys.executable),
        ours(f"W5 {single}", "tradingd", "benchmarks.w5", "most", feed, "1"),
        sdk(f"W5 {single}", "stream", "1", sys.executable),
        ours("W5 live", "50 a message, 160/s", "benchmarks.w5", "live", feed, "50", "160"),
        ours("W5 live", "2,000 a message, 4/s", "benchmarks.w5", "live", feed, "2000", "4"),
        ours("W6 rank ICs", "tradingd, 1 thread", "benchmarks.w6"),
        peer("W6 rank ICs", ALPHALENS, "information", "alphalens"),
        peer("W6 rank ICs", "alphalens, ICs only", "information", "alphalens-ic"),
        peer("W6 rank ICs", "polars", "information", "polars"),
        ours("W7 figures", "tradingd", "benchmarks.w7"),
        peer("W7 figures", QUANTSTATS, "metrics", "quantstats"),
        peer("W7 figures", "empyrical", "metrics", "empyrical"),
        peer("W7 figures", "numpy", "metrics", "numpy"),
        ours("W8 whole market", "default limits", "benchmarks.w8", "default", every_round=False),
        ours("W8 whole market", "unlimited", "benchmarks.w8", "unlimited", every_round=False),
        ours("Lag whole market", "tradingd", "benchmarks.lag", every_round=False),
        ours("Halt whole market", "tradingd", "benchmarks.halts", every_round=False),
    ]


def main() -> int:
    options = _options()
    size = data.Size(options.symbols, options.days)
    folder = data.ensure(size)
    chosen = [
        case
        for case in cases(folder, size)
        if not options.only or case.work.split()[0].lower() in options.only
    ]
    if any(case.peer for case in chosen):
        ensure_peers()
    if any(case.work == "W3 from Parquet" for case in chosen):
        data.ensure_partitions(folder)
    if any(str(frames.PATH) in case.command for case in chosen):
        frames.ensure()
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    kernel_cache.prepare(environment)
    warm_kernels(environment)
    results = list(run(chosen, options.rounds, environment))
    print(table(results))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"machine": machine(), **as_json(results)}, indent=1))
    failed = sorted({f"{one.work}: {one.who}" for one in results if one.measurement is None})
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    return 1 if failed else 0


def run(chosen: Sequence[Case], rounds: int, environment: Mapping[str, str]) -> Iterator[Result]:
    for round_ in range(rounds):
        for case in chosen:
            if round_ and not case.every_round:
                continue
            measurement = measured(case, environment)
            told = "failed" if measurement is None else f"{measurement.seconds:.4g} s"
            print(f"round {round_ + 1}  {case.work}: {case.who}  {told}", file=sys.stderr)
            yield Result(case.work, case.who, case.peer, round_, measurement)


def measured(case: Case, environment: Mapping[str, str]) -> Measurement | None:
    """Run one case; None if it failed, its last words on standard error."""
    python = PEERS if case.peer else sys.executable
    try:
        done = subprocess.run(
            [python, *case.command],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=CASE_LIMIT_S,
            check=True,
        )
    except subprocess.TimeoutExpired:
        print(f"{case.who}: not done after {CASE_LIMIT_S} s", file=sys.stderr)
        return None
    except subprocess.CalledProcessError as error:
        print(error.stderr[-2_000:], file=sys.stderr)
        return None
    return Measurement.parse(done.stdout)


def ensure_peers() -> None:
    """The peers' environment, made anew when its requirements have changed."""
    stamp = PEERS_VENV / "installed"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"installing the peers into {PEERS_VENV.name} (once; some minutes)", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", str(PEERS_VENV)], check=True)
    pip = [PEERS, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", str(REQUIREMENTS)], check=True)
    stamp.write_text(wanted)  # last: an interrupted installation is done again


def warm_kernels(environment: Mapping[str, str]) -> None:
    """Fill the kernel cache, so that no case pays for the compiler; `W1 start` tells its cost."""
    for gear in ("event", "compiled"):
        command = [sys.executable, "-m", "benchmarks.w1", "first", gear]
        subprocess.run(command, env=environment, cwd=ROOT, check=True)


def machine() -> dict[str, object]:
    """What a reader must know of it, and nothing that names it."""
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds, default 3")
    parser.add_argument(
        "--only", nargs="*", default=[], help="w1 w2 w3 w4a w4b w5 w6 w7 w8 search lag halt"
    )
    parser.add_argument("--symbols", type=int, default=data.Size().symbols)
    parser.add_argument("--days", type=int, default=data.Size().days)
    parser.add_argument("--json", type=Path, default=ANSWERS, help="where the figures go")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
