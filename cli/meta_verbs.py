"""The verbs of the meta-model; what they do is imported when they are called."""

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

meta_app = typer.Typer()


@meta_app.command()
def labels(
    data: Data,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Parquet file for the labelled events")
    ],
    strategy: Strategy = "pixity",
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
    """Every event with its features and what became of it, traded alone by the rules of a run.

    Example: tradingd labels --data bars.parquet --out labels.parquet
    """
    from cli import meta_commands as commands
    from cli.backtest_commands import data_options, request_of

    options = data_options(label, base, session, symbols, closing_auction)
    commands.check_file_writable(out)
    request = request_of(strategy, data, options, config, sets, None, from_day, to_day)
    commands.labels(request, out)


@meta_app.command()
def train(
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="PATH ...", help="bars to label and learn from"),
    ] = None,
    labels_file: Annotated[
        Path | None, typer.Option("--labels", metavar="FILE", help="labelled events instead")
    ] = None,
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", metavar="STATE_DIR", help="days that the daemon recorded instead"),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="folder of the new model")
    ] = Path("model"),
    strategy: Strategy = "pixity",
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
    """Grow a forest on labelled events, tested fold by fold, and write model and report.

    Example: tradingd train --data bars.parquet --to 2022-12-31 --out model
    """
    from cli import meta_commands as commands
    from cli.backtest_commands import data_options, request_of
    from core.errors import ConfigError
    from research.meta.labels import read_labels

    if sum(source is not None for source in (data, labels_file, ledger)) != 1:
        raise ConfigError("train learns from --data, from --labels or from --ledger: name one")
    commands.check_model_folder(out)
    if ledger is not None:
        from cli.backtest_commands import span_of
        from cli.recorded_days import labels_of_days

        commands.train(labels_of_days(ledger, strategy, *span_of(from_day, to_day)), out)
        return
    if labels_file is not None:
        commands.train(read_labels(labels_file), out)
        return
    options = data_options(label, base, session, symbols, closing_auction)
    request = request_of(strategy, data or [], options, config, sets, None, from_day, to_day)
    commands.train(commands.labels_for_training(request), out)
