"""What is written while data is read: passed on where that succeeds, dropped where it fails."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.reading import STDERR, held_back_stderr, last_line_on_abort
from tests.cli.command import ROOT

ABORT = """
import os, threading
from cli.reading import held_back_stderr, last_line_on_abort
with last_line_on_abort("tradingd: x.parquet: cannot be read"), held_back_stderr():
    os.write(2, b"memory allocation of 2305843009213693904 bytes failed")
    {how}
"""


def test_what_was_written_is_passed_on_after_success(capfd: pytest.CaptureFixture[str]) -> None:
    with held_back_stderr():
        os.write(STDERR, b"a warning\n")
        held = capfd.readouterr().err

    assert "" == held
    assert "a warning\n" == capfd.readouterr().err


def test_what_was_written_is_dropped_when_reading_fails(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def panic() -> None:
        os.write(STDERR, b"thread '<unnamed>' panicked at page.rs:1\n")
        raise BaseException("as polars raises it")

    with pytest.raises(BaseException, match="as polars"), held_back_stderr():
        panic()
    os.write(STDERR, b"later\n")

    assert "later\n" == capfd.readouterr().err


def test_no_descriptor_is_left_open() -> None:
    first = os.dup(STDERR)
    os.close(first)
    with last_line_on_abort("never told"), held_back_stderr():
        pass
    second = os.dup(STDERR)
    os.close(second)

    assert first == second


def run(program: str, cwd: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,  # where a core file may lie
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "how",
    ["os.abort()", "reader = threading.Thread(target=os.abort); reader.start(); reader.join()"],
    ids=["this thread", "another thread"],
)
def test_an_abort_of_native_code_is_bad_data_in_one_line(how: str, tmp_path: Path) -> None:
    line = "tradingd: x.parquet: cannot be read\n"

    assert (3, "", line) == run(ABORT.format(how=how), tmp_path)


def test_after_reading_an_abort_is_an_abort_again(tmp_path: Path) -> None:
    code, _, error = run(ABORT.format(how="pass") + "os.abort()", tmp_path)

    assert -signal.SIGABRT == code
    assert "tradingd:" not in error
