"""The verbs of `tradingd` and their options; what a verb does is imported when it is called.

So nothing heavy is imported here: --help answers at once.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.backfill_verbs import data_backfill
from cli.backtest_verbs import backtest_app
from cli.certify_verbs import certify_app
from cli.compare_verbs import compare_app
from cli.control_verbs import control_app
from cli.instrument_verbs import data_instruments
from cli.live_verbs import live_app
from cli.login_verbs import login_app
from cli.meta_verbs import meta_app
from cli.optimize_verbs import optimize_app
from cli.options import (
    Auction,
    Base,
    Config,
    Data,
    FromDay,
    Label,
    SessionOption,
    Sets,
    StateDir,
    Strategy,
    Symbols,
    ToDay,
    listed,
)
from cli.promote_verbs import promote_app
from cli.sandbox_verbs import sandbox_app
from cli.scan_verbs import scan_app
from cli.screen_verbs import screen_app
from cli.signals_verbs import signals_app
from cli.slippage_verbs import slippage_app
from cli.walk_verbs import walk_app
from core.errors import ConfigError

PROGRAM = "tradingd"
MANY_VALUES = (
    *("--set", "--data", "--symbols", "--strategies", "--grid", "--where"),
    *("--limit", "--loosen", "--signals", "--horizons"),
)

app = typer.Typer(
    name=PROGRAM,
    help="Trade NSE and 24x7 markets on paper; the same strategies on history, to the paisa.",
    epilog="With --debug, anywhere on the line, an error shows its stack trace.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Bars in and out: import, verify, list, backfill, export; instruments.")
config_app = typer.Typer(help="The configuration: show, check, new.")
app.add_typer(backtest_app)
app.add_typer(scan_app)
app.add_typer(optimize_app)
app.add_typer(compare_app)
app.add_typer(walk_app)
app.add_typer(screen_app)
app.add_typer(promote_app)
app.add_typer(control_app)
app.add_typer(certify_app)
app.add_typer(slippage_app)
app.add_typer(signals_app)
app.add_typer(sandbox_app)
app.add_typer(login_app)
app.add_typer(live_app)
app.add_typer(meta_app)
app.add_typer(data_app, name="data")
data_app.command("backfill")(data_backfill)
data_app.command("instruments")(data_instruments)
app.add_typer(config_app, name="config")


@app.command()
def run(
    mode: Annotated[
        str | None,
        typer.Option("--mode", metavar="paper|observe|live", help="live: real orders"),
    ] = None,
    feed: Annotated[
        str | None,
        typer.Option(
            "--feed", metavar="sandbox|upstox|synthetic|replay", help="source of the market"
        ),
    ] = None,
    symbols: Symbols = None,
    strategies: Annotated[
        list[str] | None,
        typer.Option("--strategies", metavar="A,B", help="configured instances, in order"),
    ] = None,
    speed: Annotated[
        str | None,
        typer.Option("--speed", metavar="N|max|real", help="market seconds per second"),
    ] = None,
    days: Annotated[
        str | None,
        typer.Option("--days", metavar="N", help="one after the other  [default: 1; real: no end]"),
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="PATH ...", help="replay: files of bars"),
    ] = None,
    day: Annotated[
        str | None, typer.Option("--day", metavar="DATE", help="replay: the day to play")
    ] = None,
    seed: Annotated[
        str | None, typer.Option("--seed", metavar="N", help="of a generated market")
    ] = None,
    port: Annotated[
        str | None, typer.Option("--port", metavar="N", help="of the page; 0: any free one")
    ] = None,
    state_dir: StateDir = None,
    config: Config = None,
    sets: Sets = None,
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="open|end", help="replay: which end a stamp marks"),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="1m|15m|...", help="replay: length of the data's bars"),
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="nse|24x7", help="trading hours")
    ] = None,
    closing_auction: Annotated[
        str | None,
        typer.Option("--closing-auction", metavar="all|none|A,B", help="replay: who has it"),
    ] = None,
) -> None:
    """The daemon: ingest, trade, serve the scanner page; Ctrl-C leaves in order.

    Example: tradingd run --feed replay --data bars.parquet --day 2026-07-22
    """
    from cli import config_commands, run_commands

    options: dict[str, object] = {
        "mode": mode,
        "symbols": listed(symbols) if symbols else None,
        "feed": {
            "kind": feed,
            "speed": speed,
            "days": days,
            "data": [str(path) for path in data] if data else None,
            "day": day,
            "seed": seed,
            "label": label,
            "base": base,
            "session": session,
            "closing_auction": closing_auction,
        },
        "dashboard": {"port": port},
        "paths": {"state_dir": str(state_dir) if state_dir else None},
    }
    configured = config_commands.configuration(
        config, sets, given(options), listed(strategies or ())
    )
    run_commands.run(configured, print_now)


@app.command()
def validate(
    data: Data,
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
    """Play every day of bars or recorded ticks through the daemon, compare with the backtest.

    Example: tradingd validate --data bars.parquet --from 2026-07-22
    """
    from cli import backtest_commands as commands
    from cli import validate_commands

    options = commands.data_options(label, base, session, symbols, closing_auction)
    validate_commands.validate_files(
        strategy, data, options, config, sets, from_day, to_day, print_now
    )


@app.command()
def doctor(state_dir: StateDir = None, config: Config = None, sets: Sets = None) -> None:
    """Is everything ready for the next start: a line per check, exit 1 if one of them fails.

    Example: tradingd doctor --state-dir var
    """
    from cli import doctor_commands

    doctor_commands.doctor(state_dir, config, sets, print_now)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(metavar="SELECT", help="one statement that reads")],
    state_dir: StateDir = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="the default into a file or pipe")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="a list of objects")] = False,
) -> None:
    """Ask what the daemon keeps: ticks, bars, decisions, signals, orders, fills, trades, events.

    Example: tradingd sql "SELECT instrument, net_paise FROM trades"
    """
    from cli import sql_commands

    sql_commands.sql(
        query,
        state_dir,
        as_csv=as_csv,
        as_json=as_json,
        is_terminal=sys.stdout.isatty(),
        out=lambda text: print(text, end=""),
        warn=lambda line: print(f"{PROGRAM}: {line}", file=sys.stderr),
    )


# --- data ----------------------------------------------------------------------------------------


@data_app.command("import")
def data_import(
    data: Data,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="the archive")],
    zone: Annotated[
        str | None,
        typer.Option("--zone", metavar="ZONE", help="Asia/Kolkata: of stamps without an offset"),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option("--columns", metavar="open=o,ts=date", help="names of columns in the file"),
    ] = None,
    symbols: Symbols = None,
    label: Label = "open",
    base: Base = "1m",
    session: SessionOption = "nse",
    closing_auction: Auction = "all",
) -> None:
    """Report the defects of files of bars, then add them to an archive by day.

    Example: tradingd data import --data bars.csv --label end --out archive
    """
    from cli import backtest_commands, data_commands

    options = backtest_commands.data_options(
        label, base, session, symbols, closing_auction, data_commands.layout_of(zone, columns)
    )
    data_commands.import_bars(data, out, options, print)


@data_app.command("verify")
def data_verify(
    data: Data,
    symbols: Symbols = None,
    label: Label = "open",
    base: Base = "1m",
    session: SessionOption = "nse",
    closing_auction: Auction = "all",
) -> None:
    """Report the defects of files of bars; exit 3 if one of them cannot be used.

    Example: tradingd data verify --data bars.parquet
    """
    from cli import backtest_commands, data_commands

    options = backtest_commands.data_options(label, base, session, symbols, closing_auction)
    data_commands.verify_bars(data, options, print)


@data_app.command("list")
def data_list(
    data: Data,
    symbols: Symbols = None,
    label: Label = "open",
    base: Base = "1m",
    session: SessionOption = "nse",
    closing_auction: Auction = "all",
) -> None:
    """What the data holds of each symbol.

    Example: tradingd data list --data archive
    """
    from cli import backtest_commands, data_commands

    options = backtest_commands.data_options(label, base, session, symbols, closing_auction)
    data_commands.list_bars(data, options, print)


@data_app.command("export")
def data_export(
    out: Annotated[
        Path, typer.Option("--out", metavar="PATH", help=".parquet or .csv; with --day a folder")
    ],
    data: Annotated[
        list[Path] | None, typer.Option("--data", metavar="PATH ...", help="files of bars")
    ] = None,
    day: Annotated[
        str | None,
        typer.Option("--day", metavar="DATE", help="instead: this day of the daemon's ledger"),
    ] = None,
    state_dir: StateDir = None,
    book: Annotated[
        str, typer.Option("--book", metavar="NAME", help="with --day: whose trades")
    ] = "main",
    from_day: FromDay = None,
    to_day: ToDay = None,
    symbols: Symbols = None,
    label: Label = "open",
    base: Base = "1m",
    session: SessionOption = "nse",
    closing_auction: Auction = "all",
) -> None:
    """Write bars to one file; or with --day a traded day's signals and trades to a folder.

    Example: tradingd data export --data archive --symbols INFY --out infy.csv
    """
    from cli import backtest_commands, data_commands, run_commands

    if bool(data) == bool(day):
        raise ConfigError("data export needs --data PATH or --day DATE, and only one of them")
    if day:
        day_number = backtest_commands.day_of("--day", day)
        run_commands.export_day(state_dir, day_number, out, print, book)
        return
    options = backtest_commands.data_options(label, base, session, symbols, closing_auction)
    first, last = backtest_commands.span_of(from_day, to_day)
    data_commands.export_bars(data or [], out, options, print, from_day=first, to_day=last)


# --- config --------------------------------------------------------------------------------------


@config_app.command("show")
def config_show(config: Config = None, sets: Sets = None) -> None:
    """Every value as it will be used, and where it comes from.

    Example: tradingd config show --set risk_per_trade=250
    """
    from cli import config_commands as commands

    print(commands.show(commands.configuration(config, sets)), end="")


@config_app.command("check")
def config_check(config: Config = None, sets: Sets = None) -> None:
    """Check the configuration; exit 2 with one line if it cannot be used.

    Example: tradingd config check --config tradingd.toml
    """
    from cli import config_commands as commands

    print(commands.check(commands.configuration(config, sets)), end="")


@config_app.command("new")
def config_new() -> None:
    """Print a commented configuration file with every key at its default.

    Example: tradingd config new > tradingd.toml
    """
    from cli import config_commands as commands

    print(commands.new(commands.models()), end="")


# --- shared ---------------------------------------------------------------------------------------


def print_now(line: str) -> None:
    """A line that is seen at once, also through a pipe."""
    print(line, flush=True)


def given(options: dict[str, object]) -> dict[str, object]:
    """Without the options nobody gave."""
    result: dict[str, object] = {}
    for name, value in options.items():
        kept = given(value) if isinstance(value, dict) else value
        if kept not in (None, {}):
            result[name] = kept
    return result
