"""The verb that screens bars; what it does is imported when it is called."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import (
    Auction,
    Base,
    Config,
    Data,
    FromDay,
    Label,
    SessionOption,
    Sets,
    Symbols,
    ToDay,
)

screen_app = typer.Typer()


@screen_app.command()
def screen(
    data: Data,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="candidates, one JSON object a line")
    ],
    strategy: Annotated[
        str | None,
        typer.Option("--strategy", metavar="NAME", help="whose screener  [default: the general]"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="side by side  [default: cores]")
    ] = None,
    from_day: FromDay = None,
    to_day: ToDay = None,
    sets: Sets = None,
    config: Config = None,
    symbols: Symbols = None,
    label: Label = "open",
    base: Base = "1m",
    session: SessionOption = "nse",
    closing_auction: Auction = "all",
) -> None:
    """Look through all bars cheaply and write those worth an expensive look.

    Example: tradingd screen --data bars.parquet --out candidates.jsonl
    """
    from cli import backtest_commands, screen_commands

    options = backtest_commands.data_options(label, base, session, symbols, closing_auction)
    span = backtest_commands.span_of(from_day, to_day)
    screen_commands.screen_bars(strategy, data, options, config, sets, span, out, workers)
