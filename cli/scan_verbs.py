"""The verb that looks through a universe; what it does is imported when it is called."""

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
    Strategy,
    Symbols,
    ToDay,
)

scan_app = typer.Typer()


@scan_app.command()
def scan(
    data: Data,
    train_to: Annotated[
        str, typer.Option("--train-to", metavar="DATE", help="last day of the train period")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="folder for what is found")],
    test_from: Annotated[
        str | None,
        typer.Option("--test-from", metavar="DATE", help="first of the test  [default: the next]"),
    ] = None,
    strategy: Strategy = "pixity",
    grid: Annotated[
        list[str] | None,
        typer.Option("--grid", metavar="KEY=A,B ...", help="two keys: a heat map of each symbol"),
    ] = None,
    min_trades: Annotated[
        int, typer.Option("--min-trades", metavar="N", min=1, help="in each period")
    ] = 10,
    min_profit_factor: Annotated[
        float, typer.Option("--min-profit-factor", metavar="X", min=0.0, help="in each period")
    ] = 1.0,
    max_drawdown: Annotated[
        float | None,
        typer.Option("--max-drawdown", metavar="RUPEES", min=0.0, help="in each period"),
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
    """Trade every symbol alone, in a train and in a test period; rank them, list the good ones.

    Example: tradingd scan --data bars.parquet --train-to 2026-07-21 --out found
    """
    from cli import backtest_commands, scan_commands
    from research.search.scan import Criteria

    options = backtest_commands.data_options(label, base, session, symbols, closing_auction)
    request = backtest_commands.request_of(
        strategy, data, options, config, sets, None, from_day, to_day
    )
    criteria = Criteria(min_trades, min_profit_factor, max_drawdown)
    asked = scan_commands.scan_of(request, train_to, test_from, grid or [], criteria)
    scan_commands.scan_universe(asked, request.name, out, workers)
