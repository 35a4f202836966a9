"""Breakers of a live day at the sandbox: what trips is told, kept and refused by its name, exits go
on, and one resume releases it."""

from pathlib import Path

import pytest

from core.types import Command, TradingState
from daemon.commands import Obeyed
from daemon.pulse.notify import Notifier
from strategies.brakes import BrakeSettings
from tests.daemon.live_day import Kill, LiveDay, Stage, live_day
from tests.daemon.orders.test_live_days import check_agreed

RATE = BrakeSettings(max_orders_per_day=6, orders_kept_for_exits=3)


def refusals(day: LiveDay) -> set[object]:
    return {row["refusal"] for row in day.rows("signals")} - {None}


def breakers(day: LiveDay, key: str) -> list[object]:
    return [row["breaker"] for row in day.notes(key)]


def test_orders_beyond_the_rate_trip_over_a_kill_and_exits_go_on(tmp_path: Path) -> None:
    seen: list[object] = []

    async def look(stage: Stage) -> None:
        await stage.when(lambda: stage.daemon is not None and bool(latched(stage)))
        seen.extend(latched(stage))

    kill = Kill("ledger.commit.after", 13)  # the next one after it has tripped
    day = live_day(tmp_path, brakes=RATE, kills=[kill], script=look, until="13:54")
    check_agreed(day)

    assert ["order_rate"] == breakers(day, "breaker_tripped")
    assert "order_rate" in refusals(day)
    assert TradingState.HALTED is day.state
    assert {} == day.held
    [line] = seen
    assert str(line).startswith("order_rate since 2025-10-21T13:")
    [told] = day.logged("breaker_tripped")
    assert "see order_rate under 'Breakers' in docs/runbook.md" in str(told["advice"])


@pytest.mark.slow
def test_a_broker_that_refuses_trips_and_a_resume_names_what_it_releases(tmp_path: Path) -> None:
    answers: list[object] = []
    manager = Manager({})

    async def resume(stage: Stage) -> None:
        await stage.when(lambda: stage.daemon is not None and bool(latched(stage)))
        stage.desk.account.cash_paise = 10_000_000
        answers.append(await stage.command(Command.RESUME))

    async def poor(stage: Stage) -> None:
        stage.desk.account.cash_paise = 0
        await stage.when(lambda: stage.daemon is not None)
        assert stage.daemon is not None
        stage.daemon.vitals.notifier = manager
        await resume(stage)

    brakes = BrakeSettings(max_rejects=2)
    day = live_day(tmp_path, brakes=brakes, script=poor, until="13:54")
    check_agreed(day)

    [answer] = answers
    assert isinstance(answer, Obeyed)
    assert (TradingState.ACTIVE, ("rejects",)) == (answer.state, answer.released)
    assert ["rejects"] == breakers(day, "breaker_tripped") == breakers(day, "breaker_released")
    assert ["rejects"] == [row["breaker"] for row in day.logged("breaker_released")]
    assert day.rows("fills")  # what was decided after the resume
    [alert] = [one for one in manager.told if "tripped" in one]
    assert alert.startswith("STATUS=rejects has tripped: 2 rejects in a row, the last: ")
    assert alert.endswith("; see rejects under 'Breakers' in docs/runbook.md; then tradingd resume")


class Manager(Notifier):
    """The service manager, which a person may ask."""

    told: list[str]

    def tell(self, *assignments: str) -> None:
        self.told = [*getattr(self, "told", []), *assignments]


def latched(stage: Stage) -> list[object]:
    """As the page lists them."""
    assert stage.daemon is not None
    if stage.daemon.floor is None or stage.daemon.floor.main.day < 0:
        return []
    shown = stage.daemon.snapshot()["daemon"]
    assert isinstance(shown, dict)
    lines: list[object] = shown["breakers"]
    return lines
