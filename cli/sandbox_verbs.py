"""The verb of the local exchange; what it does is imported when it is called."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cli.options import Auction, Symbols

sandbox_app = typer.Typer()


@sandbox_app.command()
def sandbox(
    *,
    port: Annotated[int, typer.Option(help="0 takes any free one", min=0, max=65_535)] = 0,
    token: Annotated[
        str | None, typer.Option(metavar="T", help="an access token that is good from the start")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="of the generated market", min=0)] = 1,
    day: Annotated[str | None, typer.Option(metavar="D", help="the day to play")] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="PATH ...", help="recorded bars instead of a market"),
    ] = None,
    symbols: Symbols = None,
    closing_auction: Auction = "all",
    speed: Annotated[
        float, typer.Option(metavar="X", help="market seconds a second", min=0.01, max=3_600)
    ] = 1.0,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="NAME[=VALUE][@FROM[-TO]]", help="`list` tells them all"),
    ] = None,
) -> None:
    """A local exchange that speaks Upstox's protocol, REST and sockets on one loopback port.

    Its market is open from the start and stays so: nights are left out. With --day or --data a day
    is played, from shortly before its open on. The token may also come from the environment
    variable TRADINGD_SANDBOX_TOKEN, which no list of processes shows.

    With faults it misbehaves as the broker has been seen to, for the day or from one time to
    another: --fault drop=60 --fault forbid@10:15-10:20.

    Example: tradingd sandbox --port 8900 --seed 7 --day 2026-08-05 --speed 60
    """
    from cli import sandbox_commands

    sandbox_commands.run(
        sandbox_commands.Asked(
            port=port,
            token=token,
            seed=seed,
            day=day,
            data=tuple(data or ()),
            symbols=tuple(symbols or ()),
            closing_auction=closing_auction,
            speed=speed,
            faults=tuple(fault or ()),
        ),
        partial(print, flush=True),
    )
