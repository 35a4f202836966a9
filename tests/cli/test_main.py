"""Every way a verb may end: its words for a person, its exit code, and what it leaves behind."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import typer

from cli.main import expanded, fail, last_words
from cli.verbs import PROGRAM, app
from core.errors import AlreadyRunning, BrokerError, ConfigError, DataError, StoreFailed
from tests.cli.command import ROOT, call, process

HEAVY = ("numpy", "numba", "polars", "duckdb", "pydantic", "rich", "asyncio", "daemon", "backtest")

STRATEGY = """
import os, signal
from strategies.settings import StrategySettings

class {name}:
    settings = StrategySettings
    kinds = ("NEVER",)

    def __init__(self, settings, instruments): ...

    def on_bar(self, bar, account):
        {body}
"""
DATA = "symbol,ts,open,high,low,close,volume\nA,2026-07-22T09:15:00+05:30,1,1,1,1,1\n"


def verbs(group: typer.core.TyperGroup, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, verb in group.commands.items():
        if isinstance(verb, typer.core.TyperGroup):
            yield from verbs(verb, (*words, name))
        else:
            yield (*words, name)


COMMAND = typer.main.get_command(app)
assert isinstance(COMMAND, typer.core.TyperGroup)
VERBS = list(verbs(COMMAND, ()))


# --- help ----------------------------------------------------------------------------------------


def test_there_is_help_for_these_verbs() -> None:
    assert {
        *("run", "backtest", "audit", "validate"),
        *("data import", "data verify", "data list", "data export"),
        *("config show", "config check", "config new"),
    } <= {" ".join(words) for words in VERBS}


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_help_of_every_verb_has_an_example_on_one_line(
    words: tuple[str, ...], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    answer = call(capfd, *words, "--help")

    assert (0, "") == (answer.code, answer.err)
    examples = [line.strip() for line in answer.out.splitlines() if "Example:" in line]
    assert len(examples) == 1
    assert examples[0].startswith(f"Example: tradingd {' '.join(words)}")
    after = answer.out.split(examples[0])[1]
    assert after.startswith("\n\n")  # the example was not wrapped


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_the_example_of_every_verb_is_understood(words: tuple[str, ...]) -> None:
    """Its options exist: the words are parsed, the verb is not run."""
    command = COMMAND
    for word in words:
        assert isinstance(command, typer.core.TyperGroup)
        command = command.commands[word]
    assert command.help
    example = command.help.split(f"Example: tradingd {' '.join(words)}")[1].split(">")[0]

    command.make_context(PROGRAM, expanded(shlex.split(example)))


def test_without_a_word_there_is_help(capfd: pytest.CaptureFixture[str]) -> None:
    answer = call(capfd)

    assert 0 == answer.code
    assert "backtest" in answer.out


def test_help_is_shown_without_importing_anything_heavy() -> None:
    listing = "import sys, cli.main; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert set() == set(HEAVY) & set(done.stdout.split())


# --- usage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("bogus", "No such command 'bogus'"),
        ("backtst", "Did you mean 'backtest'?"),
        ("data", "Missing command; see tradingd data --help"),
        ("config shw", "Did you mean 'show'?"),
        ("backtest --dta x", "No such option: --dta"),
        ("backtest", "Missing option '--data'; see tradingd backtest --help"),
        ("backtest --data x", "Missing option '--out'"),
        ("backtest --out x --data", "Option '--data' requires an argument"),
        ("data import --data x", "Missing option '--out'"),
        ("config show extra", "unexpected extra argument"),
        ("config show --set", "Option '--set' requires an argument"),
    ],
)
def test_a_mistyped_line_is_told_in_one_line(
    line: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = call(capfd, *line.split())

    assert (2, "") == (answer.code, answer.out)
    assert told in answer.err
    assert answer.err.startswith("tradingd: ")
    assert 1 == answer.err.count("\n")


def test_options_of_many_values_take_all_words_up_to_the_next_option() -> None:
    line = "x --set a=1 b=2 --data p q --out o rest"

    assert "x --set a=1 --set b=2 --data p --data q --out o rest".split() == expanded(line.split())


# --- ends ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (DataError("x"), 3),
        (BrokerError("x"), 4),
        (AlreadyRunning("x"), 5),
        (StoreFailed("x"), 70),
        (ValueError("x"), 70),
        (MemoryError(), 70),
        (RecursionError("x"), 70),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert code == last_words(error)[1]


def test_an_error_of_many_lines_is_told_in_one(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fail("one\n  two\n\nthree", 2, debug=False)

    assert "tradingd: one two three\n" == capfd.readouterr().err


def test_debug_shows_where_wherever_it_stands() -> None:
    for words in (("--debug", "config", "show", "--set", "a"), ("config", "show", "--set", "a")):
        answer = process(*words, "--debug", cwd=ROOT)

        assert answer.code not in (0, 2)
        assert "Traceback (most recent call last)" in answer.err
        assert "ConfigError" in answer.err


class PanicException(BaseException):
    """Named as the one that polars raises: no Exception either."""


def test_a_panic_while_data_is_read_is_bad_data_and_any_other_is_internal() -> None:
    reader = ModuleType("providers.panicking")
    exec("def read(error): raise error", vars(reader))  # noqa: S102 - a frame of that module
    with pytest.raises(PanicException) as reading:
        reader.read(PanicException("page"))
    with pytest.raises(PanicException) as elsewhere:
        raise PanicException("page")

    assert ("the data cannot be read: PanicException: page", 3) == last_words(reading.value)
    assert 70 == last_words(elsewhere.value)[1]


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ("1 / 0", 70, "tradingd: internal error: ZeroDivisionError: division by zero; --debug"),
        ("raise type('PanicException', (BaseException,), {})('p')", 70, "PanicException: p"),
        ("os.kill(os.getpid(), signal.SIGINT)", 130, "tradingd: interrupted"),
    ],
    ids=["error", "panic", "ctrl-c"],
)
def test_a_backtest_that_is_broken_off_says_so_in_one_line_and_writes_nothing(
    body: str, code: int, told: str, tmp_path: Path
) -> None:
    (tmp_path / "broken_off.py").write_text(STRATEGY.format(name="BrokenOff", body=body))
    (tmp_path / "bars.csv").write_text(DATA)
    words = "backtest --data bars.csv --out out --strategy broken_off:BrokenOff".split()

    answer = process(*words, "--set", "timeframe=1m", cwd=tmp_path)

    assert (code, "") == (answer.code, answer.out)
    assert told in answer.err
    assert 1 == answer.err.count("\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [("config", "new"), ("backtest", "--help")], ids=" ".join)
def test_a_reader_that_has_gone_is_no_error(words: tuple[str, ...], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)  # as `| head -1` does once it has its line
    try:
        answer = process(*words, cwd=tmp_path, stdout=writer)
    finally:
        os.close(writer)

    assert "" == answer.err
    assert 128 + 13 == answer.code


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        answer = process("config", "new", cwd=tmp_path, stdout=full.fileno())

    assert 70 == answer.code
    assert "No space left on device" in answer.err
    assert 1 == answer.err.count("\n")
