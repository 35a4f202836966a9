"""At the own sandbox at 60x: paper's signals, and what their fills cost beside paper's."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from core.session import day_text
from daemon.plan import Plan
from strategies.registry import settings_of
from strategies.settings import RiskSettings, resolve
from tests.cli.command import call
from tests.cli.sandbox_days import MUHURAT, minutes_in, sandbox_plan
from tests.daemon.days import played, rows
from tests.daemon.live_day import FREQUENT, TERMS

MINUTES = 8


def first_minutes(directory: Path, mode: str, speed: float) -> Path:
    async def main() -> None:
        stop = asyncio.Event()

        def appended(_: int) -> None:
            if minutes_in(directory) >= MINUTES:
                stop.set()

        async with sandbox_plan(mode=mode, speed=speed, history_sessions=1) as (plan, _):
            asked = frequent(plan)
            await played(asked, directory, [MUHURAT], after_append=appended, stop=stop)

    asyncio.run(main())
    return directory


def frequent(plan: Plan) -> Plan:
    _, settings = resolve(RiskSettings(), settings_of(FREQUENT)(), TERMS[:4])
    account = "TEST01" if plan.mode == "live" else plan.account
    return replace(plan, account=account, strategies=(("frequent", FREQUENT, settings),))


@pytest.mark.slow
def test_at_60x_the_signals_are_papers_and_the_slippage_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    live = first_minutes(tmp_path / "live", "live", 60.0)
    paper = first_minutes(tmp_path / "paper", "paper", float("inf"))
    names = ("instrument", "kind", "side", "bar_open_ns")
    ours, theirs = (
        [tuple(row[name] for name in names) for row in rows(one, "signals")]
        for one in (live, paper)
    )
    both = min(len(ours), len(theirs))  # each was stopped in the midst of a Minute
    answer = call(capfd, "slippage", "--day", day_text(MUHURAT), "--state-dir", str(live))
    lines = answer.out.splitlines()

    assert both > 3
    assert ours[:both] == theirs[:both]
    assert (0, "") == (answer.code, answer.err)
    assert "fills against paper: mean" in lines[0]
    assert any(line.startswith("by role        entry ") for line in lines)
