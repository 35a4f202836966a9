"""Focused replay and its proof: a strategy evaluates on screened bars, and trades as if on all.

Everything else runs on every bar: indicators, higher bars, brackets, time stops, the account. The
proof is the full replay beside it, compared trade by trade.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import polars as pl

from backtest.candidates import CandidateFile
from backtest.run import Gear, Request, Result, run
from backtest.screen import ScreenRequest, bars_of, decisions_in, screen
from core.errors import ConfigError
from core.session import ist_text
from core.types import Int64s, Records
from strategies.focus import Focusable, bar_keys
from strategies.registry import build
from strategies.screeners import of_strategy

MAX_WINDOW = 1_000
MOST_COVERED, MOST_DENSE = 0.65, 0.15  # with a window: over it a full replay is as good
COMPARED = ("instrument", "side", "entry_ns", "entry_price", "exit_ns", "exit_price", "quantity")
INSTRUMENT_BITS = 40  # of `bar_keys`


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a replay evaluates: `keys` of decision bars, sorted; `bars` are all of the span."""

    keys: Int64s
    bars: int
    candidates: int  # of the span, each bar once
    window: int

    @property
    def coverage(self) -> float:
        return len(self.keys) / self.bars

    @property
    def density(self) -> float:
        return self.candidates / self.bars

    @property
    def falls_back(self) -> str | None:
        """Why the replay is a full one after all."""
        if self.window and self.coverage > MOST_COVERED:
            return f"{self.coverage:.1%} of the bars are covered, over {MOST_COVERED:.0%}"
        if self.window and self.density > MOST_DENSE:
            return f"{self.density:.1%} of the bars are candidates, over {MOST_DENSE:.0%}"
        return None


class Proof(NamedTuple):
    """The full replay beside the focused one; times in seconds, of programs already compiled."""

    full: Result
    recalled: int  # entries of the full replay that the focused one has as well
    mismatches: list[str]
    screen_s: float
    focused_s: float


def screen_request(request: Request) -> ScreenRequest:
    """The screen that belongs to a backtest. Raises ConfigError for a strategy without one."""
    return ScreenRequest(
        screener=of_strategy(request.strategy, request.settings),
        dataset=request.dataset,
        risk=request.risk,
        from_day=request.from_day,
        to_day=request.to_day,
    )


def plan_of(request: Request, found: CandidateFile, window: int) -> Plan:
    """The candidates of the span, and `window` decision bars of the same instrument around each."""
    if not 0 <= window <= MAX_WINDOW:
        raise ConfigError(f"--window {window} is not 0 to {MAX_WINDOW}")
    wanted = screen_request(request)
    bars = bars_of(wanted, (request.settings.timeframe_ns,))
    calendar = calendar_of(bars[decisions_in(wanted, bars, 0)])
    places = np.flatnonzero(np.isin(calendar, found.keys))
    return Plan(calendar[around(calendar, places, window)], len(calendar), len(places), window)


def calendar_of(bars: Records) -> Int64s:
    """Keys of decision bars, by instrument and time."""
    return np.sort(bar_keys(bars["instrument"], bars["open_ns"]))


def around(calendar: Int64s, places: Int64s, window: int) -> Int64s:
    """`places` and `window` bars on each side, within the instrument, each once."""
    instrument = calendar >> INSTRUMENT_BITS
    first = np.searchsorted(instrument, instrument[places], "left")
    end = np.searchsorted(instrument, instrument[places], "right")
    steps = np.zeros(len(calendar) + 1, np.int64)
    np.add.at(steps, np.maximum(places - window, first), 1)
    np.add.at(steps, np.minimum(places + window + 1, end), -1)
    return np.flatnonzero(np.cumsum(steps[:-1]) > 0)


def focused(request: Request, plan: Plan) -> Result:
    """The replay of `plan`."""
    return run(replace(request, gear=Gear.EVENT, focus=None if plan.falls_back else plan.keys))


def skipped(request: Request, plan: Plan, result: Result) -> float | None:
    """Share of the evaluations of a full replay that were left out; None: they are no part of
    their own."""
    symbols = [one.symbol for one in request.dataset.instruments]
    if not isinstance(build(request.strategy, request.settings, symbols), Focusable):
        return None
    return 1.0 - result.evaluations / plan.bars


def prove(request: Request, found: CandidateFile, plan: Plan, result: Result) -> Proof:
    """Screen again and replay in full: the same candidates and the same trades as `result` has."""
    started = time.perf_counter()
    screened = screen(screen_request(request))
    screen_s = time.perf_counter() - started
    focused_s = focused(request, plan).seconds  # once more: the first may have compiled its kernels
    full = run(replace(request, gear=Gear.EVENT, focus=None))
    lost = len(np.setdiff1d(screened.keys, found.keys))
    mismatches = [f"{lost} candidates of the screen are not in {found.path}"] if lost else []
    mismatches += differences(full.trades, result.trades)
    recalled = full.trades.join(result.trades, on=["instrument", "entry_ns"], how="semi")
    return Proof(full, len(recalled), mismatches, screen_s, focused_s)


def differences(full: pl.DataFrame, focus: pl.DataFrame) -> Iterator[str]:
    """Trade by trade, in order of entry: what only one of the two has, or has otherwise."""
    key = ["instrument", "entry_ns"]
    both = full.select(COMPARED).join(
        focus.select(COMPARED), on=key, how="full", suffix="_focused", coalesce=True
    )
    for row in both.sort("entry_ns", "instrument").iter_rows(named=True):
        title = f"{row['instrument']} entered {ist_text(row['entry_ns'])}"
        if row["side_focused"] is None:
            yield f"{title}: missing in the focused replay"
        elif row["side"] is None:
            yield f"{title}: in the focused replay alone"
        else:
            for name in COMPARED:
                other = row.get(f"{name}_focused", row[name])
                if other != row[name]:
                    yield f"{title}: {name} {row[name]} in full, {other} focused"
