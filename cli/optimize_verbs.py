"""The verb that searches sets of parameters; what it does is imported when it is called."""

from typing import Annotated

import typer

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

optimize_app = typer.Typer()

Grid = Annotated[
    list[str],
    typer.Option(
        "--grid", metavar="KEY=VALUES ...", help="A,B or low:high:step; without a step a sample"
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="RELATION ...", help="ema_fast<ema_slow: others are no set"),
]
How = Annotated[
    str, typer.Option("--search", metavar="grid|random|optuna", help="which sets are tried")
]
Count = Annotated[
    int | None, typer.Option("--sets", metavar="N", help="of random and optuna  [default: 200]")
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="of random and optuna")]
Objective = Annotated[
    str, typer.Option("--objective", metavar="METRIC", help="sharpe, sortino, calmar, cagr, ...")
]
MinTrades = Annotated[
    int, typer.Option("--min-trades", metavar="N", min=0, help="of a set that may be chosen")
]
MaxDrawdown = Annotated[
    float | None,
    typer.Option("--max-drawdown", metavar="SHARE", min=0.0, help="0.1: a tenth of the account"),
]
GearOption = Annotated[
    str | None,
    typer.Option("--gear", metavar="event|compiled|vectorized|sweep", help="who trades the sets"),
]
Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", help="side by side  [default: cores]")
]


@optimize_app.command()
def optimize(
    data: Data,
    grid: Grid,
    out: OutFolder,
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
    """Try many sets of parameters; choose the one that its neighbours confirm.

    Example: tradingd optimize --data bars.csv --grid sl_mult=1,2 --out found
    """
    from cli import backtest_commands, cluster_commands, optimize_commands

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
        optimize_commands.optimize(asked, searched, out, state_dir, backend)
