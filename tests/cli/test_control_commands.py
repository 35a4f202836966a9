"""What an operator reads: one line of the daemon's answer, and an exit code."""

from pathlib import Path

import pytest

from cli.control_commands import (
    breaker_lines,
    command_line,
    doubt_lines,
    evidence_lines,
    status_line,
)
from tests.cli.command import call

STANDING = {
    "trading_state": "REDUCING",
    "mode": "paper",
    "broker": None,
    "account": None,
    "feed": "synthetic",
    "feed_up": False,
    "day": "2026-07-27",
    "minutes_done": 45,
    "minutes_expected": 375,
    "positions": 1,
    "day_pnl_paise": -123_450,
    "strategies_off": [],
}


def test_status_is_one_line() -> None:
    assert status_line(STANDING) == (
        "REDUCING     paper synthetic, day 2026-07-27, 45 of 375 Minutes, feed down, 1 position,"
        " net Rs -1,234.50 today"
    )


def test_status_of_real_orders_says_so_and_whose() -> None:
    live = {**STANDING, "mode": "live", "broker": "upstox", "account": "AB1234"}

    assert status_line(live).startswith("REDUCING     LIVE upstox, account AB1234, day 2026")


def test_status_names_the_strategies_that_are_off() -> None:
    assert status_line({**STANDING, "strategies_off": ["pixity", "quick"]}).endswith(
        " today, off: pixity, quick"
    )


def test_status_names_what_is_in_doubt_and_not_all_of_two_thousand() -> None:
    doubts = [f"feed S{number}: it was closed" for number in range(2_000)]
    lines = doubt_lines(doubts)

    assert [] == doubt_lines([])
    assert ["in doubt     feed S0: it was closed"] == doubt_lines(doubts[:1])
    assert (6, "in doubt     and 1995 more: see the page") == (len(lines), lines[-1])


def test_status_says_why_it_is_halted() -> None:
    assert ["latched      unknown_order: no answer"] == breaker_lines(["unknown_order: no answer"])


def test_status_says_where_parameters_came_from() -> None:
    told = {"strategy": "pixity", "origin": "none", "told": "no evidence"}

    assert ["evidence     pixity: no evidence"] == evidence_lines([told])


def test_a_flatten_says_what_it_sent() -> None:
    answer = STANDING | {"exits": 2, "cancelled": 0, "released": []}

    assert command_line("flatten", answer) == (
        "REDUCING     2 exits at the next open, 0 pending entries cancelled;"
        " no entry until `tradingd resume`; exits pass"
    )
    assert command_line("resume", answer | {"trading_state": "ACTIVE"}) == (
        "ACTIVE       entries are allowed"
    )


def test_of_real_orders_a_flatten_says_what_it_asked_for_and_a_halt_what_it_took_back() -> None:
    answer = STANDING | {"broker": "upstox", "exits": 1, "cancelled": 1, "released": []}
    ends = "no entry until `tradingd resume`; exits pass"

    assert command_line("flatten", answer) == (
        f"REDUCING     1 exit asked for, 1 pending entry cancelled; {ends}"
    )
    assert command_line("halt", answer | {"trading_state": "HALTED"}) == (
        f"HALTED       1 pending entry cancelled; {ends}"
    )


def test_a_resume_names_the_breakers_that_it_releases() -> None:
    done = {"exits": 0, "cancelled": 0, "released": ["rejects", "unknown_order"]}

    assert command_line("resume", STANDING | done | {"trading_state": "ACTIVE"}) == (
        "ACTIVE       released rejects, unknown_order; entries are allowed"
    )


@pytest.mark.parametrize("verb", ["status", "halt", "reduce", "resume", "flatten"])
def test_without_a_daemon_every_verb_ends_with_75_and_one_line(
    verb: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = call(capfd, verb, "--state-dir", str(tmp_path))

    assert (answer.code, answer.out) == (75, "")
    assert answer.err.startswith(f"tradingd: no daemon answers on state directory {tmp_path}: ")
    assert answer.err.count("\n") == 1
    assert (f"file {tmp_path / 'HALT'} halts it" in answer.err) == (verb == "halt")


def test_a_state_directory_that_is_not_there_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = call(capfd, "halt", "--state-dir", str(tmp_path / "vra"))

    assert answer.code == 2
    assert answer.err == f"tradingd: state directory {tmp_path / 'vra'}: no such directory\n"
