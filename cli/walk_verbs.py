"""The verb that walks forward; what it does is imported when it is called."""

from typing import Annotated

import typer

from cli.optimize_verbs import (
    Count,
    GearOption,
    Grid,
    How,
    MaxDrawdown,
    MinTrades,
    Objective,
    Seed,
    Where,
    Workers,
)
from cli.options import (
    Auction,
    Base,
    Cluster,
    Config,
    Data,
    FromDay,
    Label,
    OutFolder,
    SessionOption,
    Sets,
    SharedData,
    StateDir,
    Strategy,
    Symbols,
    ToDay,
)

walk_app = typer.Typer()


@walk_app.command()
def walkforward(
    data: Data,
    grid: Grid,
    out: OutFolder,
    train: Annotated[
        str, typer.Option("--train", metavar="12m|250d", help="calendar months or sessions")
    ] = "12m",
    test: Annotated[
        str, typer.Option("--test", metavar="3m|60d", help="that follow, traded with the choice")
    ] = "3m",
    step: Annotated[
        str | None,
        typer.Option("--step", metavar="3m|60d", help="to the next window  [default: --test]"),
    ] = None,
    anchored: Annotated[
        bool, typer.Option("--anchored", help="every train span begins with the data")
    ] = False,
    embargo: Annotated[
        int, typer.Option("--embargo", metavar="N", help="sessions between train and test")
    ] = 1,
    drop_short: Annotated[
        bool, typer.Option("--drop-short", help="no last window that the data cuts short")
    ] = False,
    cpcv: Annotated[
        str | None,
        typer.Option(
            "--cpcv", metavar="N,K", help="also K of N groups of sessions tried at a time"
        ),
    ] = None,
    strategy: Strategy = "pixity",
    where: Where = None,
    search: How = "grid",
    count: Count = None,
    seed: Seed = 0,
    objective: Objective = "sharpe",
    min_trades: MinTrades = 30,
    max_drawdown: MaxDrawdown = None,
    gear: GearOption = None,
    workers: Workers = None,
    cluster: Cluster = None,
    shared_data: SharedData = False,
    state_dir: StateDir = None,
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
    """Choose sets of parameters on the past, trade what follows, window after window.

    Example: tradingd walkforward --data bars.csv --grid sl_mult=1,2 --out wf
    """
    from cli import backtest_commands, cluster_commands, optimize_commands, walk_commands

    scheme = walk_commands.scheme_of(
        train, test, step, anchored=anchored, embargo=embargo, drop_short=drop_short
    )
    combinatorial = walk_commands.cpcv_of(cpcv, embargo)
    asked = optimize_commands.asked_of(
        grid=grid,
        where=where or [],
        search=search,
        sets=count,
        seed=seed,
        objective=objective,
        min_trades=min_trades,
        max_drawdown=max_drawdown,
        workers=workers,
    )
    options = backtest_commands.data_options(label, base, session, symbols, closing_auction)
    with cluster_commands.connected(cluster, workers, shared_data=shared_data) as backend:
        searched = optimize_commands.searched_of(
            strategy, data, options, config, sets, gear, from_day, to_day
        )
        if shared_data:
            cluster_commands.share(backend, searched.subject, data, options)
        walk_commands.walk_forward(asked, searched, scheme, combinatorial, out, state_dir, backend)
