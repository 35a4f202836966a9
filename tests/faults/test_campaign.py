"""Days that go wrong in every way we know, and promises that hold all the same.

A failure names the seed, the first broken promise and every fault in order; the same day again:
`make soak ARGS="--seed SEED --days 1"`.
"""

from collections import Counter

import pytest

from tests.faults.campaign import POINTS, at_every_point, played, scenario_of
from tests.faults.scenario import Scenario
from tests.faults.tape import WIRE_FAULTS

FAST = range(4)
CHECKED = range(18)  # twenty days and some: what `make check` plays
FOUND = (54,)  # days that once showed a bug: a full disk under a market store that is closed


def assert_kept(scenario: Scenario) -> None:
    one = played(scenario)

    assert one.broken == [], one.report()


@pytest.mark.parametrize("seed", FAST)
def test_a_day_with_faults_keeps_every_promise(seed: int) -> None:
    assert_kept(scenario_of(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [*CHECKED[len(FAST) :], *FOUND])
def test_twenty_days_with_faults_keep_every_promise(seed: int) -> None:
    assert_kept(scenario_of(seed))


@pytest.mark.slow
@pytest.mark.parametrize("first", [True, False])
def test_days_with_a_kill_at_every_crash_point_keep_every_promise(first: bool) -> None:
    one = played(at_every_point(first=first))

    assert one.broken == [], one.report()
    assert set(one.world.died_at) == set(POINTS)


def test_the_same_seed_is_the_same_day() -> None:
    first, second, other = (played(scenario_of(seed)) for seed in (1, 1, 2))

    assert first.digest == second.digest
    assert first.digest != other.digest


def test_days_are_as_bad_as_promised() -> None:
    """Twenty faults a day on average, and of each kind of the wire some: by the plan alone, the
    rest is what happens to the process."""
    scenarios = [scenario_of(seed) for seed in CHECKED]
    days = [tape for scenario in scenarios for tape in scenario.tapes.values()]
    kinds = Counter(fault.kind for tape in days for fault in tape.faults)
    ends = sum(len(scenario.lives) for scenario in scenarios)

    assert len(days) >= 20
    assert kinds.total() + ends >= 20 * len(days)
    assert set(kinds) == set(WIRE_FAULTS)
