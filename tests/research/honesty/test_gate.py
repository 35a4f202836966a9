"""Each check alone can refuse, and asking for less is never silent."""

import pytest

from core.errors import ConfigError
from research.honesty.gate import LIMITS, granted, judged, limits_of

GOOD = {
    "deflated_sharpe": 0.97,
    "probability_of_overfitting": 0.2,
    "trades": 120,
    "sessions": 300,
    "min_track_record": 150.0,
    "bootstrap_return": 0.04,
    "probability_of_ruin": 0.0,
    "p_value": 0.01,
    "efficiency": 0.7,
}
BAD = {
    "deflated_sharpe": 0.94,
    "probability_of_overfitting": 0.51,
    "trades": 49,
    "min_track_record": 301.0,
    "bootstrap_return": -0.01,
    "probability_of_ruin": 0.02,
    "p_value": 0.06,
    "efficiency": 0.4,
}


def refusing(evidence: dict[str, object]) -> list[str]:
    return [one.limit.figure for one in judged(evidence) if not one.passed]


def test_what_passes_every_check_is_granted() -> None:
    assert granted(judged(GOOD))
    assert len(judged(GOOD)) == len(LIMITS) == len(BAD)


@pytest.mark.parametrize("figure", BAD)
@pytest.mark.parametrize("missing", [False, True])
def test_one_bad_or_missing_figure_refuses(figure: str, missing: bool) -> None:
    found = refusing(GOOD | {figure: None if missing else BAD[figure]})

    assert found == ["track_record" if figure == "min_track_record" else figure]


def test_a_plateau_whose_choice_hardly_ever_lost_is_not_overfitted() -> None:
    ranked_by_luck = GOOD | {"probability_of_overfitting": 0.8}

    assert refusing(ranked_by_luck | {"probability_of_loss": 0.06}) == [
        "probability_of_overfitting"
    ]
    assert refusing(ranked_by_luck | {"probability_of_loss": 0.05}) == []


def test_the_track_record_is_told_in_lengths_of_the_one_needed() -> None:
    values = {one.limit.figure: one.value for one in judged(GOOD)}

    assert values["track_record"] == 2.0


def test_a_stricter_limit_holds() -> None:
    checks = judged(GOOD, limits_of({"trades": 121, "p_value": 0.005}, {}))

    assert [one.limit.figure for one in checks if not one.passed] == ["trades", "p_value"]
    assert all(one.usual is None for one in checks)


def test_asking_for_less_has_to_be_said_and_is_told() -> None:
    with pytest.raises(ConfigError, match=r"--limit trades=10 asks for less .* \(>= 50\)"):
        limits_of({"trades": 10}, {})
    with pytest.raises(ConfigError, match=r"--limit p_value=0.1 asks for less .* \(<= 0.05\)"):
        limits_of({"p_value": 0.1}, {})

    (told,) = [
        one.told()
        for one in judged(GOOD | {"trades": 20}, limits_of({}, {"trades": 10}))
        if one.usual is not None
    ]

    assert told == {
        "figure": "trades",
        "value": 20.0,
        "limit": ">= 10",
        "passed": True,
        "loosened_from": 50,
    }


def test_a_limit_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match='--loosen trade: did you mean "trades"'):
        limits_of({}, {"trade": 1})
