"""Is a strategy honest? Causality at every bar, enough warm-up, and both gears equal.

A check returns what it found and never repairs. The first offending bar and column is named.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from backtest.files import events_frame
from backtest.run import Gear, Request, Result, run, session_terms
from core.bars import Resampler
from core.book import Strategy
from core.session import ist_text
from core.types import MAX_EVENTS, Records, minute_of
from providers.replay import ReplayProvider
from strategies.precomputed import PrecomputedSettings
from strategies.registry import build, needs_event_gear
from strategies.settings import StrategySettings

SCRAMBLED_CUTS = 64
PLAIN_CUTS = 4  # each is a pass over all bars, and plain Python takes a thousand times as long
WARM_UP_TOLERANCE = 1e-9
DECIDED_LATER = frozenset({"status", "refusal", "value", "limit", "quantity", "number"})


@dataclass(frozen=True, slots=True)
class Check:
    """One question of the audit. `ok` None: the data cannot answer it, which is no failure."""

    name: str
    ok: bool | None
    text: str


def audit(request: Request, history_sessions: int | None = None, seed: int = 1) -> Iterator[Check]:
    """Every check in turn, cheapest first; `history_sessions` of the request unless given."""
    history_sessions = history_sessions or request.history_sessions
    provider = ReplayProvider(request.dataset, session_terms(request.risk))
    symbols = [instrument.symbol for instrument in request.dataset.instruments]
    strategy = _fresh(request, symbols)
    resampler = _resampler(request, provider, strategy)
    bars = np.concatenate(
        [resampler.resample(span).strategy_bars.copy() for span in provider.day_spans()]
    )
    yield check_bars(provider, _resampler(request, provider, strategy), bars)
    if not strategy.sees_account:
        yield check_causality(request, symbols, bars, seed)
        yield check_warm_up(request, symbols, bars, history_sessions)
        if len(strategy.timeframes_ns) > 1:
            for name in ("gears", "batch"):
                yield Check(name, None, "a strategy of several timeframes: the event gear only")
        else:
            event = run(replace(request, gear=Gear.EVENT))
            yield check_gears(request, event)
            yield check_batch(request, symbols, bars, event)
    else:
        for name in ("causality", "warm-up", "gears", "batch"):
            yield Check(name, None, "a plain Python strategy: it can only be run")


def check_bars(provider: ReplayProvider, resampler: Resampler, bars: Records) -> Check:
    """Strategy bars built one Minute at a time, as live builds them, equal those of whole days."""
    found = 0
    for span in provider.day_spans():
        for minute in range(len(span.close_ns)):
            for bar in resampler.resample(minute_of(span, minute)).strategy_bars:
                want = bars[found]
                bar["minute"] = want["minute"]
                if bar != want:
                    column = next(n for n in bars.dtype.names or () if bar[n] != want[n])
                    return Check("bars", False, f"{_title(want)}: {column} differs bar by bar")
                found += 1
    return Check("bars", found == len(bars), f"{found} of {len(bars)} strategy bars, one by one")


def check_causality(request: Request, symbols: list[str], bars: Records, seed: int) -> Check:
    """events(bars[0..t]) up to t equal events(bars[0..n]) up to t, for every t.

    Feeding the bars one at a time is that run for every t at once; scrambling the tail behind
    seeded cuts catches what looks at later bars by another way than its argument.
    """
    whole = _fresh(request, symbols).on_bars(bars).copy()
    strategy, alone = _fresh(request, symbols), np.empty_like(whole)
    for t in range(len(bars)):
        alone[t] = strategy.on_bars(bars[t : t + 1])[0]
    if found := first_difference(whole, alone):
        return Check(
            "causality", False, f"{_title(bars[found.row])}: {found.column} knew a later bar"
        )
    random = np.random.default_rng(seed)
    cuts = PLAIN_CUTS if needs_event_gear(request.strategy) else SCRAMBLED_CUTS
    for cut in sorted(random.integers(1, max(2, len(bars)), cuts).tolist()):
        scrambled = bars.copy()
        for name in ("open", "high", "low", "close"):
            scrambled[name][cut:] *= random.uniform(0.5, 1.5, len(bars) - cut)
        said = _fresh(request, symbols).on_bars(scrambled)
        if found := first_difference(whole[:cut], said[:cut]):
            where, when = _title(bars[found.row]), _title(bars[cut])
            text = f"{where}: {found.column} changes with bars from {when}"
            return Check("causality", False, text)
    return Check("causality", True, f"{len(bars)} bars, each with and without the bars after it")


def check_warm_up(
    request: Request, symbols: list[str], bars: Records, history_sessions: int
) -> Check:
    """A run started `history_sessions` before the last session says the same in it, to 1e-9."""
    days = np.unique(bars["day"])
    name = "warm-up"
    if len(days) <= history_sessions:
        text = f"{len(days)} sessions in the data, {history_sessions + 1} needed to tell"
        return Check(name, None, text)
    whole = _fresh(request, symbols).on_bars(bars).copy()
    needed = 0
    for instrument in range(len(symbols)):
        rows = np.flatnonzero(bars["instrument"] == instrument)
        last = rows[bars["day"][rows] == days[-1]]
        if not len(last):
            continue
        first = rows[bars["day"][rows] >= days[-1 - history_sessions]][0]
        found = _cold_start_difference(request, symbols, bars, whole, rows[rows >= first], last)
        if found:
            where = _title(bars[last[found.row]])
            text = f"{where}: {found.column} still differs after {history_sessions} sessions"
            return Check(name, False, text)
        low, high = 0, int(np.sum((rows >= first) & (rows < last[0])))
        while low < high:  # the smallest number of bars before the last session that is enough
            middle = (low + high) // 2
            started = rows[np.searchsorted(rows, last[0]) - middle :]
            if _cold_start_difference(request, symbols, bars, whole, started, last):
                low = middle + 1
            else:
                high = middle
        needed = max(needed, low)
    return Check(name, True, f"{needed} bars are enough, {history_sessions} sessions are given")


def check_gears(request: Request, event: Result) -> Check:
    """Both gears write the same rows."""
    compiled = run(replace(request, gear=Gear.COMPILED))
    differs = first_row(compiled, event)
    if differs:
        return Check("gears", False, f"{differs} differs between the gears")
    text = f"{len(compiled.signals)} signals, {len(compiled.trades)} trades in both"
    return Check("gears", True, text)


def check_batch(request: Request, symbols: list[str], bars: Records, event: Result) -> Check:
    """Every event of the span made in one pass and traded as a precomputed signal gives the rows
    of the strategy run bar by bar."""
    strategy = _fresh(request, symbols)
    made = events_frame(strategy.kinds, symbols, bars, strategy.on_bars(bars))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        made.write_parquet(path)
        known = StrategySettings.model_fields
        terms = {name: value for name, value in request.settings if name in known}
        settings = PrecomputedSettings(**terms, signals_path=str(path))
        traded = run(replace(request, strategy="precomputed", settings=settings, gear=Gear.EVENT))
    differs = first_row(traded, event, but=("strategy", "signal_id"))
    if differs:
        return Check("batch", False, f"{differs} differs from the strategy run bar by bar")
    text = f"{len(made)} events in one pass, {len(traded.trades)} trades as bar by bar"
    return Check("batch", True, text)


def first_row(one: Result, other: Result, but: tuple[str, ...] = ()) -> str:
    """Which row of which file differs first; empty if none does."""
    for name in ("signals", "trades"):
        a, b = (getattr(result, name).drop(*but) for result in (one, other))
        if not a.equals(b):
            same = min(len(a), len(b))
            row = next((i for i in range(same) if a.row(i) != b.row(i)), same)
            return f"{name} row {row}"
    return ""


class Difference(NamedTuple):
    row: int
    column: str


def first_difference(one: Records, other: Records, tolerance: float = 0.0) -> Difference | None:
    """The first row of two SIGNAL arrays that differs, and the column of it.

    NaN equals NaN; `tolerance` is relative (and absolute near zero). Only events that were raised
    are compared, and no column that is decided later.
    """
    raised = np.arange(MAX_EVENTS) < one["count"][:, None]
    first: Difference | None = None
    for name in one.dtype.names or ():
        if name in DECIDED_LATER:
            continue
        a, b = one[name], other[name]
        if name in ("kind", "side"):
            a, b = np.where(raised, a, 0), np.where(raised, b, 0)
        if a.dtype.kind == "f":
            same = np.isclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
        else:
            same = a == b
        if same.all():
            continue
        row, *place = np.argwhere(~same)[0].tolist()
        if first is None or row < first.row:
            first = Difference(row, f"{name}[{place[0]}]" if place else name)
    return first


def _cold_start_difference(
    request: Request,
    symbols: list[str],
    bars: Records,
    whole: Records,
    started: np.ndarray,
    last: np.ndarray,
) -> Difference | None:
    said = _fresh(request, symbols).on_bars(bars[started])
    return first_difference(whole[last], said[np.searchsorted(started, last)], WARM_UP_TOLERANCE)


def _fresh(request: Request, symbols: list[str]) -> Strategy:
    return build(request.strategy, request.settings, symbols)


def _resampler(request: Request, provider: ReplayProvider, strategy: Strategy) -> Resampler:
    return Resampler(strategy.timeframes_ns, request.dataset.options.base_ns, provider.groups)


def _title(bar: np.void) -> str:
    return f"bar {ist_text(int(bar['open_ns']))} of instrument {int(bar['instrument'])}"
