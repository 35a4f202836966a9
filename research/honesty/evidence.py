"""The evidence for a result as plain JSON: every figure that a page shows and the gate asks for.

Computed from arrays and nothing else, so that it can be computed again. A figure without a value is
None and is no evidence for anything. What it takes to pass is said by `gate.py`.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from core.types import Float64s, Int64s
from research.evaluation import Subject, TradedSubject
from research.honesty.montecarlo import Draw, Paths, block_bootstrap, block_length, trade_paths
from research.honesty.overfitting import probability_of_overfitting
from research.honesty.sharpe import (
    CONFIDENCE,
    expected_maximum,
    min_backtest_years,
    moments_of,
)
from research.honesty.significance import EntryTest, Segment, entry_test, segment_trades
from strategies.registry import KERNELS

Evidence = dict[str, Any]
LOW = "5"  # the percentile of the paths that is asked for


class Tried(NamedTuple):
    """What was tried to find the result.

    `daily`: float64[sets, sessions], every set of this run over all its sessions, NaN rows for
    failures. `trials` and `variance`: of the trial ledger, those of this run among them. Where the
    ledger's variance is the greater it counts: a narrow search after a wide one hides nothing.
    """

    daily: Float64s
    trials: int
    variance: float | None


class Traded(NamedTuple):
    """Trades of the result: nets by the initial cash in the order of exits, and its entries."""

    returns: Float64s
    entries: EntryTest | None


def evidence_of(
    returns: Float64s,
    tried: Tried,
    *,
    columns: Int64s | slice,
    periods_per_year: float,
    compounded: bool,
    out_of_sample: bool,
    traded: Traded | None = None,
    efficiency: float | None = None,
    seed: int = 1,
) -> Evidence:
    """Ratios annualised, lengths in sessions, shares of one.

    Args:
        returns: float64[n], the net return of each session of the result.
        columns: which sessions of `tried.daily` those are.
        out_of_sample: whether nothing about these sessions was known to whoever chose.
        traded: None where the engine makes no trades.
    """
    year = sqrt(periods_per_year)
    variance = max(_variance(tried.daily[:, columns]), tried.variance or 0.0)
    hurdle = expected_maximum(tried.trials, variance)
    known = moments_of(returns)
    found: Evidence = {
        "out_of_sample": out_of_sample,
        "sessions": len(returns),
        "trials": tried.trials,
        "trials_deviation": sqrt(variance) * year,
        "sharpe": known and known.sharpe * year,
        "skew": known and known.skew,
        "kurtosis": known and known.kurtosis,
        "probabilistic_sharpe": known and known.probability_above(0.0),
        "expected_maximum": hurdle * year,
        "deflated_sharpe": known and known.probability_above(hurdle),
        "min_track_record": known and known.least_length(0.0, CONFIDENCE),
        "min_track_record_deflated": known and known.least_length(hurdle, CONFIDENCE),
        "min_backtest_years": min_backtest_years(tried.trials),
    }
    return {
        **found,
        **_overfitting(tried.daily),
        **_sessions(returns, compounded=compounded, seed=seed),
        **_trades(traded, seed),
        "efficiency": efficiency,
    }


def traded_by(
    subject: Subject, chosen: Sequence[tuple[Mapping[str, object], tuple[int, int]]]
) -> Traded | None:
    """The trades that `chosen` values made in their spans, each on a fresh account.

    None for a subject that makes no trades. Without a kernel the entries have no test.
    """
    if not isinstance(subject, TradedSubject):
        return None
    request = subject.request
    segments = [Segment(*subject.settled(values), *span) for values, span in chosen]
    if not segments:
        return Traded(np.zeros(0), None)
    trades = segment_trades(request, segments)
    cash_paise = np.array([one.risk.initial_cash * 100 for one in segments])
    nets = trades["net_paise"].to_numpy() / cash_paise[trades["segment"].to_numpy()]
    order = np.argsort(trades["exit_ns"].to_numpy(), kind="stable")
    has_kernel = request.strategy in KERNELS
    return Traded(nets[order], entry_test(request, segments, trades) if has_kernel else None)


def _variance(daily: Float64s) -> float:
    """Of the per-session Sharpe ratios of all sets that were evaluated; 0 where flat, as always."""
    whole = daily[np.isfinite(daily).all(axis=1)]
    if len(whole) < 2 or whole.shape[1] < 2:
        return 0.0
    deviation = whole.std(axis=1, ddof=1)
    flat = np.ptp(whole, axis=1) == 0.0
    ratios = np.where(flat, 0.0, whole.mean(axis=1) / np.where(flat, 1.0, deviation))
    return float(ratios.var(ddof=1))


def _overfitting(daily: Float64s) -> Evidence:
    found = probability_of_overfitting(daily)
    return {
        "sets": len(daily),
        "probability_of_overfitting": found and found.probability,
        "probability_of_loss": found and found.probability_of_loss,
        "degradation_slope": found and found.slope,
    }


def _sessions(returns: Float64s, *, compounded: bool, seed: int) -> Evidence:
    if not len(returns):
        return {"bootstrap_return": None, "probability_of_ruin": None, "session_paths": None}
    paths = block_bootstrap(returns, compounded=compounded, seed=seed)
    return {
        "bootstrap_return": paths.percentiles()["total_return"][LOW],
        "probability_of_ruin": paths.probability_of_ruin(),
        "session_paths": {"mean_block": block_length(returns), **_told(paths)},
    }


def _trades(traded: Traded | None, seed: int) -> Evidence:
    found: Evidence = dict.fromkeys(("trades", "p_value", "entries", "trade_paths"))
    if traded is None:
        return found
    found["trades"] = len(traded.returns)
    if traded.entries is not None:
        found["p_value"] = traded.entries.p_value
        found["entries"] = traded.entries._asdict()
    if len(traded.returns):
        found["trade_paths"] = {
            str(draw): _told(trade_paths(traded.returns, draw, seed=seed)) for draw in Draw
        }
    return found


def _told(paths: Paths) -> Evidence:
    return {
        **paths.percentiles(),
        "probability_of_loss": paths.probability_of_loss,
        "probability_of_ruin": paths.probability_of_ruin(),
    }
