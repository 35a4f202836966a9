"""The verb that holds live fills against paper; what it does is imported when it is called."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import StateDir

slippage_app = typer.Typer()


@slippage_app.command()
def slippage(
    day: Annotated[
        str | None, typer.Option("--day", metavar="DATE", help="this day alone, each fill")
    ] = None,
    from_day: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="first day")
    ] = None,
    to_day: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="last day, inclusive")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help=".html with plots, .parquet or .csv"),
    ] = None,
    state_dir: StateDir = None,
) -> None:
    """Hold each live fill against the fill paper gives the same decision; a running day too.

    Example: tradingd slippage --from 2026-07-01 --out slippage.html
    """
    from cli import slippage_commands
    from cli.backtest_commands import day_of, span_of

    if day is not None and (from_day or to_day):
        raise slippage_commands.both_ways()
    first, last = (day_of("--day", day),) * 2 if day is not None else span_of(from_day, to_day)
    slippage_commands.slippage(state_dir, first, last, out, print)
