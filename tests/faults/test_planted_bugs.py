"""The campaign can fail: each bug that is planted into the daemon is caught by one of its days.

A bug that can no longer be planted, because the code has moved, fails here too: it is to be planted
anew, or the campaign has become blind there.
"""

import pytest

from core.errors import StoreFailed
from tests.faults.campaign import played, scenario_of
from tests.faults.planted import PLANTED, Plant


def caught(plant: Plant, seed: int) -> str | None:
    """What the day of `seed` says of a daemon with this bug; None: nothing."""
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        try:
            return next(iter(played(scenario_of(seed)).broken), None)
        except (StoreFailed, AssertionError) as error:  # a daemon that does not start again
            return str(error)


@pytest.mark.slow
@pytest.mark.parametrize(("plant", "seed"), PLANTED, ids=[one.__name__ for one, _ in PLANTED])
def test_a_planted_bug_is_caught(plant: Plant, seed: int) -> None:
    assert caught(plant, seed) is not None
