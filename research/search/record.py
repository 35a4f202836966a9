"""A search as the folder of a lab's run: what was asked, what came of it, how much it proves.

Every set that was evaluated goes into the trial ledger before anything is said about the best one.
Nothing is evaluated here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from core.session import day_text
from core.types import Int64s
from research.evaluation import Subject
from research.honesty.evidence import Tried, evidence_of, traded_by
from research.honesty.trials import Trial, TrialLedger, digest_of
from research.runs import LabRun
from research.search.optimizer import LOWER_IS_BETTER, ParamOptimizer, Searched
from research.search.space import Point, numeric_kind

KIND = "optimize"


def lab_run(
    optimizer: ParamOptimizer, searched: Searched, ledger: TrialLedger, terms: Mapping[str, Any]
) -> LabRun:
    """Tables `scores` (a row a set) and `daily` (a column a set, its number, a row a session).

    Args:
        terms: what was asked, in words of the verb.
    """
    subject, days = optimizer.subject, searched.days
    span = int(days[0]), int(days[-1])
    of = subject.evaluator(*span)
    trials = recorded(
        ledger,
        subject,
        [point for point in searched.points if optimizer.space.broken(point) is None],
        _sharpes(optimizer, searched),
        span=span,
        periods_per_year=of.periods_per_year,
    )
    evidence: dict[str, Any] = {"trials": trials[0]}
    if searched.chosen is not None:
        evidence = evidence_of(
            searched.daily[searched.points.index(searched.chosen)],
            Tried(searched.daily, *trials),
            columns=slice(None),
            periods_per_year=of.periods_per_year,
            compounded=of.compounded,
            out_of_sample=False,
            traded=traded_by(subject, [(searched.chosen, span)]),
        )
    scores = searched.scores
    told: dict[str, Any] = {
        "identity": dict(subject.identity),
        "terms": dict(terms),
        "span": f"{day_text(span[0])} to {day_text(span[1])}",
        "keys": list(optimizer.space.axes),
        "numeric": [key for key, axis in optimizer.space.axes.items() if numeric_kind(axis)],
        "objective": optimizer.objective,
        "lower_is_better": optimizer.objective in LOWER_IS_BETTER,
        "sets": scores.height,
        "failed": scores["error"].is_not_null().sum(),
        "refused": scores["fails"].is_not_null().sum(),
        "chosen": searched.chosen,
        "best": searched.best,
        "chosen_number": _number(searched, searched.chosen),
        "best_number": _number(searched, searched.best),
        "evidence": evidence,
        "periods_per_year": of.periods_per_year,
        "compounded": of.compounded,
    }
    columns = {str(number): row for number, row in enumerate(searched.daily, start=1)}
    daily = pl.DataFrame({"day": _dates(days), **columns}).fill_nan(None)
    return LabRun(KIND, told, {"scores": scores, "daily": daily})


def recorded(
    ledger: TrialLedger,
    subject: Subject,
    points: Sequence[Point],
    sharpes: Sequence[float | None],
    *,
    span: tuple[int, int],
    periods_per_year: float,
) -> tuple[int, float | None]:
    """Enter every set into the ledger: how many there are now for this data, and the variance of
    their Sharpe ratios per session.

    Args:
        points: sets that were evaluated, failures among them (`sharpes` None), over `span`.
    """
    trials = [
        Trial(digest_of(whole_set(subject, point)), sharpe)
        for point, sharpe in zip(points, sharpes, strict=True)
    ]
    identity = subject.identity
    ledger.record(
        subject.data_hash,
        str(identity["strategy"]),
        trials,
        gear=str(identity["gear"]),
        span=span,
        periods_per_year=periods_per_year,
    )
    return ledger.count(subject.data_hash), ledger.sharpe_variance(subject.data_hash)


def whole_set(subject: Subject, point: Mapping[str, object]) -> dict[str, object]:
    """`point` with every parameter that it leaves as it is: the same trial in whatever search."""
    base = subject.identity.get("parameters", {})
    assert isinstance(base, Mapping)
    own = {
        key: float(value) if isinstance(value, int) and isinstance(base.get(key), float) else value
        for key, value in point.items()
    }
    return {**base, **own}


def _sharpes(optimizer: ParamOptimizer, searched: Searched) -> list[float | None]:
    ratios = searched.scores["sharpe"].to_list()
    return [
        ratio
        for point, ratio in zip(searched.points, ratios, strict=True)
        if optimizer.space.broken(point) is None
    ]


def _number(searched: Searched, point: Point | None) -> int | None:
    return None if point is None else searched.points.index(point) + 1


def _dates(days: Int64s) -> pl.Series:
    return pl.Series(days.astype(np.int32)).cast(pl.Date)
