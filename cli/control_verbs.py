"""The verbs that talk to the running daemon; what they do is imported when one is called."""

from functools import partial
from pathlib import Path

import typer

from cli.options import StateDir

control_app = typer.Typer()


@control_app.command()
def status(state_dir: StateDir = None) -> None:
    """How the running daemon stands, in one line; exit 75 if there is none.

    Example: tradingd status --state-dir var
    """
    _ask("status", state_dir)


@control_app.command()
def halt(state_dir: StateDir = None) -> None:
    """No entry until `resume`, also after a restart and on other days; exits pass.

    Example: tradingd halt --state-dir var
    """
    _ask("halt", state_dir)


@control_app.command()
def reduce(state_dir: StateDir = None) -> None:
    """No entry until `resume`, as `halt`, but an ordinary measure; never loosens HALTED.

    Example: tradingd reduce --state-dir var
    """
    _ask("reduce", state_dir)


@control_app.command()
def resume(state_dir: StateDir = None) -> None:
    """Allow entries again; declined while a HALT file is there.

    Example: tradingd resume --state-dir var
    """
    _ask("resume", state_dir)


@control_app.command()
def flatten(state_dir: StateDir = None) -> None:
    """Out of everything: cancel pending entries, exit every position at the next open, `reduce`.

    Example: tradingd flatten --state-dir var
    """
    _ask("flatten", state_dir)


def _ask(name: str, state_dir: Path | None) -> None:
    from cli import control_commands

    control_commands.command(name, state_dir, partial(print, flush=True))
