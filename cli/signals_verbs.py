"""The verb that measures signals over a universe; what it does is imported when it is called."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import (
    Auction,
    Base,
    Data,
    FromDay,
    Label,
    OutFolder,
    SessionOption,
    Symbols,
    ToDay,
)

signals_app = typer.Typer()


@signals_app.command()
def signals(
    data: Data,
    out: OutFolder,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--signals",
            metavar="A,B|all",
            help="of the library, or module:function  [default: all that fit the bars]",
        ),
    ] = None,
    horizons: Annotated[
        list[str] | None,
        typer.Option(
            "--horizons",
            metavar="1,5,4b",
            help="sessions, or bars of one; the first ranks  [default: 1,5,20]",
        ),
    ] = None,
    timeframe: Annotated[
        str | None,
        typer.Option("--timeframe", metavar="15m|1h|...", help="bars made of the data's"),
    ] = None,
    factors: Annotated[
        Path | None,
        typer.Option("--factors", metavar="FILE", help="corporate actions: symbol, date, factor"),
    ] = None,
    quantiles: Annotated[
        int | None,
        typer.Option(
            "--quantiles", metavar="N", help="buckets  [default: 10, fewer of few symbols]"
        ),
    ] = None,
    entry: Annotated[
        str,
        typer.Option("--entry", metavar="open|close", help="of the next bar, and of the exit's"),
    ] = "open",
    overnight: Annotated[
        bool, typer.Option("--overnight", help="horizons in bars go on over the close")
    ] = False,
    index: Annotated[
        str | None,
        typer.Option("--index", metavar="SYMBOL", help="tells bull from bear; itself not ranked"),
    ] = None,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, max=100, help="tear sheets")] = 5,
    prune: Annotated[
        float,
        typer.Option(
            "--prune", metavar="X", min=0.0, max=1.0, help="drop one of a pair correlated over X"
        ),
    ] = 0.8,
    sort: Annotated[
        str, typer.Option("--sort", metavar="COLUMN", help="of the lines that are printed")
    ] = "icir",
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="'t_nw>=2'", help="print these only; all are written"),
    ] = None,
    from_day: FromDay = None,
    to_day: ToDay = None,
    symbols: Symbols = None,
    label: Label = "open",
    base: Base = "1m",
    session: SessionOption = "nse",
    closing_auction: Auction = "all",
) -> None:
    """Rank signals by how well they order what follows: leaderboard, tear sheets, regimes.

    Example: tradingd signals --data daily.parquet --horizons 1,5,20 --out found
    """
    from cli import backtest_commands, signals_commands
    from research.signals.universe import Request

    first, last = backtest_commands.span_of(from_day, to_day)
    request = Request(
        data=data,
        options=backtest_commands.data_options(label, base, session, symbols, closing_auction),
        to_day=last,
        timeframe=timeframe,
        factors=factors,
        index=index,
    )
    asked = signals_commands.asked_of(
        horizons or ["1", "5", "20"],
        quantiles,
        entry,
        overnight=overnight or session == "24x7",
        from_day=first,
        prune=prune,
        sheets=top,
    )
    shown = signals_commands.Shown(sort, where or [])
    signals_commands.measure_signals(request, names, asked, shown, out)
