"""`validate`: recorded days through the daemon's own path, then the backtest of the same bars."""

import asyncio
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import typer

from backtest.files import SIGNAL_SCHEMA, TRADE_SCHEMA
from backtest.run import Request, session_terms
from backtest.run import run as run_backtest
from cli.backtest_commands import request_of
from core.errors import DataError
from core.session import SECOND_NS, day_text
from core.types import BAR
from daemon import telemetry
from daemon.bootstrap import Daemon
from daemon.lock import StateLock
from daemon.plan import Plan
from daemon.sources import RecordedSource, ReplaySource
from providers.dataset import DataOptions, Dataset, instruments_of, trusted
from providers.recorded import RecordedTicks, is_capture
from stores.market import MARKET_FILE, DuckMarketStore

Tell = Callable[[str], None]

GRACE_NS = 2 * SECOND_NS  # the default of `grace_s`; both sides see the same bars whatever it is


def validate_files(
    strategy: str,
    data: Sequence[Path],
    options: DataOptions,
    config: Path | None,
    sets: Sequence[str] | None,
    from_day: str | None,
    to_day: str | None,
    tell: Tell,
) -> None:
    """As `validate`, of files: bars, or one capture of ticks. Raises ConfigError, DataError."""
    captures, given = None, None
    if len(data) == 1 and is_capture(data[0]):
        captures = RecordedTicks(data[0], options.symbols)
        given = trusted(instruments_of(captures.symbols, options), np.zeros(0, BAR), options)
    request = request_of(strategy, given or data, options, config, sets, None, from_day, to_day)
    validate(request, tell, captures)


def validate(request: Request, tell: Tell, captures: RecordedTicks | None = None) -> None:
    """Every day of the span through the daemon's own path, then the backtest: row by row.

    Args:
        captures: recorded ticks that are played instead of the request's bars; the backtest is then
            given the bars that the daemon made of them.
    """
    telemetry.configure("error")
    terms = session_terms(request.risk)
    source: RecordedSource | ReplaySource
    if captures is None:
        source = ReplaySource(request.dataset, speed=math.inf, terms=terms, to_day=request.to_day)
    else:
        options, grace_ns = request.dataset.options, GRACE_NS
        source = RecordedSource(captures, options, speed=math.inf, terms=terms, grace_ns=grace_ns)
    plan = Plan(
        mode="paper",
        source=source,
        strategies=((request.name, request.strategy, request.settings),),
        risk=request.risk,
        terms=terms,
    )
    days = [
        day
        for day in source.days
        if (request.from_day or 0) <= day and (request.to_day is None or day <= request.to_day)
    ]
    if not days:
        raise DataError("no day of the data lies in the span")
    with tempfile.TemporaryDirectory(prefix="tradingd-validate-") as folder:
        directory = Path(folder)
        with StateLock(directory):
            replayed = asyncio.run(_replayed(plan, directory, days, tell))
        if isinstance(source, RecordedSource):
            dataset = _built(source, directory, days[0])
            tell(f"bars         {len(dataset.bars)} made of ticks on {len(days)} days")
            request = replace(request, dataset=dataset, from_day=days[0])
    backtest = run_backtest(request)
    failed = False
    for name, schema in (("signals", SIGNAL_SCHEMA), ("trades", TRADE_SCHEMA)):
        expected = getattr(backtest, name).drop("signal_id")
        actual = pl.DataFrame(replayed[name], schema, orient="row").drop("signal_id")
        equal, difference = compared(expected, actual)
        tell(f"{name:<12} {equal} of {len(expected)} rows equal to the backtest")
        if difference:
            tell(f"first        {difference}")
            failed = True
    if failed:
        raise typer.Exit(1)


async def _replayed(
    plan: Plan, directory: Path, days: Sequence[int], tell: Tell
) -> dict[str, list[tuple[object, ...]]]:
    rows: dict[str, list[tuple[object, ...]]] = {"signals": [], "trades": []}
    daemon = Daemon(plan, directory)
    try:
        await daemon.open()
        for number, day in enumerate(days, 1):
            outcome = await daemon.play(day)
            if not outcome.complete:
                raise DataError(
                    f"day {day_text(day)}: {outcome.minutes} of {outcome.minutes_expected} Minutes"
                )
            if number % 20 == 0 or number == len(days):
                tell(f"replayed     {number} of {len(days)} days, to {day_text(day)}")
        for name, schema in (("signals", SIGNAL_SCHEMA), ("trades", TRADE_SCHEMA)):
            for row in await daemon.day_rows(name, None):
                rows[name].append(tuple(row[column] for column in schema))
    finally:
        await daemon.close()
    return rows


def _built(source: RecordedSource, directory: Path, first_day: int) -> Dataset:
    """The bars that the daemon has stored, behind those that warmed its first day up."""
    store = DuckMarketStore(directory / MARKET_FILE, source.instruments)
    try:
        earlier = [span.bars for span in source.history(first_day, store)]
        bars = np.concatenate([np.zeros(0, BAR), *earlier, store.bars(0, 2**62)]).view(BAR)
    finally:
        store.close()
    return trusted(source.instruments, bars, DataOptions())


def compared(expected: pl.DataFrame, actual: pl.DataFrame) -> tuple[int, str]:
    """How many rows of `expected` are equal, and the first that is not, column by column."""
    equal, first = 0, ""
    for number in range(max(len(expected), len(actual))):
        if number >= len(expected) or number >= len(actual):
            where = "backtest" if number >= len(actual) else "daemon"
            first = first or f"row {number} is only in the {where}"
            continue
        ours, theirs = expected.row(number, named=True), actual.row(number, named=True)
        wrong = [name for name in ours if ours[name] != theirs[name]]
        equal += not wrong
        if wrong and not first:
            name = wrong[0]
            first = f"row {number}: {name} is {theirs[name]}, in the backtest {ours[name]}"
    return equal, first
