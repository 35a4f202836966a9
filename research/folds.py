"""Folds in order of time: what is learned from lies wholly before what it is tested on.

Purged: an event whose holding period reaches the test fold is dropped from training. Embargoed: so
is one that ends within EMBARGO_NS before it. Decides nothing about models.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from core.errors import InvariantBroken
from core.session import DAY_NS, IST_OFFSET_NS, ist_text
from core.types import Int64s

FOLDS = 5
EMBARGO_NS = DAY_NS  # what moved one day's close still moves the next open


class Fold(NamedTuple):
    """Row numbers of events. `purged` and `embargoed` would be in `train` but for those rules."""

    train: Int64s
    test: Int64s
    purged: Int64s
    embargoed: Int64s


def folds(decided_ns: Int64s, ended_ns: Int64s, count: int = FOLDS) -> list[Fold]:
    """`count` folds over events in order of decision; each trains on everything before its test.

    Whole days make `count + 1` blocks of about as many events; the first is only learned from.
    Fewer days give fewer folds.

    Args:
        decided_ns, ended_ns: of each event the close of its bar and the exit of its trade.
    """
    days = (decided_ns + IST_OFFSET_NS) // DAY_NS
    _, first = np.unique(days, return_index=True)  # of each day its first event
    edges = np.arange(1, count + 1) * len(days) / (count + 1)
    starts = np.unique(first[np.searchsorted(first, edges).clip(max=len(first) - 1)])
    starts = starts[starts > 0]
    made = []
    for begin, end in pairwise([*starts, len(days)]):
        before = np.arange(begin)
        test_ns = decided_ns[begin]
        reaches = ended_ns[:begin] >= test_ns
        near = ~reaches & (ended_ns[:begin] > test_ns - EMBARGO_NS)
        made.append(
            Fold(
                train=before[~reaches & ~near],
                test=np.arange(begin, end),
                purged=before[reaches],
                embargoed=before[near],
            )
        )
    return made


def require_apart(made: Sequence[Fold], decided_ns: Int64s, ended_ns: Int64s) -> None:
    """Raise InvariantBroken where training knows anything of its test: asked before every fit."""
    for number, fold in enumerate(made, 1):
        if not len(fold.train):
            continue
        last = fold.train[np.argmax(ended_ns[fold.train])]
        test_ns = decided_ns[fold.test].min()
        if ended_ns[last] > test_ns - EMBARGO_NS:
            raise InvariantBroken(
                f"fold {number} leaks: a training event ends {ist_text(int(ended_ns[last]))},"
                f" its test begins {ist_text(int(test_ns))}"
            )
