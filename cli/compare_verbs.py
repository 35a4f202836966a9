"""The verb that puts runs side by side; what it does is imported when it is called."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Label, SessionOption, Symbols

compare_app = typer.Typer()


@compare_app.command()
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN RUN ...", help="folders of backtest, optimize, walkforward"),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="folder for the page and its tables")
    ],
    benchmark: Annotated[
        Path | None,
        typer.Option("--benchmark", metavar="PATH", help="Parquet bars: beside holding them"),
    ] = None,
    symbols: Symbols = None,
    label: Label = "open",
    session: SessionOption = "nse",
) -> None:
    """Compare runs on the days they have in common: figures, curves, correlation, settings.

    Example: tradingd compare out/pixity out/ema --out compared
    """
    from cli import backtest_commands, compare_commands

    options = backtest_commands.data_options(label, "1m", session, symbols, "all")
    compare_commands.compare_runs(runs, out, benchmark, options)
