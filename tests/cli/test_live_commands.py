"""`run --mode live` without one of its acts, and `confirm`, which gives the last of them."""

import io
import itertools
import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from cli.live_commands import running_terms
from core.errors import ConfigError, TryAgain
from core.ports import EventKind
from core.session import parse_day
from daemon.config import ALLOW_LIVE
from daemon.consent.acts import exchange_identity
from daemon.consent.confirmation import FILE, confirm, lacks, terms_of
from daemon.lock import StateLock
from tests.cli.command import Answer, call
from tests.consenting import ACCOUNT, TYPED_NS, configured_live
from tests.daemon.days import recorded

DAY = "2025-10-21"
SENTENCE = f"trade account {ACCOUNT} with real orders on {DAY}"
SETS = ("history_sessions=1",)


class Typing(io.StringIO):
    """A terminal at which `text` is typed."""

    def isatty(self) -> bool:
        return True


def types(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", Typing(text))


@pytest.fixture
def log_restored() -> Iterator[None]:
    """`run` sets the log of its process up, and this process has other tests."""
    yield
    structlog.reset_defaults()


# --- the matrix ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("log_restored")
@pytest.mark.parametrize(
    ("configured", "allowed", "confirmed"),
    [acts for acts in itertools.product([True, False], repeat=3) if not all(acts)],
)
def test_without_one_of_the_three_acts_there_is_one_line_and_no_order(
    configured: bool,
    allowed: bool,
    confirmed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    directory = tmp_path / "var"
    directory.mkdir(mode=0o700)
    file, given = configured_live(tmp_path, SETS)
    if allowed:
        monkeypatch.setenv(ALLOW_LIVE, ACCOUNT)
    if confirmed:
        terms = terms_of(given, exchange_identity(given.settings), parse_day(DAY))
        confirm(directory, terms, terms.sentence, TYPED_NS, "trader")
    if not configured:
        file.write_text("")
    words = ["run", "--mode", "live", "--config", str(file), "--day", DAY, "--speed", "max"]
    words += ["--port", "0", "--state-dir", str(directory), "--set", *SETS]
    answer = call(capfd, *words)

    missing = (
        "account under [live] in the configuration file"
        if not configured
        else f"mode live needs {ALLOW_LIVE}={ACCOUNT} in the environment"
        if not allowed
        else f"mode live: {DAY} is not confirmed: tradingd confirm"
    )
    said = [line for line in answer.err.splitlines() if line.startswith("tradingd: ")]
    assert (2, 1) == (answer.code, len(said))
    assert missing in said[0]
    assert "http://" not in answer.out
    begun = directory.joinpath("ledger.db").exists() and recorded(directory, [EventKind.DAY_OPENED])
    assert not begun


# --- confirm -------------------------------------------------------------------------------------


def confirming(
    capfd: pytest.CaptureFixture[str], folder: Path, directory: Path, *more: str
) -> Answer:
    file, _ = configured_live(folder, SETS)
    words = ["confirm", "--config", str(file), "--state-dir", str(directory), "--set", *SETS]
    return call(capfd, *words, "--day", DAY, *more)


def test_a_typed_sentence_confirms_what_run_will_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "var"
    types(monkeypatch, SENTENCE + "\n")
    answer = confirming(capfd, tmp_path, directory)
    given = configured_live(tmp_path, SETS)[1]
    types(monkeypatch, "")
    again = confirming(capfd, tmp_path, directory)

    assert (0, "") == (answer.code, answer.err)
    assert f"LIVE         real orders at sandbox seed 1, account {ACCOUNT}, on {DAY}" in answer.out
    assert (
        "at most      Rs 300,000 in 5 positions, 10 entries, a day's loss of Rs 5,000" in answer.out
    )
    assert "calls        2 a second, 100 a day, 40 of them kept for exits" in answer.out
    assert f"to confirm   type: {SENTENCE}" in answer.out
    assert "" == lacks(directory, terms_of(given, "sandbox seed 1", parse_day(DAY)))
    assert 0o600 == stat.S_IMODE((directory / FILE).stat().st_mode)
    assert (0, f"confirmed    {DAY} is, for account {ACCOUNT}: nothing to do\n") == (
        again.code,
        again.out,
    )


def test_another_sentence_confirms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    types(monkeypatch, "yes\n")
    answer = confirming(capfd, tmp_path, tmp_path / "var")

    assert 2 == answer.code
    assert f"not confirmed: typed was not exactly: {SENTENCE}" in answer.err
    assert not (tmp_path / "var" / FILE).exists()


def test_a_program_confirms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(SENTENCE + "\n"))
    answer = confirming(capfd, tmp_path, tmp_path / "var")

    assert (2, "tradingd: confirm needs a terminal: a person types the sentence, no program\n") == (
        answer.code,
        answer.err,
    )


def test_without_a_daemon_a_local_exchange_needs_the_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    types(monkeypatch, SENTENCE + "\n")
    file, _ = configured_live(tmp_path)
    answer = call(capfd, "confirm", "--config", str(file), "--state-dir", str(tmp_path / "var"))

    assert 2 == answer.code
    assert "sandbox seed 1 has days of its own: give --day, or start the daemon" in answer.err


def test_without_an_account_there_is_nothing_to_confirm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    types(monkeypatch, SENTENCE + "\n")
    answer = call(capfd, "confirm", "--day", DAY, "--state-dir", str(tmp_path))

    assert 2 == answer.code
    assert "account under [live] in the configuration file" in answer.err


def test_a_daemon_is_asked_what_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its configuration counts, whatever `confirm` was given; one on paper waits for nothing."""
    told: dict[str, object] = {"account": "AB1234", "exchange": "upstox", "day": DAY}
    told |= {"setup": "f" * 16, "lacks": "it is not", "lines": ["at most ..."]}
    answers: dict[str, object] = {"mode": "live", "consent": told}
    monkeypatch.setattr("cli.live_commands.ask", lambda directory, name: answers)

    assert running_terms(tmp_path) is None
    with StateLock(tmp_path):
        running = running_terms(tmp_path)
        assert running is not None
        assert ("AB1234", ["at most ..."]) == (running[0].account, running[1])
        answers.update(mode="paper", consent=None)
        with pytest.raises(ConfigError, match="runs in mode paper: nothing to confirm"):
            running_terms(tmp_path)


def test_a_daemon_that_does_not_answer_is_not_taken_for_none(tmp_path: Path) -> None:
    with StateLock(tmp_path), pytest.raises(TryAgain):
        running_terms(tmp_path)


def test_what_is_kept_can_be_read_by_its_owner(tmp_path: Path) -> None:
    """The audit trail of a consent: who, when, what."""
    given = configured_live(tmp_path, SETS)[1]
    terms = terms_of(given, "sandbox seed 1", parse_day(DAY))
    confirm(tmp_path, terms, SENTENCE, TYPED_NS, "trader")
    kept = json.loads((tmp_path / FILE).read_text())

    assert {"account", "exchange", "day", "setup", "confirmed", "by", "typed"} == set(kept)
