"""The verbs over recorded bars; what they do is imported when one is called."""

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
    OutFolder,
    SessionOption,
    Sets,
    Strategy,
    Symbols,
    ToDay,
)
from core.errors import ConfigError

backtest_app = typer.Typer()


@backtest_app.command()
def backtest(
    data: Data,
    out: OutFolder,
    strategy: Strategy = "pixity",
    gear: Annotated[
        str | None,
        typer.Option(
            "--gear",
            metavar="compiled|event",
            help="the same rows from both; plain Python: event  [default: the quickest that fits]",
        ),
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
    report: Annotated[
        bool, typer.Option("--report", help="a page as well: report.html, with charts")
    ] = False,
    candidates: Annotated[
        Path | None,
        typer.Option("--candidates", metavar="FILE", help="of screen: evaluate on these bars only"),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option("--window", metavar="N", help="with --candidates: bars around each  [0]"),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="with --candidates: compare with the full replay")
    ] = False,
) -> None:
    """Run one strategy over recorded bars and write signals, trades and summary.

    Example: tradingd backtest --strategy pixity --data bars.parquet --out out
    """
    from cli import backtest_commands as commands

    options = commands.data_options(label, base, session, symbols, closing_auction)
    commands.check_writable(out)
    if candidates is None and (verify or window is not None):
        raise ConfigError("--window and --verify belong to --candidates FILE")
    if candidates is not None and gear == "compiled":
        raise ConfigError("--candidates needs the event gear: a compiled run evaluates in one pass")
    request = commands.request_of(strategy, data, options, config, sets, gear, from_day, to_day)
    if candidates is None:
        commands.backtest(request, out, with_report=report)
        return
    from cli.focus_commands import focused_backtest

    focused_backtest(
        request, candidates, out, window=window or 0, verify=verify, with_report=report
    )


@backtest_app.command("report")
def report_of(
    run: Annotated[Path, typer.Argument(metavar="DIR", help="folder of the files of a run")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="the page  [default: DIR/report.html]"),
    ] = None,
) -> None:
    """The page of a backtest or of a run of the lab, from its files: tables here, charts there.

    Example: tradingd report out
    """
    from cli import report_commands

    report_commands.report(run, out)


@backtest_app.command()
def audit(
    data: Data,
    strategy: Strategy = "pixity",
    sets: Sets = None,
    config: Config = None,
    symbols: Symbols = None,
    label: Label = "open",
    base: Base = "1m",
    session: SessionOption = "nse",
    closing_auction: Auction = "all",
) -> None:
    """Is the strategy honest: causal at every bar, warm enough, equal in both gears.

    Example: tradingd audit --strategy pixity --data bars.parquet
    """
    from cli import backtest_commands as commands

    options = commands.data_options(label, base, session, symbols, closing_auction)
    commands.audit(commands.request_of(strategy, data, options, config, sets, None, None, None))
