"""A sweep of crosses: every figure is the engine's, whatever the sets and wherever a tile ends."""

import numpy as np
import polars as pl
import pytest

from core.errors import ConfigError, DataError
from research.panel.crosses import LANES, MOST_GAP, TILE, CrossSettings, CrossSweep, SmaCross
from research.panel.vectorized import Terms, VectorizedEngine
from tests.datasets import WEEK, generated
from tests.research.panel.vectors import MONDAY, bars, frame_of

FRAME = frame_of(generated("week"))  # some 1,800 bars of a minute: many tiles
SOME = [(2, 5), (5, 2), (3, 3), (1, 40), (1, 40), (7, 200), (300, 5_000), (2, 6)]


def require_the_engines_figures(
    frame: pl.DataFrame, terms: Terms, sets: list[CrossSettings], **span: int
) -> int:
    """To 1e-9; returns how many trades there were in all."""
    engine = VectorizedEngine(terms)
    swept = CrossSweep(engine, frame, **span).run(sets)
    for own, found, daily in zip(sets, swept.metrics, swept.daily, strict=True):
        whole = engine.run(frame.lazy(), SmaCross(dict(own)), data_hash="d", **span)
        told = {name: whole.metrics[name] for name in found}
        assert [name for name in told if told[name] is None] == [
            n for n in found if found[n] is None
        ]
        assert [v for v in found.values() if v is not None] == pytest.approx(
            [value for value in told.values() if value is not None], rel=1e-9
        )
        assert daily == pytest.approx(whole.daily, abs=1e-12)
    return sum(int(found["trades"] or 0) for found in swept.metrics)


@pytest.mark.parametrize("sides", ["both", "long"])
@pytest.mark.parametrize("fill", ["next_open", "next_close"])
def test_each_figure_is_that_of_the_engine(fill: str, sides: str) -> None:
    sets = [CrossSettings.model_validate({"fast": f, "slow": s, "sides": sides}) for f, s in SOME]
    terms = Terms.model_validate({"timeframe": "1m", "fill": fill})

    assert require_the_engines_figures(FRAME, terms, sets) > 500


def test_a_span_begins_flat_and_warm_here_too() -> None:
    sets = [CrossSettings(fast=3, slow=500), CrossSettings(fast=2, slow=5)]
    terms = Terms(timeframe="1m")

    assert require_the_engines_figures(FRAME, terms, sets, from_day=WEEK[2], to_day=WEEK[3]) > 50


@pytest.mark.parametrize("count", [1, 2, TILE, TILE + 1, 2 * TILE + 1])
def test_a_tile_may_end_anywhere(count: int) -> None:
    sets = [CrossSettings(fast=2, slow=5)]
    require_the_engines_figures(FRAME.head(count), Terms(timeframe="1m"), sets)


def test_averages_that_are_equal_are_equal() -> None:
    # Prices of a few steps of 0.05: sums of doubles would differ in the last digit at random.
    random = np.random.default_rng(5)
    prices = (100.0 + 0.05 * random.integers(0, 3, 2_000)).tolist()
    frame = bars(prices, [0] * len(prices))
    sets = [CrossSettings(fast=f, slow=s) for f, s in ((2, 3), (3, 6), (4, 8))]
    means = [sum(round(p * 100) for p in prices[i - 2 : i]) / 2 for i in range(6, len(prices))]
    ties = sum(a == b for a, b in zip(means[1:], means, strict=False))

    assert ties > 100
    assert require_the_engines_figures(frame, Terms(), sets) > 100


def test_wide_and_sparse_questions_fill_lanes_and_drop_what_was_not_asked() -> None:
    random = np.random.default_rng(9)
    slows = [*range(2, 2 + LANES + 5), 100, 100 + MOST_GAP + 2]
    pairs = [(2, s) for s in slows] + [(3, s) for s in slows[::9]]
    order = random.permutation(len(pairs))
    sets = [CrossSettings(fast=pairs[i][0], slow=pairs[i][1]) for i in order]

    require_the_engines_figures(FRAME.head(400), Terms(timeframe="1m"), sets)


def test_an_account_that_a_short_has_ruined_stays_at_nothing() -> None:
    days = [
        bars([10.0, 9.0, 8.0, 7.0, 7.0], [0] * 5),
        bars([21.0, 20.0, 9.0], [0] * 3, day=MONDAY + 1),
    ]
    frame = pl.concat([*days, bars([9.0, 8.0], [0] * 2, day=MONDAY + 2)])
    sets = [CrossSettings(fast=1, slow=2)]
    [metrics], [daily] = CrossSweep(VectorizedEngine(), frame).run(sets)

    require_the_engines_figures(frame, Terms(), sets)
    assert (metrics["total_return"], metrics["max_drawdown"]) == (-1.0, 1.0)
    assert [-1.0, 0.0] == daily[1:].tolist()


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (
            pl.concat([bars([1.0], [0]), bars([1.0], [0], symbol="B")]),
            "over one symbol: here are 2",
        ),
        (bars([1.0, None, 2.0], [0] * 3), "column open has bars without one"),
        (bars([1.0, 2.0], [0] * 2).reverse(), "in order of time"),
        (bars([1.0, 2.0], [0] * 2).with_columns(masked=pl.lit(value=True)), "masked bars"),
        (bars([], []), "no bars in the span"),
        (bars([1.0], [0]).drop("close"), "no column close"),
    ],
)
def test_what_a_sweep_cannot_do_is_refused(frame: pl.DataFrame, words: str) -> None:
    with pytest.raises(DataError, match=words):
        CrossSweep(VectorizedEngine(), frame)


def test_sets_of_two_kinds_are_refused() -> None:
    sweep = CrossSweep(VectorizedEngine(Terms(timeframe="1m")), FRAME)
    with pytest.raises(ConfigError, match="one sides"):
        sweep.run([CrossSettings(), CrossSettings(sides="long")])
