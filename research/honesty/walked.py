"""The evidence for a walk-forward: its out-of-sample returns against everything that was tried."""

import numpy as np

from research.evaluation import Subject
from research.honesty.evidence import Evidence, Tried, evidence_of, traded_by
from research.walk.outcome import stitched
from research.walk.validator import Walked


def walk_evidence(
    subject: Subject, walked: Walked, trials: int, variance: float | None
) -> Evidence:
    """As `evidence_of`. Sessions of a window without a choice count, with a return of 0.

    Args:
        trials, variance: of the trial ledger for this data, once the sets of the walk are in it.
    """
    days, returns = stitched(walked.outcomes)
    chosen = [
        (one.chosen, one.window.test)
        for one in walked.outcomes
        if one.chosen is not None and one.test is not None
    ]
    return evidence_of(
        returns,
        Tried(walked.daily, trials, variance),
        columns=np.searchsorted(walked.days, days),
        periods_per_year=walked.periods_per_year,
        compounded=walked.compounded,
        out_of_sample=True,
        traded=traded_by(subject, chosen),
        efficiency=walked.efficiency.profit,
    )
