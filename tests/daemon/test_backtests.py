"""Backtests of the page: one at a time, each a process, and what became of it is kept."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from daemon.backtests import Backtests, Busy, Wanted, environment

# What a run does, without the waiting: it says how far it is, and writes what a run writes.
PROGRAM = """
import json, os, sys
words = sys.argv[1:]
out = words[words.index("--out") + 1]
print("backtest of pixity (compiled): 1,500 of 3,000 bars", file=sys.stderr, flush=True)
if "sl_mult=9" in words:
    sys.exit(print("tradingd: sl_mult 9 is not allowed", file=sys.stderr) or 2)
if "sl_mult=8" in words:
    sys.stdin.close()
    while True:
        os.read(os.pipe()[0], 1)
json.dump({"trades": 3, "net_paise": 5, "words": words}, open(out + "/summary.json", "w"))
open(out + "/report.html", "w").write("<!doctype html>")
"""


def with_backtests(folder: Path, act: Callable[[Backtests], Awaitable[None]]) -> None:
    async def main() -> None:
        backtests = Backtests(folder, [sys.executable, "-c", PROGRAM])
        try:
            await act(backtests)
        finally:
            await backtests.stop()

    asyncio.run(main())


async def over(backtests: Backtests) -> None:
    assert backtests._running is not None
    assert backtests._running.ended is not None
    await backtests._running.ended


def test_a_run_is_kept_with_what_was_asked_and_what_came_of_it(tmp_path: Path) -> None:
    async def act(backtests: Backtests) -> None:
        wanted = Wanted(symbols=("TCS", "M&M"), sets=("sl_mult=1.5",))
        assert await backtests.start(wanted) == "0001"
        await over(backtests)
        assert await backtests.start(Wanted(strategy="ema_cross")) == "0002"
        await over(backtests)

    with_backtests(tmp_path, act)
    second, first = Backtests(tmp_path, []).listed()  # as after a restart
    assert (first["id"], first["state"], second["state"]) == ("0001", "done", "done")
    assert first["summary"]["net_paise"] == 5  # type: ignore[index]
    assert first["request"]["symbols"] == ["TCS", "M&M"]  # type: ignore[index]
    words = json.loads((tmp_path / "backtests/0001/summary.json").read_text())["words"]
    assert words[:3] == ["backtest", "--strategy", "pixity"]
    assert words[words.index("--data") + 1] == str(tmp_path / "bars")
    assert words[-4:] == ["--symbols", "TCS,M&M", "--set", "sl_mult=1.5"]


def test_a_run_that_fails_says_its_last_line(tmp_path: Path) -> None:
    async def act(backtests: Backtests) -> None:
        await backtests.start(Wanted(sets=("sl_mult=9",)))
        await over(backtests)
        (told,) = backtests.listed()
        assert (told["state"], told["reason"]) == ("failed", "sl_mult 9 is not allowed")
        assert backtests.report("0001") is None

    with_backtests(tmp_path, act)


def test_there_is_one_at_a_time_and_it_can_be_stopped(tmp_path: Path) -> None:
    async def act(backtests: Backtests) -> None:
        await backtests.start(Wanted(sets=("sl_mult=8",)))
        running = backtests._running
        assert running is not None
        while running.total == 0:  # noqa: ASYNC110 - until it has said how far it is
            await asyncio.sleep(0)
        (told,) = backtests.listed()
        assert (told["state"], told["done"], told["total"]) == ("running", 1_500, 3_000)
        with pytest.raises(Busy):
            await backtests.start(Wanted())
        assert await backtests.stop()
        assert not await backtests.stop()
        assert backtests.listed()[0]["reason"] == "stopped"

    with_backtests(tmp_path, act)


def test_a_run_that_ended_with_the_machine_is_interrupted(tmp_path: Path) -> None:
    (tmp_path / "backtests/0007").mkdir(parents=True)
    (told,) = Backtests(tmp_path, []).listed()
    assert (told["state"], told["reason"]) == ("failed", "interrupted")


def test_old_runs_make_room(tmp_path: Path) -> None:
    for number in range(1, 61):
        (tmp_path / f"backtests/{number:04d}").mkdir(parents=True)

    async def act(backtests: Backtests) -> None:
        assert await backtests.start(Wanted()) == "0061"
        await over(backtests)

    with_backtests(tmp_path, act)
    kept = sorted(one.name for one in (tmp_path / "backtests").iterdir())
    assert (len(kept), kept[0], kept[-1]) == (50, "0012", "0061")


@pytest.mark.parametrize(
    "values",
    [
        {"strategy": "os:system"},
        {"strategy": "nobody"},
        {"symbols": ("--config",)},
        {"symbols": ("@/etc/passwd",)},
        {"sets": ("--out=x",)},
        {"sets": ("sl_mult=1\n",)},
        {"from_day": "yesterday"},
        {"out": "/tmp"},
    ],
)
def test_what_is_no_backtest_is_not_begun(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Wanted.model_validate(values)


def test_a_run_knows_nothing_of_the_daemons_configuration() -> None:
    ours = {"PATH": "/bin", "TRADINGD_UPSTOX_TOKEN": "secret", "TRADINGD_RISK__LEVERAGE": "9"}
    assert environment(ours) == {"PATH": "/bin"}


@pytest.mark.parametrize("run_id", ["..", "0001/../..", "", "1", "00a1"])
def test_a_report_is_had_by_its_number_alone(tmp_path: Path, run_id: str) -> None:
    (tmp_path / "backtests").mkdir()
    (tmp_path / "report.html").write_text("")
    assert Backtests(tmp_path, []).report(run_id) is None
