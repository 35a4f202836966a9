"""A floor remembers: what a day is opened with, left with and begun again from."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from core.ports import EventKind, LedgerEvent
from core.session import MINUTE_NS
from core.types import MinuteSpan, minute_of
from daemon.desk import DeskSetup
from daemon.floor import Floor
from daemon.sources import groups_of
from providers.replay import ReplayProvider
from tests.daemon.days import replay_plan
from tests.datasets import LIVELY, MARKETS, generated, request_on

HOLD = "sl_mult=50 tp_mult=50 time_stop_bars=1000 max_daily_loss=90000".split()  # over midnight
REQUEST = request_on(generated("24x7", seed=2), *LIVELY, *HOLD)
PLAN = replay_plan(REQUEST)
FIRST, SECOND = MARKETS["24x7"][0]
SETUP = DeskSetup(
    name="main",
    scope=PLAN.scope_of("main"),
    instruments=PLAN.source.instruments,
    groups=groups_of(PLAN.source.instruments),
    base_ns=MINUTE_NS,
    strategies=PLAN.strategies,
    risk=PLAN.risk,
)
PROVIDER = ReplayProvider(REQUEST.dataset, PLAN.terms)


def minutes(floor: Floor, day: int) -> Iterator[MinuteSpan]:
    for span in PROVIDER.day_spans(day, day):
        for index in range(len(span.close_ns)):
            yield floor.resampler.resample(minute_of(span, index))


def play(floor: Floor, day: int) -> list[LedgerEvent]:
    return [event for span in minutes(floor, day) for event in floor.minute(span)[1]]


def opened(floor: Floor, day: int) -> LedgerEvent:
    return floor.open_day(day, PROVIDER.day_spans(to_day=day - 1), 0)


def test_the_opening_says_what_warmed_the_strategies_up() -> None:
    event = opened(Floor((SETUP,)), SECOND)
    history = next(iter(PROVIDER.day_spans(to_day=FIRST)))

    assert event.kind is EventKind.DAY_OPENED
    assert event.payload["history_bars"] == len(history.bars)
    assert event.payload["history_first_bar_ns"] == int(history.bars["open_ns"][0])
    assert event.payload["setup"] == Floor((SETUP,)).digest


def test_a_floor_restored_from_the_opening_plays_the_same_day() -> None:
    first, second = Floor((SETUP,)), Floor((SETUP,))
    opening = opened(first, SECOND)
    second.restore_opening(opening)

    assert play(second, SECOND) == play(first, SECOND)
    assert second.close_day(1) == first.close_day(1)


def test_a_floor_that_takes_over_at_the_close_plays_the_next_day_the_same() -> None:
    """Position, its signal and orders, cooldown and account: everything but the strategies."""
    first, second = Floor((SETUP,)), Floor((SETUP,))
    opened(first, FIRST)
    play(first, FIRST)
    assert any(first.main.engine.position_of(number) for number in range(2))
    second.carry_over(first.close_day(1))
    assert second.main.engine.orders == first.main.engine.orders
    assert repr(second.main.engine.signals) == repr(first.main.engine.signals)

    assert opened(second, SECOND) == opened(first, SECOND)
    assert play(second, SECOND) == play(first, SECOND)


TICKED = tuple(replace(one, tick_paise=7) for one in SETUP.instruments)
WATCHED = tuple(replace(one, is_watched=True) for one in SETUP.instruments)


@pytest.mark.parametrize(
    "other",
    [
        replace(SETUP, scope="replay|other"),
        replace(SETUP, observe=True),
        replace(SETUP, base_ns=5 * MINUTE_NS),
        replace(SETUP, risk=SETUP.risk.model_copy(update={"max_daily_loss": 1.0})),
        replace(SETUP, instruments=SETUP.instruments[::-1]),
        replace(SETUP, instruments=TICKED),
        replace(SETUP, instruments=WATCHED),
        replace(SETUP, strategies=(("other", *SETUP.strategies[0][1:]),)),
    ],
    ids=["scope", "observe", "base", "risk", "instruments", "tick", "watched", "strategies"],
)
def test_the_memory_of_another_setup_is_not_ours(other: DeskSetup) -> None:
    opening = opened(Floor((SETUP,)), SECOND)

    assert other.digest != SETUP.digest
    assert not Floor((other,)).wrote(opening)


def test_other_code_is_another_setup() -> None:
    opening = opened(Floor((SETUP,)), SECOND)

    assert Floor((SETUP,)).wrote(opening)
    assert not Floor((replace(SETUP, code="of a later program"),)).wrote(opening)


def test_the_name_of_a_book_is_no_part_of_its_identity() -> None:
    assert replace(SETUP, name="shadow").digest == SETUP.digest


def test_strategy_bars_are_counted_from_the_warm_up_on() -> None:
    floor = Floor((SETUP,))
    opened(floor, SECOND)
    warm = floor.main.bars_seen.copy()
    play(floor, SECOND)

    assert (warm > 280).all()
    assert np.all(floor.main.bars_seen - warm <= 1440 // 5)
    assert np.all(floor.main.bars_seen > warm)


def test_the_end_of_the_data_leaves_nothing_open() -> None:
    floor = Floor((SETUP,))
    opened(floor, FIRST)
    play(floor, FIRST)
    events = floor.finish()

    assert EventKind.TRADE in {event.kind for event in events}
    assert all(floor.main.engine.position_of(number) is None for number in range(2))
    assert floor.main.engine.orders == {}
