"""Splits computed by hand and whole, noise, and a set that needs no luck."""

from itertools import combinations

import numpy as np
import pytest

from research.honesty.overfitting import probability_of_overfitting


def noise(sets: int, sessions: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.01, (sets, sessions))


def sharpe(returns: np.ndarray) -> float:
    return float(returns.mean() / returns.std(ddof=1)) if np.ptp(returns) else 0.0


def test_two_blocks_are_those_computed_by_hand() -> None:
    # First half: A has 2/sqrt(2), B has 1/sqrt(2); second half: A has -1/sqrt(2), B 3/sqrt(2).
    # A is chosen in the first and ranks 1 of 2 in the second, B the other way round. So both
    # relative ranks are 1/3, both logits ln(1/2), and A's own loss is one of two.
    a, b = [1.0, 3.0, -2.0, 0.0], [0.0, 2.0, 2.0, 4.0]

    found = probability_of_overfitting(np.array([a, b]), blocks=2)

    assert found is not None
    assert found.logits == pytest.approx([np.log(0.5)] * 2)
    assert (found.probability, found.probability_of_loss) == (1.0, 0.5)
    # Chosen: (2, -1) and (3, 1) by sqrt(2): from the first split to the second, 2 for 1.
    assert found.slope == pytest.approx(2.0)


def test_sums_of_blocks_give_what_every_split_computed_whole_gives() -> None:
    daily, blocks = noise(7, 53), 6
    daily[3] = 0.0
    edges = np.arange(blocks + 1) * 53 // blocks
    logits, insides, outsides = [], [], []
    for chosen in combinations(range(blocks), blocks // 2):
        inside = np.isin(np.searchsorted(edges, np.arange(53), "right") - 1, chosen)
        within = [sharpe(row[inside]) for row in daily]
        best = int(np.argmax(within))
        outside = np.array([sharpe(row[~inside]) for row in daily])
        rank = (outside < outside[best]).sum() + ((outside == outside[best]).sum() + 1) / 2
        logits.append(np.log(rank / 8 / (1 - rank / 8)))
        insides.append(within[best])
        outsides.append(outside[best])

    found = probability_of_overfitting(daily, blocks)

    assert found is not None
    assert found.logits == pytest.approx(logits)
    assert found.probability_of_loss == pytest.approx(np.mean(np.array(outsides) < 0))
    assert found.slope == pytest.approx(np.polyfit(insides, outsides, 1)[0], rel=1e-9)


def test_equal_sets_share_their_ranks() -> None:
    # Of two that are the same each ranks 1.5 of 2: the median, whose logit is 0.
    found = probability_of_overfitting(np.repeat(noise(1, 64), 2, axis=0), 4)

    assert found is not None
    assert found.logits == pytest.approx(np.zeros(6))


def test_choosing_among_noise_is_overfitted_half_the_time_or_more() -> None:
    found = [probability_of_overfitting(noise(40, 320, seed), 8) for seed in range(10)]

    assert 0.4 < np.mean([one.probability for one in found if one]) < 0.75


def test_a_set_that_is_better_everywhere_is_not_overfitted() -> None:
    daily = noise(40, 320)
    daily[11] += 0.01

    found = probability_of_overfitting(daily)

    assert found is not None
    assert (found.probability, found.probability_of_loss, found.splits) == (0.0, 0.0, 12_870)


def test_what_was_not_evaluated_takes_no_part() -> None:
    daily = noise(5, 64)
    failed = np.vstack([daily, np.full((1, 64), np.nan)])

    whole, part = probability_of_overfitting(daily, 4), probability_of_overfitting(failed, 4)

    assert whole is not None
    assert part is not None
    assert part.sets == 5
    assert part.probability == whole.probability


@pytest.mark.parametrize("shape", [(1, 64), (5, 31), (0, 64)])
def test_too_few_sets_or_sessions_have_no_probability(shape: tuple[int, int]) -> None:
    assert probability_of_overfitting(noise(*shape)) is None


def test_an_odd_number_of_blocks_is_refused() -> None:
    with pytest.raises(ValueError, match="blocks 5 is not an even number"):
        probability_of_overfitting(noise(5, 64), 5)
