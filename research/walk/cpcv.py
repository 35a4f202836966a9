"""Combinatorial purged cross-validation: many out-of-sample histories out of one matrix of returns.

The sessions are cut into N groups; every choice of k of them is a test once. In each split a set is
chosen by the other groups and tried on these; the tried groups make up C(N, k) * k / N whole paths.
López de Prado, Advances in Financial Machine Learning (2018), chapter 12.
"""

from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
import polars as pl

from core.errors import ConfigError, DataError
from core.types import Bools, Float64s, Int64s
from research.walk.windows import EMBARGO_SESSIONS

MAX_SPLITS = 2_000  # each looks through the whole matrix


class Scheme(NamedTuple):
    """`purge_sessions`: those beside each test group that are not learned from.

    Before it: a position held into the test would be learned from; after it: what moved the test
    still moves the next session (the embargo of section 7.4.2). The same number on both sides.
    """

    groups: int
    tested: int
    purge_sessions: int = EMBARGO_SESSIONS


class Validated(NamedTuple):
    """`sharpes`: float64[paths]. `returns`: float64[paths, sessions], each session tried once.

    `splits`: one row a split: number, tested ("1 4": its test groups), chosen (row of the matrix),
    train_sessions, train_sharpe, test_sharpe.
    """

    sharpes: Float64s
    returns: Float64s
    splits: pl.DataFrame

    def paths(self) -> pl.DataFrame:
        """One row a path: path (from 1), sharpe, total (sum of its returns)."""
        return pl.DataFrame(
            {
                "path": np.arange(1, len(self.sharpes) + 1),
                "sharpe": self.sharpes,
                "total": self.returns.sum(axis=1),
            }
        )


def validate(daily: Float64s, scheme: Scheme, periods_per_year: float) -> Validated:
    """Choose by the Sharpe ratio of the training sessions in every split, first set where equal.

    Args:
        daily: float64[sets, sessions], net returns; a set with any NaN is not chosen from.

    Raises ConfigError where the scheme does not fit the sessions, DataError without a whole set.
    """
    check(scheme, daily.shape[1])
    whole = np.flatnonzero(~np.isnan(daily).any(axis=1))
    if not len(whole):
        raise DataError("no set of parameters has a return for every session")
    bounds = group_bounds(daily.shape[1], scheme.groups)
    splits = splits_of(scheme)
    paths = path_splits(splits, scheme.groups)
    returns = np.empty((len(paths), daily.shape[1]))
    rows = []
    for number, tested in enumerate(splits):
        learned, tried = masks(bounds, tested, scheme.purge_sessions)
        train = sharpes(daily[np.ix_(whole, learned)], periods_per_year)
        best = int(np.argmax(train))
        chosen = int(whole[best])
        for group in tested:
            begin, end = bounds[group : group + 2]
            path = int(np.flatnonzero(paths[:, group] == number)[0])
            returns[path, begin:end] = daily[chosen, begin:end]
        test = sharpes(daily[chosen : chosen + 1, tried], periods_per_year)
        names = " ".join(str(group + 1) for group in tested)
        told = int(learned.sum()), float(train[best]), float(test[0])
        rows.append((number + 1, names, chosen, *told))
    columns = ("number", "tested", "chosen", "train_sessions", "train_sharpe", "test_sharpe")
    frame = pl.DataFrame(rows, list(columns), orient="row")
    return Validated(sharpes(returns, periods_per_year), returns, frame)


def check(scheme: Scheme, sessions: int) -> None:
    """Raises ConfigError."""
    groups, tested, purge = scheme
    if not 1 <= tested < groups:
        raise ConfigError(f"cpcv {groups},{tested}: of N groups 1 to N - 1 are tested at a time")
    if comb(groups, tested) > MAX_SPLITS:
        raise ConfigError(
            f"cpcv {groups},{tested} has {comb(groups, tested):,} splits, over {MAX_SPLITS:,}"
        )
    smallest = 2 * max(purge, 0) + 2  # a group between two tested ones keeps two sessions
    if purge < 0 or sessions // groups < smallest:
        raise ConfigError(
            f"cpcv {groups},{tested}: {sessions} sessions in {groups} groups, purged by {purge}"
            f" beside each test: a group needs {smallest} sessions or more"
        )


def group_bounds(sessions: int, groups: int) -> Int64s:
    """int64[groups + 1]: where each group begins, and the end; the first ones are one longer."""
    sizes = np.full(groups, sessions // groups)
    sizes[: sessions % groups] += 1
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def splits_of(scheme: Scheme) -> list[tuple[int, ...]]:
    """Test groups of every split, in lexicographic order, as in figure 12.1 of the source."""
    return list(combinations(range(scheme.groups), scheme.tested))


def path_splits(splits: list[tuple[int, ...]], groups: int) -> Int64s:
    """int64[paths, groups]: path p takes each group from the p-th split that tests it.

    That is the assignment of figure 12.2 of the source.
    """
    of_group = [[i for i, one in enumerate(splits) if group in one] for group in range(groups)]
    return np.array(of_group, np.int64).T


def masks(bounds: Int64s, tested: tuple[int, ...], purge_sessions: int) -> tuple[Bools, Bools]:
    """Which sessions a split learns from, and which it tries."""
    sessions = int(bounds[-1])
    learned, tried = np.ones(sessions, np.bool_), np.zeros(sessions, np.bool_)
    for group in tested:
        begin, end = int(bounds[group]), int(bounds[group + 1])
        tried[begin:end] = True
        learned[max(0, begin - purge_sessions) : end + purge_sessions] = False
    return learned, tried


def sharpes(daily: Float64s, periods_per_year: float) -> Float64s:
    """float64[rows]: mean by sample deviation, annualised; 0 where a row is flat."""
    mean, deviation = daily.mean(axis=1), daily.std(axis=1, ddof=1)
    flat = daily.max(axis=1) == daily.min(axis=1)  # whatever rounding makes of the deviation
    ratio = np.divide(mean, deviation, out=np.zeros_like(mean), where=~flat)
    annualised: Float64s = ratio * np.sqrt(periods_per_year)
    return annualised
