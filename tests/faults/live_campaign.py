"""Live days by the seed, each with several order faults and kills: none breaks what is promised.

`python -m tests.faults.live_campaign --days 50` plays that many (`make soak`).
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sandbox.faults.kinds import CATALOGUE, DATA_FAULTS
from tests.daemon.live_day import Kill
from tests.faults.crashpoints import places
from tests.faults.short_live_days import shorten_hours, watched_day

ORDER_FAULTS = [one.name for one in CATALOGUE.values() if one not in DATA_FAULTS]
POINTS = [name for name, _ in places() if name.startswith(("broker.submit", "broker.report"))]
FIRST_S, LAST_S = 46 * 60, 48 * 60  # in which faults begin, of the hour


def plot_of(seed: int) -> tuple[list[str], list[Kill]]:
    """Faults and kills of `seed`."""
    random = np.random.default_rng(seed)
    names = random.choice(ORDER_FAULTS, size=int(random.integers(2, 5)), replace=False)
    faults = []
    for name in names.tolist():
        begins_s = int(random.integers(FIRST_S, LAST_S))
        ends_s = begins_s + int(random.integers(5, 60))
        faults.append(f"{name}@{_of_day(begins_s)}-{_of_day(ends_s)}")
    kills = [
        Kill(POINTS[int(random.integers(len(POINTS)))], 1, float(random.uniform(0.2, 20.0)))
        for _ in range(int(random.integers(0, 2)))
    ]
    return faults, kills


def _of_day(second: int) -> str:
    return f"13:{second // 60:02}:{second % 60:02}"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.live_campaign")
    parser.add_argument("--days", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    broken = 0
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as name:
        shorten_hours(patch)
        for seed in range(asked.seed, asked.seed + asked.days):
            faults, kills = plot_of(seed)
            try:
                watched_day(Path(name, str(seed)), *faults, kills=kills)
            except AssertionError as error:
                broken += 1
                print(f"seed {seed}: {faults} {kills}\n{error}")
    print(f"{asked.days} live days, {broken} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
