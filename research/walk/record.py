"""A walk-forward as the folder of a lab's run: what was asked and found, and its tables.

Every set that was evaluated goes into the trial ledger, once, before anything is said about what
was chosen. No set is evaluated here.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from core.session import day_text
from core.types import Float64s, Int64s
from research.honesty.evidence import Evidence
from research.honesty.trials import TrialLedger
from research.honesty.walked import walk_evidence
from research.metrics import metrics_of, ordered
from research.runs import LabRun
from research.search.record import recorded
from research.walk import cpcv
from research.walk.outcome import dates, stitched, windows_frame
from research.walk.validator import Walked, WalkForwardValidator

KIND = "walkforward"


def lab_run(
    validator: WalkForwardValidator,
    walked: Walked,
    ledger: TrialLedger,
    terms: Mapping[str, Any],
    combinatorial: cpcv.Scheme | None = None,
) -> LabRun:
    """Tables `windows`, `oos` (a row a session tried), `trades` where the gear lists any, `drift`,
    `scores` (every set of every train span), `sets` (each once), `daily` (a row a session of the
    data, a column a set, called by its number) and of CPCV `paths` and `splits`.

    Args:
        terms: what was asked, in words of the verb.
    """
    optimizer = validator.optimizer
    keys = list(optimizer.space.axes)
    days, returns = stitched(walked.outcomes)
    hindsight = _hindsight(walked, days)
    scores = [
        one.scores.select(pl.lit(one.window.number, pl.Int64).alias("window"), pl.all())
        for one in walked.outcomes
    ]
    tables = {
        "windows": windows_frame(
            walked.outcomes, keys, optimizer.objective, walked.periods_per_year
        ),
        "oos": pl.DataFrame(
            {
                "day": dates(days),
                "window": np.repeat(
                    [one.window.number for one in walked.outcomes],
                    [len(one.test_days) for one in walked.outcomes],
                ),
                "net_return": returns,
                "hindsight": hindsight,
            }
        ),
        **({} if walked.trades is None else {"trades": walked.trades}),
        "drift": walked.drift.moves,
        "scores": pl.concat(scores),
        "sets": _sets(walked, keys),
        "daily": _daily(walked),
    }
    told: dict[str, Any] = {
        "identity": dict(optimizer.subject.identity),
        "terms": dict(terms),
        "span": f"{day_text(int(walked.days[0]))} to {day_text(int(walked.days[-1]))}",
        "tested": f"{day_text(int(days[0]))} to {day_text(int(days[-1]))}",
        "keys": keys,
        "objective": optimizer.objective,
        "chosen": walked.next_values(),
        "windows": len(walked.outcomes),
        "failed": sum(one.test is None for one in walked.outcomes),
        "sets": len(walked.points),
        "out_of_sample": dict(walked.metrics),
        "hindsight": dict(
            ordered(metrics_of(hindsight, walked.periods_per_year, compounded=walked.compounded))
        ),
        "efficiency": walked.efficiency._asdict(),
        "drift": {"score": walked.drift.score, "by_chance": walked.drift.by_chance},
        "evidence": _evidence(validator, walked, ledger),
        "periods_per_year": walked.periods_per_year,
        "compounded": walked.compounded,
    }
    if combinatorial is not None and walked.hindsight is not None:
        validated = cpcv.validate(walked.daily, combinatorial, walked.periods_per_year)
        tables |= {"paths": validated.paths(), "splits": validated.splits}
        told["cpcv"] = {**combinatorial._asdict(), **_spread(validated.sharpes)}
    return LabRun(KIND, told, tables)


def _evidence(validator: WalkForwardValidator, walked: Walked, ledger: TrialLedger) -> Evidence:
    """Every set becomes one trial, measured over all sessions, however many windows tried it."""
    subject = validator.optimizer.subject
    trials = recorded(
        ledger,
        subject,
        walked.points,
        [None if np.isnan(ratio) else float(ratio) for ratio in walked.sharpes],
        span=(int(walked.days[0]), int(walked.days[-1])),
        periods_per_year=walked.periods_per_year,
    )
    return walk_evidence(subject, walked, *trials)


def _daily(walked: Walked) -> pl.DataFrame:
    columns = {str(number): row for number, row in enumerate(walked.daily, start=1)}
    return pl.DataFrame({"day": dates(walked.days), **columns}).fill_nan(None)


def _sets(walked: Walked, keys: list[str]) -> pl.DataFrame:
    """One row a distinct set: number, its values, Sharpe over all sessions (null: it failed)."""
    columns = {key: pl.Series([one[key] for one in walked.points], strict=False) for key in keys}
    numbers = range(1, len(walked.points) + 1)
    ratios = pl.Series(walked.sharpes, dtype=pl.Float64, nan_to_null=True)
    return pl.DataFrame({"number": pl.Series(numbers), **columns, "sharpe": ratios})


def _hindsight(walked: Walked, days: Int64s) -> Float64s:
    """Returns on `days` of the set with the best Sharpe over all sessions; NaN without one."""
    if walked.hindsight is None:
        return np.full(len(days), np.nan)
    own: Float64s = walked.daily[walked.hindsight, np.searchsorted(walked.days, days)]
    return own


def _spread(ratios: Float64s) -> dict[str, float]:
    """How the Sharpe ratios of the paths lie."""
    return {
        "mean": float(ratios.mean()),
        "deviation": float(ratios.std(ddof=1)) if len(ratios) > 1 else 0.0,
        "least": float(ratios.min()),
        "median": float(np.median(ratios)),
        "greatest": float(ratios.max()),
        "below_zero": float((ratios < 0).mean()),
    }
