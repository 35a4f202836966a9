"""What `--grid` means: values, ranges, relations, and which points there are."""

import pytest

from core.errors import ConfigError
from research.search.space import (
    Choice,
    Interval,
    generate_grid,
    random_points,
    relation_of,
    space_from,
    space_of,
)


def test_ranges_meet_their_end_and_are_whole_where_they_are_written_so() -> None:
    axes = space_of(
        ["a=0.1:0.5:0.1", "b=1:7:2", "c=5m,15m", "d=1,2.5", "e=1:9", "f=1.0:9:log"]
    ).axes
    assert axes["a"] == Choice((0.1, 0.2, 0.3, 0.4, 0.5))
    assert axes["b"] == Choice((1, 3, 5, 7))
    assert axes["c"] == Choice(("5m", "15m"))
    assert axes["d"] == Choice((1, 2.5))
    assert axes["e"] == Interval(1, 9, is_whole=True)
    assert axes["f"] == Interval(1, 9, is_log=True)


def test_a_grid_has_every_point_once_the_last_key_fastest() -> None:
    grid = generate_grid(space_from({"a": [1, 2], "b": ["x", "y", "z"]}))
    assert [tuple(one.values()) for one in grid] == [
        *((1, "x"), (1, "y"), (1, "z")),
        *((2, "x"), (2, "y"), (2, "z")),
    ]


def test_a_sample_is_seeded_without_repeats_and_reaches_both_ends() -> None:
    space = space_of(["a=1:4", "b=1.0:1000:log", "c=u,v"])
    points = random_points(space, 400, seed=7)
    assert points == random_points(space, 400, seed=7)
    assert points != random_points(space, 400, seed=8)
    assert len({tuple(one.values()) for one in points}) == 400
    assert {one["a"] for one in points} == {1, 2, 3, 4}
    assert {one["c"] for one in points} == {"u", "v"}
    low = sum(float(str(one["b"])) < 31.6 for one in points)
    assert 140 < low < 260  # half of a log scale from 1 to 1,000

    all_of_them = random_points(space_from({"a": [1, 2, 3]}), 50, seed=1)
    assert sorted(str(one["a"]) for one in all_of_them) == ["1", "2", "3"]
    floats = [one["a"] for one in random_points(space_of(["a=0.5:2.0"]), 100, seed=1)]
    assert all(isinstance(one, float) and 0.5 <= one <= 2.0 for one in floats)
    whole = {one["a"] for one in random_points(space_of(["a=1:50:log", "b=0.0:1"]), 400, seed=1)}
    assert {1, 50} <= whole <= set(range(1, 51))


def test_a_relation_says_in_words_how_a_point_breaks_it() -> None:
    space = space_of(["fast=1:9", "slow=1:9"], ["fast<slow", "slow>=3"])
    assert space.broken({"fast": 2, "slow": 3}) is None
    assert space.broken({"fast": 3, "slow": 3}) == "fast 3 is not < slow 3"
    assert space.broken({"fast": 1, "slow": 2}) == "slow 2 is not >= 3"


@pytest.mark.parametrize(
    ("words", "relations", "said"),
    [
        ([], [], "nothing to search"),
        (["sl_mult"], [], '"sl_mult" is not key=value,value or key=low:high:step'),
        (["a=1", "a=2"], [], "a is named twice"),
        (["a=1,1"], [], "a value stands twice"),
        (["a=3:1:1"], [], "1 is below 3"),
        (["a=1:3:0"], [], "is not low:high, low:high:step or low:high:log"),
        (["a=1:3:x"], [], "is not low:high"),
        (["a=x:3"], [], "is not low:high"),
        (["a=1:3:1:1"], [], "is not low:high"),
        (["a=0:3:log"], [], "0 has no log"),
        (["a=0:1:0.00001"], [], "100,001 sets are not 1 to 20,000"),
        (["sharpe=1,2"], [], "key sharpe has the name of a metric"),
        (["a=1,2"], ["a<b"], "relation of b: the search has a"),
        (["a=u,v"], ["a<3"], "its values are no numbers"),
        (["a=1,2"], ["a=b"], '"a=b" is not a relation'),
    ],
)
def test_what_is_no_space_is_one_line(words: list[str], relations: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        space_of(words, relations)


def test_a_grid_that_is_endless_or_too_large_is_one_line() -> None:
    with pytest.raises(ConfigError, match="a = 0 to 1 has no step for a grid: write low:high:step"):
        generate_grid(space_of(["a=0.0:1.0"]))
    with pytest.raises(ConfigError, match="1,000,000 sets are not 1 to 20,000: coarser steps"):
        generate_grid(space_of(["a=1:1000:1", "b=1:1000:1"]))
    assert relation_of("a >= 1.5").right == 1.5
