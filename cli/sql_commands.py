"""`tradingd sql`: one read-only SELECT over what the daemon keeps, as a table, CSV or JSON.

Never writes into the state directory; what may be asked is decided in stores/query.py.
"""

import csv
import io
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.config_commands import configuration
from core.errors import ConfigError, TryAgain
from daemon.control import ask_sql
from daemon.lock import running_pid
from stores.answer import Answer, plain
from stores.query import ask

Write = Callable[[str], None]


def sql(
    query: str,
    state_dir: Path | None,
    *,
    as_csv: bool,
    as_json: bool,
    is_terminal: bool,
    out: Write,
    warn: Write,
) -> None:
    """Answer `query`. Raises ConfigError, DataError, StoreFailed, TryAgain."""
    if as_csv and as_json:
        raise ConfigError("--csv and --json exclude each other")
    directory = state_dir or Path(configuration(None, None).settings.paths.state_dir)
    if not directory.is_dir():
        raise ConfigError(f"state directory {directory}: no such directory")
    is_running = running_pid(directory) is not None
    answer = ask(directory, query, live=partial(_live, directory) if is_running else None)
    if as_json:
        out(json_text(answer))
    elif is_terminal and not as_csv:
        out(table_text(answer))
    else:
        out(csv_text(answer))
    if answer.is_cut:
        warn(f"the answer is cut: there is more than these {len(answer.rows):,} rows")


def _live(directory: Path, query: str) -> Answer:
    """The running daemon's answer."""
    told: dict[str, Any] = ask_sql(directory, query)
    if not told["ok"]:
        raise (TryAgain if told["try_again"] else ConfigError)(str(told["error"]))
    return Answer(told["names"], [tuple(row) for row in told["rows"]], told["is_cut"])


def csv_text(answer: Answer) -> str:
    """A header and a line per row; NULL is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(answer.names)
    writer.writerows([_text(value) for value in row] for row in answer.rows)
    return text.getvalue()


def json_text(answer: Answer) -> str:
    """A list of objects, one a line; what JSON has no word for is text, NULL and NaN are null."""
    rows = (dict(zip(answer.names, map(_plain, row), strict=True)) for row in answer.rows)
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    return f"[{lines}]\n"


def table_text(answer: Answer) -> str:
    """For a person: numbers to the right, as wide as the terminal."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, name in enumerate(answer.names):
        is_number = any(isinstance(row[number], int | float) for row in answer.rows)
        table.add_column(Text(name), justify="right" if is_number else "left")
    for row in answer.rows:
        table.add_row(*(Text(_text(value)) for value in row))
    console = Console()
    with console.capture() as captured:
        console.print(table)
    return captured.get() + f"{len(answer.rows):,} rows\n"


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | dict() | tuple():
            return json.dumps(_plain(value), ensure_ascii=False)
        case _:
            return str(plain(value))


def _plain(value: Any) -> object:
    match plain(value):
        case float() as number if not math.isfinite(number):
            return None
        case list() as values:
            return [_plain(one) for one in values]
        case dict() as values:
            return {name: _plain(one) for name, one in values.items()}
        case other:
            return other
