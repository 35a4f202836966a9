"""Focused against full replay of fusion on hourly bars, for random parameters.

    python -m benchmarks.focus --data ../shared/data/crypto_1h_ETHUSDT_2019-12_2025-09.parquet \
        --from 2025-06-15 --to 2025-09-30 --sets 50

Every set is screened, replayed both ways and compared; the first that differs ends it with its
parameters. Times are of one process after its kernels are compiled.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from backtest.candidates import read_candidates, write_candidates
from backtest.focus import differences, focused, plan_of, screen_request, skipped
from backtest.run import Gear, Request, run
from backtest.screen import screen
from core.session import MINUTE_NS, parse_day
from core.types import Market
from providers.dataset import DataOptions, Dataset, load
from strategies.fusion import FusionSettings
from strategies.settings import RiskSettings, resolve


class Outcome(NamedTuple):
    """Of one set: what differs, trades of the full replay, share of evaluations left out, times."""

    mismatches: list[str]
    trades: int
    left_out: float
    screen_s: float
    focused_s: float
    full_s: float


def random_settings(random: np.random.Generator) -> list[str]:
    """`key=value` of everything a replay may depend on."""
    drawn = {
        "timeframe": random.choice(["1h", "2h", "3h"]),
        "min_score": round(random.uniform(0.2, 0.6), 3),
        "min_adx": round(random.uniform(10.0, 35.0), 1),
        "entry_threshold": round(random.uniform(0.1, 0.6), 3),
        "warmup_bars": int(random.integers(0, 200)),
        "sl_mult": round(random.uniform(0.5, 3.0), 2),
        "tp_mult": round(random.uniform(0.5, 6.0), 2),
        "time_stop_bars": int(random.integers(3, 200)),
        "cooldown_bars": int(random.integers(0, 10)),
        "risk_per_trade": int(random.integers(50, 2_000)),
        "max_entries_per_day": int(random.integers(1, 10)),
    }
    return [f"{key}={value}" for key, value in drawn.items()]


def request_of(
    dataset: Dataset, settings: list[str], from_day: int | None, to_day: int | None
) -> Request:
    risk, own = resolve(RiskSettings(), FusionSettings(), settings)
    return Request(
        strategy="fusion",
        settings=own,
        risk=risk.for_market(dataset.options.market),
        dataset=dataset,
        gear=Gear.EVENT,
        from_day=from_day,
        to_day=to_day,
    )


def compared(request: Request) -> Outcome:
    """Screen, replay focused and in full."""
    wanted = screen_request(request)
    started = time.perf_counter()
    screened = screen(wanted)
    screen_s = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "candidates.jsonl"
        write_candidates(path, wanted, screened)
        found = read_candidates(path, wanted)
    plan = plan_of(request, found, 0)
    one, full = focused(request, plan), run(replace(request, focus=None))
    left_out = skipped(request, plan, one)
    assert left_out is not None
    mismatches = list(differences(full.trades, one.trades))
    return Outcome(mismatches, len(full.trades), left_out, screen_s, one.seconds, full.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--from", dest="first", type=parse_day)
    parser.add_argument("--to", dest="last", type=parse_day)
    parser.add_argument("--sets", type=int, default=50)
    parser.add_argument("--seed", type=int, default=2025)
    asked = parser.parse_args()
    options = DataOptions(base_ns=60 * MINUTE_NS, market=Market.ALWAYS_OPEN)
    dataset, random = load([asked.data], options), np.random.default_rng(asked.seed)
    compared(request_of(dataset, [], asked.first, asked.last))  # compiles
    outcomes = []
    for number in range(asked.sets):
        settings = random_settings(random)
        outcome = compared(request_of(dataset, settings, asked.first, asked.last))
        if outcome.mismatches:
            sys.exit(f"set {number}, {' '.join(settings)}: {outcome.mismatches[0]}")
        outcomes.append(outcome)
    shares = [one.left_out for one in outcomes]
    screens, quick, slow = (
        sum(getattr(one, name) for one in outcomes) for name in ("screen_s", "focused_s", "full_s")
    )
    print(
        f"{len(outcomes)} sets of seed {asked.seed}: {sum(one.trades for one in outcomes)} trades,"
        f" the same in both; evaluations left out {min(shares):.1%} to {max(shares):.1%}"
    )
    print(f"screen {screens:.1f} s, focused {quick:.1f} s, full {slow:.1f} s")


if __name__ == "__main__":
    main()
