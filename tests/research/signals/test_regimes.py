"""Regimes are known before the session, and slice what they name."""

import numpy as np
import pytest

from core.errors import DataError
from research.signals.measure import At
from research.signals.regimes import (
    FEWEST_VOLATILITIES,
    TREND_SESSIONS,
    VOLATILITY_SESSIONS,
    equal_weight,
    regime_rows,
    regimes_of,
)
from research.signals.statistics import newey_west_t
from tests.research.signals.panels import weekdays

NAN = np.nan


def test_an_index_in_equal_parts_by_hand() -> None:
    closes = np.array([[100.0, 50.0, NAN], [110.0, 50.0, 10.0], [110.0, NAN, 5.0]])
    _, days = weekdays(3)

    assert equal_weight(closes, days) == pytest.approx([1.0, 1.05, 1.05 * (1 - 0.5 / 2)])
    masked = np.zeros((3, 3), bool)
    masked[2, 2] = True
    assert equal_weight(closes, days, masked) == pytest.approx([1.0, 1.05, 1.05])


def test_a_sessions_close_is_its_last_known_one_and_never_an_earlier_sessions() -> None:
    days = np.array([1, 1, 2, 2, 3, 3])
    closes = np.array([[100.0], [NAN], [110.0], [121.0], [NAN], [NAN]])

    assert equal_weight(closes, days) == pytest.approx([1.0, 1.21, 1.21])


def test_bull_is_above_the_mean_of_200_sessions_and_known_the_session_after() -> None:
    _, days = weekdays(260)
    level = np.linspace(100.0, 120.0, 260)
    level[230:] = 60.0

    masks = regimes_of(level, days)

    bull = np.flatnonzero(masks["bull"])
    assert (bull[0], bull[-1]) == (TREND_SESSIONS, 230)  # the fall of 230 is known in 231
    assert np.flatnonzero(masks["bear"]).tolist() == list(range(231, 260))


def test_high_volatility_is_above_the_median_of_all_so_far() -> None:
    random = np.random.default_rng(3)
    moves = np.where(np.arange(400) < 250, 0.005, 0.03) * random.normal(size=400)
    masks = regimes_of(np.cumprod(1 + moves), weekdays(400)[1])

    first = VOLATILITY_SESSIONS + FEWEST_VOLATILITIES
    assert not (masks["high volatility"] | masks["low volatility"])[:first].any()
    assert (masks["high volatility"] ^ masks["low volatility"])[first:].all()
    assert masks["high volatility"][270:].all()
    assert 0.2 < masks["high volatility"][first:250].mean() < 0.8


def test_no_regime_knows_its_own_session_or_a_later_one() -> None:
    random = np.random.default_rng(8)
    level = np.cumprod(1 + random.normal(0, 0.01, 420))
    days = np.repeat(weekdays(420)[1], 2)  # two bars a session
    whole = regimes_of(level, days)
    for cut in (201, 260, 300, 419):
        other = level.copy()
        other[cut:] *= random.uniform(0.2, 5.0, 420 - cut)
        for name, mask in regimes_of(other, days).items():
            assert (mask[: 2 * (cut + 1)] == whole[name][: 2 * (cut + 1)]).all(), (name, cut)


def test_a_short_history_is_in_no_regime() -> None:
    masks = regimes_of(np.ones(30), weekdays(30)[1])

    assert not np.any([*masks.values()])


def test_an_index_of_other_sessions_is_refused() -> None:
    with pytest.raises(DataError, match="the index has 9 sessions, the data 10"):
        regimes_of(np.ones(9), weekdays(10)[1])


def test_rows_are_those_of_the_mask() -> None:
    ics = np.array([0.1, 0.2, NAN, -0.3, 0.2, 0.1])
    at = At(ics, np.zeros((6, 2)), ics / 10, 1)
    mine = np.array([True, True, True, True, False, False])

    rows = regime_rows("x", at, {"mine": mine, "never": ~mine & mine})

    t = newey_west_t(ics[:4], 1)
    assert rows[0] == pytest.approx(["x", "mine", 3, 0.0, t, 2 / 3, 0.0, t])
    assert rows[1][:3] == ["x", "never", 0]
    assert np.isnan(rows[1][3:]).all()  # type: ignore[call-overload]
