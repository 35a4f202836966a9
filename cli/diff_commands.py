"""`diff`: two runs, layer by layer. A run is a state directory, a day of it, or a backtest's files.

Only reads. What is compared, and in which order, is decided in `daemon/proof/runs.py`.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import typer

import backtest.files
from backtest.files import SIGNALS, TRADES
from core.book import MAIN_BOOK
from core.errors import ConfigError
from core.session import parse_day
from daemon.lock import StateLock
from daemon.proof.layered import signal_layers, trade_layer
from daemon.proof.runs import Run, compared, recorded_run
from stores.ledger_reader import LEDGER_FILE

Tell = Callable[[str], None]

_RUN = re.compile(r"(?P<folder>.+?)(?:@(?P<day>\d{4}-\d{2}-\d{2}))?")


def diff(run_a: str, run_b: str, tell: Tell) -> None:
    """Say of every layer whether it is equal, and name the first row that differs: then exit 1."""
    files = [is_files(one) for one in (run_a, run_b)]
    a, b = (read_run(one, MAIN_BOOK if any(files) else None) for one in (run_a, run_b))
    tell(f"A            {a.name}")
    tell(f"B            {b.name}")
    first = None
    for name, ours, theirs, difference in compared(a, b):
        rows = f"{ours:,} rows" if ours == theirs else f"{ours:,} rows, {theirs:,} rows"
        equal = "equal" if ours == theirs else "equal where both have one"
        tell(f"{name:<12} {rows} {equal if difference is None else 'differ'}")
        first = first or difference
    if first is not None:
        tell(f"first        {first.text('A', 'B')}")
        raise typer.Exit(1)


def is_files(text: str) -> bool:
    """Whether a run is the files of a backtest or an export; else it is a state directory."""
    folder, day = _named(text)
    if (folder / LEDGER_FILE).exists():
        return False
    if day is None and (folder / SIGNALS).exists() and (folder / TRADES).exists():
        return True
    raise ConfigError(
        f"{text} is no run: neither a state directory (DIR or DIR@DATE) nor a backtest's folder"
    )


def read_run(text: str, book: str | None) -> Run:
    """What is in it; of a state directory one book, or all."""
    folder, day = _named(text)
    if is_files(text):
        return files_of(folder)
    with StateLock(folder):
        return recorded_run(folder, day, book)


def files_of(folder: Path) -> Run:
    """Signals and trades as they were written; their ids belong to what the summary says."""
    files = backtest.files.read_run(folder)
    identity = ("strategy", "parameters", "data_hash")
    scope = json.dumps([files.summary.get(name) for name in identity])
    layers = [*signal_layers(files.signals.to_dicts()), trade_layer(files.trades.to_dicts())]
    return Run(
        name=f"{folder} (files)",
        scopes=frozenset([scope]),
        layers={one.name: one for one in layers},
    )


def _named(text: str) -> tuple[Path, int | None]:
    """DIR or DIR@DATE; a folder whose own name ends so is meant itself."""
    found = _RUN.fullmatch(text)
    if Path(text).exists() or found is None:
        return Path(text), None
    day = found["day"]
    return Path(found["folder"]), None if day is None else parse_day(day)
