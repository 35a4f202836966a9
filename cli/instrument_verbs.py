"""The verb that looks instruments up; what it does is imported when it is called."""

from functools import partial
from typing import Annotated

import typer

from cli.options import Config, Sets, StateDir, listed


def data_instruments(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SYMBOL|KEY ...]", help="none: those that are configured"),
    ] = None,
    *,
    changed: Annotated[
        bool, typer.Option("--changed", help="what differs from the list before instead")
    ] = False,
    state_dir: StateDir = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Key, tick size and what may be traded, by the last list that the broker told the daemon.

    Example: tradingd data instruments TATAPOWER --state-dir var
    """
    from cli import instrument_commands

    asked = listed(names or ())
    tell = partial(print, flush=True)
    instrument_commands.instruments(asked, state_dir, config, sets, tell, changed=changed)
