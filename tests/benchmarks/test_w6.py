"""W6's universe is the same for those who take fewer signals of it, and with gaps still ranked."""

import numpy as np
import pytest

from benchmarks import universe, w6
from benchmarks.universe import checks
from benchmarks.w6 import from_closes, with_gaps


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (universe, w6):
        monkeypatch.setattr(module, "DAYS", 30)
        monkeypatch.setattr(module, "SYMBOLS", 40)


def test_fewer_signals_are_the_first_of_the_same_universe() -> None:
    two, three = universe.universe(2), universe.universe(3)

    assert two.closes.tobytes() == three.closes.tobytes()
    assert [one.tobytes() for one in two.signals] == [one.tobytes() for one in three.signals[:2]]


def test_every_day_but_the_last_has_a_coefficient() -> None:
    market = universe.universe(2)

    whole, sparse = from_closes(market), from_closes(with_gaps(market))

    assert np.isfinite(whole[:, :-1]).all()
    assert np.isnan(whole[:, -1]).all()
    assert np.isfinite(sparse[:, :-1]).all()
    assert checks(whole)["ic_mean_1"] != checks(sparse)["ic_mean_1"]
