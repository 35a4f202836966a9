"""Which sets of parameters there are: axes by key, what is asked of several keys, every point.

Knows numbers and words only; whether a strategy takes them is its subject's to say.
"""

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np

from core.errors import ConfigError
from core.types import Float64s
from research.metrics import METRICS

MAX_SETS = 20_000  # of one search: its daily returns stay in memory and in one table
MAX_ROUNDS = 50  # of draws for points that have not been drawn; few are needed below half of all
Point = dict[str, object]


@dataclass(frozen=True, slots=True)
class Choice:
    """Values in their given order: neighbours in it are neighbours in the search."""

    values: tuple[object, ...]

    @property
    def size(self) -> int:
        return len(self.values)

    def at(self, number: int) -> object:
        return self.values[number]

    def scaled(self, value: object) -> float:
        """Where `value` lies between the first (0) and the last (1)."""
        return self.values.index(value) / max(1, self.size - 1)


@dataclass(frozen=True, slots=True)
class Interval:
    """Any number from `low` to `high`, both included; whole ones only, or even in their logs."""

    low: float
    high: float
    is_whole: bool = False
    is_log: bool = False

    @property
    def size(self) -> int | None:
        """None: without end."""
        return int(self.high - self.low) + 1 if self.is_whole else None

    def at(self, number: int) -> object:
        return int(self.low) + number

    def scaled(self, value: object) -> float:
        assert isinstance(value, int | float)
        ends = (self.low, self.high)
        low, high = map(math.log, ends) if self.is_log else ends
        own = math.log(value) if self.is_log else value
        return (own - low) / (high - low) if high > low else 0.0


Axis = Choice | Interval

_BY_SIGN: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True, slots=True)
class Relation:
    """`left sign right`: keys of the space, or a number on the right."""

    left: str
    sign: str
    right: str | float

    def broken(self, point: Mapping[str, object]) -> str | None:
        """What is wrong with a point, in words."""
        left = point[self.left]
        right = point[self.right] if isinstance(self.right, str) else self.right
        if _BY_SIGN[self.sign](float(str(left)), float(str(right))):
            return None
        named = f"{self.right} {right}" if isinstance(self.right, str) else f"{right:g}"
        return f"{self.left} {left} is not {self.sign} {named}"


@dataclass(frozen=True, slots=True)
class Space:
    """Axes by key, in order. A point that breaks a relation is a row with that as its error.

    Raises ConfigError for an empty space, or a relation about another key.
    """

    axes: Mapping[str, Axis]
    relations: tuple[Relation, ...] = ()

    def __post_init__(self) -> None:
        if not self.axes:
            raise ConfigError("nothing to search: name at least one key and its values")
        taken = next((key for key in self.axes if key in METRICS), None)
        if taken is not None:
            raise ConfigError(f"key {taken} has the name of a metric: tables could not tell them")
        for one in self.relations:
            for key in (one.left, one.right):
                if isinstance(key, str) and key not in self.axes:
                    raise ConfigError(f"relation of {key}: the search has {', '.join(self.axes)}")
                if isinstance(key, str) and not _is_numeric(self.axes[key]):
                    raise ConfigError(f"relation of {key}: its values are no numbers")

    @property
    def size(self) -> int | None:
        """Points of the grid; None where an axis has no end of them."""
        sizes = [axis.size for axis in self.axes.values()]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def point(self, number: int) -> Point:
        """One of `size` points: the number in the mixed radix of the axes, the last key fastest."""
        places: list[tuple[str, object]] = []
        for key, axis in reversed(list(self.axes.items())):
            assert axis.size is not None
            number, place = divmod(number, axis.size)
            places.append((key, axis.at(place)))
        return dict(reversed(places))

    def broken(self, point: Mapping[str, object]) -> str | None:
        said = (one.broken(point) for one in self.relations)
        return next((words for words in said if words is not None), None)

    def scaled(self, points: Sequence[Mapping[str, object]]) -> Float64s:
        """[points, keys], every axis from 0 to 1."""
        rows = [[axis.scaled(one[key]) for key, axis in self.axes.items()] for one in points]
        return np.array(rows, np.float64).reshape(len(points), len(self.axes))

    def told(self) -> dict[str, str]:
        """Of each key what is tried, in words."""
        return {key: _told(axis) for key, axis in self.axes.items()}


def generate_grid(space: Space) -> list[Point]:
    """Every point, the last key fastest. Raises ConfigError where they are too many or endless."""
    if space.size is None:
        key = next(key for key, axis in space.axes.items() if axis.size is None)
        raise ConfigError(
            f"{key} = {_told(space.axes[key])} has no step for a grid: write low:high:step, or"
            " search at random"
        )
    check_count(space.size)
    return [space.point(number) for number in range(space.size)]


def random_points(space: Space, sets: int, seed: int) -> list[Point]:
    """`sets` different points, even over each axis; all of a space that has no more."""
    check_count(sets)
    random = np.random.default_rng(seed)
    if space.size is not None and space.size < 2 * sets:  # so many that draws would repeat
        return [space.point(int(one)) for one in random.permutation(space.size)[:sets]]
    found: dict[tuple[object, ...], Point] = {}
    for _ in range(MAX_ROUNDS):
        for point in points_of(space, random.random((sets, len(space.axes)))):
            if len(found) < sets:
                found.setdefault(tuple(point.values()), point)
    return list(found.values())


def check_count(sets: int) -> None:
    """Raises ConfigError for more sets than one search may have."""
    if not 1 <= sets <= MAX_SETS:
        raise ConfigError(f"{sets:,} sets are not 1 to {MAX_SETS:,}: coarser steps, or a sample")


def space_from(grid: Mapping[str, Sequence[object]], relations: Sequence[str] = ()) -> Space:
    """Values by key, as a program writes them."""
    axes = {key: Choice(tuple(values)) for key, values in grid.items()}
    return Space(axes, tuple(map(relation_of, relations)))


def space_of(words: Sequence[str], relations: Sequence[str] = ()) -> Space:
    """`sl_mult=0.5:2.0:0.25`, `timeframe=5m,15m`, `tp_mult=1:4`, `risk_per_trade=100:1000:log` and
    relations such as `ema_fast<ema_slow`, as a space. Raises ConfigError."""
    axes: dict[str, Axis] = {}
    for word in words:
        key, sign, text = (part.strip() for part in word.partition("="))
        if not sign or not key or not text:
            raise ConfigError(f'"{word}" is not key=value,value or key=low:high:step')
        if key in axes:
            raise ConfigError(f"{key} is named twice")
        axes[key] = _range(key, text) if ":" in text else _choice(key, text)
    return Space(axes, tuple(map(relation_of, relations)))


def relation_of(text: str) -> Relation:
    """`ema_fast<ema_slow` or `tp_mult>=1.5`."""
    found = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*(<=|>=|<|>)\s*(\S+)\s*", text)
    if found is None:
        raise ConfigError(f'"{text}" is not a relation such as ema_fast<ema_slow or tp_mult>=1.5')
    number = _number(found[3])
    return Relation(found[1], found[2], found[3] if number is None else float(number))


def _choice(key: str, text: str) -> Choice:
    """Numbers if all are."""
    words = [part.strip() for part in text.split(",") if part.strip()]
    numbers = [_number(word) for word in words]
    values = [_plain(one) for one in numbers if one is not None]
    chosen: Sequence[object] = values if len(values) == len(words) else words
    if not chosen or len(set(chosen)) < len(chosen):
        raise ConfigError(f"{key} = {text}: {'a value stands twice' if chosen else 'no value'}")
    return Choice(tuple(chosen))


def _range(key: str, text: str) -> Axis:
    """low:high:step as its values; low:high and low:high:log as an interval."""
    low, high, *rest = [part.strip() for part in text.split(":")]
    first, last = _number(low), _number(high)
    how = rest[0] if rest else ""
    step = _number(how)
    fits = first is not None and last is not None and len(rest) <= 1
    if not fits or (how not in ("", "log") and step is None) or (step is not None and step <= 0):
        raise ConfigError(f"{key} = {text} is not low:high, low:high:step or low:high:log")
    assert first is not None
    assert last is not None
    if last < first or (how == "log" and first <= 0):
        why = f"{high} is below {low}" if last < first else f"{low} has no log"
        raise ConfigError(f"{key} = {text}: {why}")
    if step is None:
        is_whole = isinstance(_plain(first), int) and isinstance(_plain(last), int)
        return Interval(float(first), float(last), is_whole=is_whole, is_log=how == "log")
    count = int((last - first) / step) + 1
    check_count(count)
    return Choice(tuple(_plain(first + i * step) for i in range(count)))


def _number(word: str) -> Decimal | None:
    """Decimal, so that steps of 0.1 meet 0.3."""
    try:
        number = Decimal(word)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _plain(number: Decimal) -> int | float:
    """1 is whole, 1.0 is not: as it was written."""
    exponent = number.as_tuple().exponent
    return int(number) if exponent == 0 else float(number)


def _is_numeric(axis: Axis) -> bool:
    return isinstance(axis, Interval) or all(isinstance(one, int | float) for one in axis.values)


def numeric_kind(axis: Axis) -> type | None:
    """int or float if every value is one; None for words."""
    if isinstance(axis, Interval):
        return int if axis.is_whole else float
    kinds = {type(one) for one in axis.values}
    if kinds == {int}:
        return int
    return float if kinds <= {int, float} else None


def _told(axis: Axis) -> str:
    if isinstance(axis, Choice):
        return ", ".join(map(_short, axis.values))
    return f"{axis.low:g} to {axis.high:g}{', whole' * axis.is_whole}{', log' * axis.is_log}"


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def points_of(space: Space, unit: Float64s) -> Iterator[Point]:
    """Rows of the unit cube [points, keys] as points: evenly over each axis."""
    for row in unit:
        yield {
            key: _inside(axis, float(u))
            for (key, axis), u in zip(space.axes.items(), row, strict=True)
        }


def _inside(axis: Axis, u: float) -> object:
    if isinstance(axis, Choice):
        return axis.at(min(int(u * axis.size), axis.size - 1))
    low, high = axis.low, axis.high
    if axis.is_log:
        high += axis.is_whole  # so that the last whole number has room of its own
        value = math.exp(math.log(low) + u * (math.log(high) - math.log(low)))
        return min(int(value), int(axis.high)) if axis.is_whole else min(max(value, low), high)
    if axis.is_whole:
        return min(int(low + u * (high - low + 1)), int(high))
    return low + u * (high - low)
