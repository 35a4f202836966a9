"""Long work tells how far it is: plain lines at their pace where there is no terminal."""

import io

import pytest

from cli.progress import LINE_EVERY_S, PlainLines, progress


class Stopwatch:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_line_is_told_at_most_every_few_seconds(capfd: pytest.CaptureFixture[str]) -> None:
    clock = Stopwatch()
    lines = PlainLines("backtest", 4_000, "bars", clock)
    for passed_s in (0.0, LINE_EVERY_S - 1, 1.0, 0.5):
        clock.now_s += passed_s
        lines.advance(1_000)

    assert "backtest: 3,000 of 4,000 bars\n" == capfd.readouterr().err


def test_short_work_prints_nothing_into_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    with progress("backtest", 10, "bars") as advance:
        advance(10)

    assert ("", "") == capfd.readouterr()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress("backtest", 10, "bars") as advance:
        advance(10)

    assert "backtest" in terminal.getvalue()
    assert "100%" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")  # the line it stood in is empty again
