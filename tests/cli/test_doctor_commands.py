"""`tradingd doctor`: the checks of the installation, and what the command says and returns."""

import re
import tomllib
from pathlib import Path

import pytest

from cli import kernel_cache
from cli.doctor_commands import (
    LOCK,
    PYTHONS,
    check_kernels,
    check_packages,
    check_python,
)
from daemon.config import ALLOW_LIVE
from daemon.doctor import Verdict
from tests.cli.command import call
from tests.consenting import ACCOUNT, configured_live

LOCKED = """\
# by a tool
duckdb==2.0.0 \\
    --hash=sha256:00
numpy==2.4.6 ; python_full_version < '3.12' \\
numpy==2.5.5 ; python_full_version >= '3.12' \\
colorama==0.4.6 ; sys_platform == 'win32' \\
"""


@pytest.mark.parametrize(
    ("installed", "verdict", "told"),
    [
        ({"duckdb": "2.0.0", "numpy": "2.4.6"}, "ok", "3 as locked"),
        ({"duckdb": "2.0.0", "numpy": "2.5.5"}, "ok", "3 as locked"),
        ({"duckdb": "2.0.1", "numpy": "2.5.5"}, "WARN", "duckdb 2.0.1 (locked 2.0.0)"),
        ({"duckdb": "2.0.0", "numpy": "2.6.0"}, "WARN", "numpy 2.6.0 (locked 2.4.6, 2.5.5)"),
        ({"numpy": "2.5.5"}, "FAIL", "missing: duckdb"),
    ],
)
def test_packages_are_held_against_the_lock(
    installed: dict[str, str], verdict: str, told: str
) -> None:
    check = check_packages(LOCKED, installed.get)

    assert Verdict(verdict) is check.verdict
    assert told in check.found


def test_an_installation_without_a_lock_is_a_warning() -> None:
    assert check_packages(None, lambda package: None).verdict is Verdict.WARN
    assert LOCK.is_file()


def test_the_pythons_are_those_of_the_project() -> None:
    project = tomllib.loads((kernel_cache.ROOT / "pyproject.toml").read_text())["project"]
    (first, first_minor), (end, end_minor) = PYTHONS

    assert f">={first}.{first_minor},<{end}.{end_minor}" == project["requires-python"]
    assert [check_python((3, minor), "").verdict for minor in (10, 11, 13, 14)] == [
        Verdict.FAIL,
        Verdict.OK,
        Verdict.OK,
        Verdict.FAIL,
    ]


def test_kernels_are_ready_cold_or_without_a_cache(tmp_path: Path) -> None:
    environ = {kernel_cache.VARIABLE: str(tmp_path)}

    assert check_kernels({}).verdict is Verdict.WARN
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "step.nbi").write_text("")
    assert check_kernels(environ).verdict is Verdict.WARN
    (tmp_path / kernel_cache.WHOLE).touch()
    assert check_kernels(environ).verdict is Verdict.OK


# --- the command ---------------------------------------------------------------------------------


def test_every_check_is_a_line_and_nothing_is_made(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer = call(capfd, "doctor", "--state-dir", str(tmp_path / "none"))
    verdicts = [line.split()[0] for line in answer.out.splitlines()]

    assert {*verdicts} <= {"ok", "WARN", "FAIL"}
    assert answer.code == ("FAIL" in verdicts)
    assert len(verdicts) >= 12
    assert list(tmp_path.iterdir()) == []


def test_a_failing_check_is_exit_1(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "head.json").write_text("{}")
    answer = call(capfd, "doctor", "--state-dir", str(tmp_path))

    assert answer.code == 1
    assert "FAIL  ledger       ledger.db is missing beside head.json" in answer.out


def test_a_bad_configuration_is_a_failing_check_and_the_others_follow(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer = call(capfd, "doctor", "--state-dir", str(tmp_path), "--set", "sl_mutl=1")

    assert answer.code == 1
    assert "FAIL  config" in answer.out
    assert "ledger       none yet" in answer.out


def test_in_mode_live_the_acts_and_the_program_are_looked_at(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "var"
    file, _ = configured_live(tmp_path)
    words = ["doctor", "--state-dir", str(directory), "--config", str(file), "--set", "mode=live"]
    missed = call(capfd, *words)
    monkeypatch.setenv(ALLOW_LIVE, ACCOUNT)
    allowed = call(capfd, *words)

    assert f"FAIL  live         mode live needs {ALLOW_LIVE}={ACCOUNT}" in missed.out
    assert "ok    live         account ..BX is configured, and allowed here" in allowed.out
    assert "ok    halt file    none" in allowed.out
    assert re.search(r"^(ok   |WARN ) program ", allowed.out, re.M)
