"""The verb that lets evidence decide; what it does is imported when it is called."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import StateDir

promote_app = typer.Typer()


@promote_app.command()
def promote(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="folder of a walkforward run")],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="the configuration, if it is granted")
    ],
    state_dir: StateDir = None,
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", metavar="FIGURE=VALUE ...", help="ask for more than the gate does"),
    ] = None,
    loosen: Annotated[
        list[str] | None,
        typer.Option(
            "--loosen", metavar="FIGURE=VALUE ...", help="ask for less; the evidence says so"
        ),
    ] = None,
) -> None:
    """Check a walk-forward's evidence; write a configuration if every check passes, else exit 1.

    Example: tradingd promote walked --out promoted.toml
    """
    from cli import promote_commands

    promote_commands.promote(run, out, state_dir, limit or [], loosen or [])
