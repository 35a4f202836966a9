"""Which sessions a walk-forward learns from and which it is tried on, window after window.

Decides spans alone, by the sessions the data has. A test span never overlaps another one, and
what is learned from ends before it by an embargo.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from core.errors import ConfigError, DataError
from core.session import DAY_NS, day_text
from core.types import Int64s
from research.folds import EMBARGO_NS

EMBARGO_SESSIONS = EMBARGO_NS // DAY_NS
LONGEST_CLOSURE_DAYS = 6  # between two sessions: a last month is whole if no more is missing
MOST = 10_000  # months or sessions

Span = tuple[int, int]  # first and last session, inclusive


class Length(NamedTuple):
    """`12m`: calendar months, `250d`: sessions."""

    periods: int
    unit: Literal["m", "d"]

    def __str__(self) -> str:
        return f"{self.periods}{self.unit}"


class Window(NamedTuple):
    """`number` counts from 1. `is_short`: the data ends before the test span does."""

    number: int
    train: Span
    test: Span
    is_short: bool


class Scheme(NamedTuple):
    """How windows follow each other.

    Args:
        step: from one test span to the next; None: its length. All three have one unit.
        anchored: every train span begins with the data; else it is `train` long.
        embargo_sessions: the last ones before the test span, which are not learned from.
        drop_short: whether a last test span that the data cuts short is left out.
    """

    train: Length
    test: Length
    step: Length | None = None
    anchored: bool = False
    embargo_sessions: int = EMBARGO_SESSIONS
    drop_short: bool = False


def length_of(option: str, text: str) -> Length:
    """Raises ConfigError unless `text` is like 12m or 250d."""
    found = re.fullmatch(r"(\d{1,5})([md])", text)
    if found is None or not 1 <= int(found[1]) <= MOST:
        raise ConfigError(
            f'{option} "{text}" is not months or sessions, 1 to {MOST:,}: e.g. 12m or 250d'
        )
    return Length(int(found[1]), "m" if found[2] == "m" else "d")


def windows_of(days: Int64s, scheme: Scheme) -> list[Window]:
    """All windows of the data, in order; at least one.

    Months are whole ones of the calendar, the one in which the data begins among them. A window in
    whose train or test span the data has no session is none.

    Args:
        days: int64[n], the sessions of the data, ascending, as days since 1970-01-01.

    Raises ConfigError where the terms contradict each other, DataError where the data is too short.
    """
    step = _checked(scheme)
    if not len(days):
        raise DataError("no session of the data lies in the span")
    made: list[Window] = []
    for start, edge, end, is_short in _edges(days, scheme, step):
        begin = 0 if scheme.anchored else start
        trained = edge - scheme.embargo_sessions
        if begin >= trained or edge >= end or (is_short and scheme.drop_short):
            continue
        train = int(days[begin]), int(days[trained - 1])
        made.append(Window(len(made) + 1, train, (int(days[edge]), int(days[end - 1])), is_short))
    if not made:
        raise DataError(_too_short(days, scheme))
    return made


def _checked(scheme: Scheme) -> Length:
    step = scheme.step or scheme.test
    if len({scheme.train.unit, scheme.test.unit, step.unit}) > 1:
        raise ConfigError(
            f"train {scheme.train}, test {scheme.test} and step {step} are not all in months (m)"
            " or all in sessions (d)"
        )
    if step.periods < scheme.test.periods:
        raise ConfigError(
            f"step {step} is shorter than test {scheme.test}: test windows would overlap"
        )
    if scheme.embargo_sessions < 0:
        raise ConfigError(f"embargo {scheme.embargo_sessions} is not 0 or more sessions")
    if scheme.train.unit == "d" and scheme.embargo_sessions >= scheme.train.periods:
        raise ConfigError(
            f"embargo {scheme.embargo_sessions} leaves no session of train {scheme.train}"
        )
    return step


def _edges(days: Int64s, scheme: Scheme, step: Length) -> Iterator[tuple[int, int, int, bool]]:
    """Rows of `days` where train begins, test begins and ends, and whether the data ends first."""
    train, test = scheme.train.periods, scheme.test.periods
    if scheme.train.unit == "d":
        for start in range(0, len(days) - train, step.periods):
            end = start + train + test
            yield start, start + train, min(end, len(days)), end > len(days)
        return
    first, last = int(_months(days[:1])[0]), int(_months(days[-1:])[0])
    for month in range(first, last - train + 1, step.periods):
        edges = _first_days(np.array([month, month + train, month + train + test]))
        start, edge, end = np.searchsorted(days, edges).tolist()
        yield start, edge, end, int(days[-1]) < int(edges[2]) - 1 - LONGEST_CLOSURE_DAYS


def _months(days: Int64s) -> Int64s:
    """Months since 1970-01."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _first_days(months: Int64s) -> Int64s:
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _too_short(days: Int64s, scheme: Scheme) -> str:
    held = f"{len(days):,} sessions"
    if scheme.train.unit == "m":
        months = _months(days[[0, -1]])
        held = f"{int(months[1] - months[0]) + 1} calendar months"
    return (
        f"no window fits: train {scheme.train} and test {scheme.test}, the data has {held},"
        f" {day_text(int(days[0]))} to {day_text(int(days[-1]))}"
    )
