"""The verb that consents to real orders for a day; what it does is imported when it is called."""

from functools import partial
from typing import Annotated

import typer

from cli.options import Config, Sets, StateDir, Symbols, listed

live_app = typer.Typer()


@live_app.command()
def confirm(
    day: Annotated[
        str | None,
        typer.Option("--day", metavar="DATE", help="the session  [default: that is on or next]"),
    ] = None,
    feed: Annotated[
        str | None, typer.Option("--feed", metavar="sandbox|upstox", help="as `run` is given it")
    ] = None,
    symbols: Symbols = None,
    strategies: Annotated[
        list[str] | None,
        typer.Option("--strategies", metavar="A,B", help="as `run` is given them"),
    ] = None,
    state_dir: StateDir = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Consent to real orders on one day, by typing a sentence; a running daemon goes on by it.

    Example: tradingd confirm --state-dir var
    """
    from cli import config_commands, live_commands
    from cli.verbs import given, print_now

    options: dict[str, object] = {
        "symbols": listed(symbols) if symbols else None,
        "feed": {"kind": feed},
        "paths": {"state_dir": str(state_dir) if state_dir else None},
    }
    load = partial(
        config_commands.configuration, config, sets, given(options), listed(strategies or ())
    )
    live_commands.confirm_day(load, state_dir, day, print_now)
