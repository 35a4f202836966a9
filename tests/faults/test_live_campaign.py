"""Live days with several faults and kills each, and a halt under ten times the load of a feed."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.session import SECOND_NS, at_ist
from core.types import Command, TradingState
from daemon.commands import Obeyed
from tests.daemon import live_day
from tests.daemon.live_day import DAY, Stage
from tests.faults.live_campaign import plot_of
from tests.faults.short_live_days import shorten_hours, watched_day

HALTED_NS = at_ist(DAY, "13:46") + 40 * SECOND_NS


@pytest.fixture(autouse=True)
def _a_day_of_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_hours(monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_live_day_survives_several_faults_and_kills(seed: int, tmp_path: Path) -> None:
    faults, kills = plot_of(seed)
    print(seed, faults, kills)

    watched_day(tmp_path, *faults, kills=kills)


@pytest.mark.slow
def test_no_entry_arrives_after_an_acknowledged_halt_under_ten_times_the_ticks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    busy = tuple(replace(one, trades_per_minute=600.0) for one in live_day.LISTED)
    monkeypatch.setattr(live_day, "LISTED", busy)
    answers = []

    async def halt(stage: Stage) -> None:
        await stage.until("13:46:40")
        answers.append(await stage.command(Command.HALT))

    day = watched_day(tmp_path, script=halt, assignments=["every=1"])
    arrived_ms = [
        order.trail[0].time_ms for tag, order in day.at_exchange.items() if tag[-1] == "E"
    ]

    assert isinstance(answers[0], Obeyed)
    assert TradingState.HALTED is answers[0].state
    assert arrived_ms
    assert all(one * 1_000_000 <= HALTED_NS for one in arrived_ms)
    assert {} == day.held  # exits went on
