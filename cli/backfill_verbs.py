"""The verb of the broker's past minutes; what it does is imported when it is called."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cli.options import Config, Sets, StateDir, Symbols, ToDay, listed


def data_backfill(
    *,
    symbols: Symbols = None,
    from_day: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="first day, 2022-01-01 or later")
    ] = None,
    to_day: ToDay = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="archive to add them to")
    ] = None,
    state_dir: StateDir = None,
    api: Annotated[
        str | None,
        typer.Option("--api", metavar="ADDRESS", help="a local exchange instead"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say how many requests, and ask for none")
    ] = False,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Fetch the broker's past minutes: what is missing, within its limits; killed, it goes on.

    Symbols as configured if none are given. A token is not needed; a good one is sent.

    Example: tradingd data backfill --symbols TCS --from 2026-05-01 --out old
    """
    from cli import backfill_commands as commands
    from cli.config_commands import configuration

    options: dict[str, dict[str, str]] = {}
    if api is not None:
        options["upstox"] = {"api": api}
    if state_dir is not None:
        options["paths"] = {"state_dir": str(state_dir)}
    asked = commands.Asked(
        settings=configuration(config, sets, options).settings,
        symbols=tuple(listed(symbols or [])),
        from_day=from_day,
        to_day=to_day,
        out=out,
        state_dir=state_dir,
        dry_run=dry_run,
    )
    commands.backfill(asked, partial(print, flush=True))
