"""The units agree with the program: paths, options, exit codes, ports and deadlines.

What systemd itself thinks of them is asked too, where its verifier is installed.
"""

import re
import shlex
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest
import typer

from cli import kernel_cache
from cli.verbs import PROGRAM, app
from core.errors import AlreadyRunning, ConfigError, DataError, NotReady
from daemon.config import DashboardSettings
from daemon.dashboard.token import TOKEN_FILE
from daemon.pulse.watchdog import STALLED_AFTER_S, STOP_WITHIN_S
from daemon.upstox.tokens import CREDENTIAL

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "systemd"
INSTALLED = "/opt/tradingd/.venv/bin"
SERVICES = ("tradingd", "tradingd-doctor")
SPECIFIERS = {"%S": "/var/lib", "%C": "/var/cache"}
MOST_EXPOSED = 15  # tenths; 13 is what is left with a socket, a page and a compiler

ANALYZE = shutil.which("systemd-analyze")
verified = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")

Unit = Mapping[str, list[str]]


def unit(name: str) -> Unit:
    """Every value of every key of a unit, or of the drop-in."""
    values: dict[str, list[str]] = defaultdict(list)
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"(\w+)=(.*)", line):
            values[match[1]].append(match[2])
    return values


def one(found: Unit, key: str) -> str:
    [value] = found[key]
    for specifier, path in SPECIFIERS.items():
        value = value.replace(specifier, path)
    return value


def seconds(text: str) -> float:
    [number, word] = re.findall(r"\d+|[a-z]+", text)
    return float(number) * {"s": 1, "min": 60}[word]


# --- with the program --------------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_executed_is_a_command_with_options_that_exist(name: str) -> None:
    found = unit(f"{name}.service")
    program, *words = shlex.split(one(found, "ExecStart"))
    command = typer.main.get_command(app)
    with command.make_context(PROGRAM, words, resilient_parsing=True) as context:
        verb = command.get_command(context, words[0])  # type: ignore[attr-defined]
        with verb.make_context(words[0], words[1:], parent=context) as parsed:
            state_dir = parsed.params["state_dir"]

    assert f"{INSTALLED}/tradingd" == program
    assert f"/var/lib/{one(found, 'StateDirectory')}" == str(state_dir)
    assert one(found, "WorkingDirectory") == str(state_dir)
    assert "0700" == one(found, "StateDirectoryMode") == one(found, "CacheDirectoryMode")


@pytest.mark.parametrize("name", SERVICES)
def test_kernels_are_cached_where_the_program_looks_for_them(name: str) -> None:
    found = unit(f"{name}.service")
    variable, _, folder = one(found, "Environment").partition("=")

    assert kernel_cache.VARIABLE == variable
    assert folder.startswith(f"/var/cache/{one(found, 'CacheDirectory')}/")


def test_kernels_are_compiled_before_the_start() -> None:
    program, flag, module = shlex.split(one(unit("tradingd.service"), "ExecStartPre"))

    assert (f"{INSTALLED}/python", "-m") == (program, flag)
    assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists()


def test_only_what_would_fail_again_is_not_started_again() -> None:
    found = unit("tradingd.service")
    codes = {int(code) for code in one(found, "RestartPreventExitStatus").split()}

    assert "on-failure" == one(found, "Restart")
    assert {
        error.exit_code for error in (NotReady, ConfigError, DataError, AlreadyRunning)
    } == codes


def test_systemd_waits_longer_than_the_daemon_does() -> None:
    found = unit("tradingd.service")

    assert "notify" == one(found, "Type")
    assert seconds(one(found, "WatchdogSec")) > 2 * STALLED_AFTER_S
    assert seconds(one(found, "TimeoutStopSec")) > 2 * STOP_WITHIN_S


def test_the_credentials_are_the_tokens_of_page_and_broker() -> None:
    daemon, doctor = (
        dict(one.split(":") for one in unit(f"{name}.service")["LoadCredential"])
        for name in SERVICES
    )

    assert {TOKEN_FILE, CREDENTIAL} == set(daemon)
    assert {CREDENTIAL: daemon[CREDENTIAL]} == doctor  # it says whether the token is good
    for stored in daemon.values():
        assert "/" not in stored  # a name: systemd does not mind if the credential store lacks it


def test_hardening_lets_numba_compile_and_nobody_but_this_machine_in() -> None:
    found = unit("hardening.conf")

    assert "no" == one(found, "MemoryDenyWriteExecute")
    assert ("any", "localhost") == (one(found, "IPAddressDeny"), one(found, "IPAddressAllow"))
    port = DashboardSettings().port
    assert ("any", f"tcp:{port}") == (one(found, "SocketBindDeny"), one(found, "SocketBindAllow"))
    assert {"AF_UNIX", "AF_INET", "AF_INET6"} == set(one(found, "RestrictAddressFamilies").split())


def test_the_runbook_installs_every_file() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")

    for path in FOLDER.iterdir():
        assert path.name in runbook, path.name


def test_the_containers_files_exist_and_it_runs_as_nobody_special() -> None:
    lines = (ROOT / "Containerfile").read_text(encoding="utf-8").splitlines()
    copied = [line.split()[1:-1] for line in lines if re.match(r"COPY (?!--from)", line)]
    sources = [source for sources in copied for source in sources]
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"benchmarks"}

    assert [] == [source for source in sources if not (ROOT / source).exists()]
    assert packages <= set(sources)
    assert 'ENTRYPOINT ["tradingd"]' in lines
    users = [line for line in lines if line.startswith("USER ")]
    assert ["USER tradingd"] == users


# --- with systemd ------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they are installed, their programs replaced by ones that exist here."""
    for program in ("tradingd", "python"):
        path = tmp_path / "bin" / program
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    for path in (*FOLDER.glob("*.service"), *FOLDER.glob("*.timer")):
        text = path.read_text(encoding="utf-8").replace(INSTALLED, str(tmp_path / "bin"))
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    for name in SERVICES:
        drop_ins = tmp_path / f"{name}.service.d"
        drop_ins.mkdir()
        shutil.copy(FOLDER / "hardening.conf", drop_ins)
    return tmp_path


def analyzed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ANALYZE), *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@verified
def test_systemd_has_nothing_to_say_against_the_units(installed: Path) -> None:
    units = [f"./{path.name}" for path in installed.iterdir() if path.is_file()]
    told = analyzed(installed, "verify", "--man=no", *units)

    assert 3 == len(units)
    assert ("", "", 0) == (told.stdout, told.stderr, told.returncode)


@verified
@pytest.mark.parametrize("name", SERVICES)
def test_systemd_scores_the_exposure_below_the_bound(name: str, installed: Path) -> None:
    bound = f"--threshold={MOST_EXPOSED}"
    told = analyzed(installed, "security", "--offline=true", bound, f"./{name}.service")

    assert 0 == told.returncode, told.stdout + told.stderr
