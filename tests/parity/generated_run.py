"""Writes a short generated backtest to a folder; as a program, in a process of its own."""

import sys
from pathlib import Path

from backtest.files import write_run
from backtest.run import Gear, run
from tests.datasets import LIVELY, generated, request_on


def write(folder: Path, gear: Gear, market: str = "two parts") -> None:
    result = run(request_on(generated(market, seed=4), *LIVELY, gear=gear))
    write_run(folder, result.signals, result.trades, {"trades": len(result.trades)})


if __name__ == "__main__":
    write(Path(sys.argv[1]), Gear(sys.argv[2]))
