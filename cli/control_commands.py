"""`status`, `halt`, `reduce`, `resume`, `flatten`: one question to the running daemon, one line.

Reads no configuration when the state directory is named: a broken file must not keep an operator
from halting.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer

from core.errors import ConfigError, TryAgain
from daemon.commands import HALT_FILE
from daemon.control import STATUS, ask

MAX_DOUBTS = 5  # told; a connection carries up to two thousand instruments

MEANING = {
    "ACTIVE": "entries are allowed",
    "REDUCING": "no entry until `tradingd resume`; exits pass",
    "HALTED": "no entry until `tradingd resume`; exits pass",
}


def command(name: str, state_dir: Path | None, tell: Callable[[str], None]) -> None:
    """Ask and tell; exit 1 where the daemon declines. Raises TryAgain where none answers."""
    directory = state_dir or _configured()
    if not directory.is_dir():
        raise ConfigError(f"state directory {directory}: no such directory")
    try:
        answer: dict[str, Any] = ask(directory, name)
    except TryAgain as error:
        sure = f"; file {directory / HALT_FILE} halts it, also at its next start"
        raise TryAgain(f"{error}{sure if name == 'halt' else ''}") from error
    if not answer["ok"]:
        if answer["try_again"]:
            raise TryAgain(str(answer["error"]))
        typer.echo(f"tradingd: {name}: {answer['error']}", err=True)
        raise typer.Exit(1)
    if name != STATUS:
        tell(command_line(name, answer))
        return
    tell(status_line(answer))
    latched, doubted = breaker_lines(answer["breakers"]), doubt_lines(answer["doubts"])
    for line in [*latched, *doubted, *evidence_lines(answer["evidence"])]:
        tell(line)


def status_line(answer: dict[str, Any]) -> str:
    """The daemon in one line."""
    off = answer["strategies_off"]
    return (
        f"{answer['trading_state']:<12} {headline(answer)}, day {answer['day']},"
        f" {answer['minutes_done']} of {answer['minutes_expected']} Minutes,"
        f" feed {'up' if answer['feed_up'] else 'down'},"
        f" {counted(answer['positions'], 'position')},"
        f" net Rs {answer['day_pnl_paise'] / 100:,.2f} today"
        f"{', off: ' + ', '.join(off) if off else ''}"
    )


def headline(answer: dict[str, Any]) -> str:
    """Real orders are never taken for others."""
    if answer["account"] is None:
        return f"{answer['mode']} {answer['feed']}"
    return f"LIVE {answer['broker']}, account {answer['account']}"


def breaker_lines(breakers: Sequence[str]) -> list[str]:
    """What refuses entries other than by an operator: a day lost, or what halts until a resume."""
    return [f"latched      {one}" for one in breakers]


def doubt_lines(doubts: Sequence[str]) -> list[str]:
    """Why nothing is entered, of all or of one instrument."""
    more = len(doubts) - MAX_DOUBTS
    lines = [f"in doubt     {one}" for one in doubts[:MAX_DOUBTS]]
    return lines + ([f"in doubt     and {more} more: see the page"] if more > 0 else [])


def evidence_lines(evidence: Sequence[dict[str, str]]) -> list[str]:
    """Where the parameters of each strategy came from."""
    return [f"evidence     {one['strategy']}: {one['told']}" for one in evidence]


def command_line(name: str, answer: dict[str, Any]) -> str:
    """What a command led to, in one line."""
    state = str(answer["trading_state"])
    cancelled, released, done = answer["cancelled"], ", ".join(answer["released"]), ""
    if name == "flatten":
        when = "asked for" if answer["broker"] else "at the next open"
        done = f"{counted(answer['exits'], 'exit')} {when}, "
    if name == "flatten" or cancelled:
        done += f"{counted(cancelled, 'pending entry')} cancelled; "
    if released:
        done += f"released {released}; "
    return f"{state:<12} {done}{MEANING[state]}"


def counted(count: int, what: str) -> str:
    plural = what[:-1] + "ies" if what.endswith("y") else what + "s"
    return f"{count} {what if count == 1 else plural}"


def _configured() -> Path:
    from cli.config_commands import configuration

    return Path(configuration(None, None).settings.paths.state_dir)
