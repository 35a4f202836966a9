"""`scan`: options into a request, what was found into a table, a page and a shortlist."""

import os
from collections.abc import Sequence
from pathlib import Path

from backtest.files import check_writable, write_text
from backtest.run import Request
from cli.backtest_commands import day_of
from cli.options import listed
from cli.progress import progress
from cli.tables import table_lines
from core.errors import ConfigError
from core.session import day_text
from research.search.scan import Criteria, Scan, Scanned, scan, tried
from research.search.scan_page import ranked, scan_page

SHORTLIST, TABLE, HEAT, PAGE = "shortlist.txt", "scan.csv", "heat.csv", "scan.html"
MAX_WORKERS = 256
MOST_SHOWN = 30


def scan_of(
    request: Request, train_to: str, test_from: str | None, grid: Sequence[str], criteria: Criteria
) -> Scan:
    """`request` holds the whole span: its first day begins the train period, its last ends the
    test period. Raises ConfigError."""
    last = day_of("--train-to", train_to)
    return Scan(
        strategy=request.strategy,
        settings=request.settings,
        risk=request.risk,
        dataset=request.dataset,
        train=(request.from_day, last),
        test=(last + 1 if test_from is None else day_of("--test-from", test_from), request.to_day),
        grid=grid_of(grid),
        criteria=criteria,
    )


def grid_of(words: Sequence[str]) -> dict[str, list[object]]:
    """`sl_mult=0.8,1,1.2` as its key and values."""
    grid: dict[str, list[object]] = {}
    for word in words:
        key, sign, values = word.partition("=")
        if not sign or not listed([values]):
            raise ConfigError(f'--grid "{word}" is not key=value,value,...')
        if key in grid:
            raise ConfigError(f"--grid names {key} twice")
        grid[key] = list(listed([values]))
    return grid


def scan_universe(request: Scan, name: str, out: Path, workers: int | None) -> None:
    """Scan, write what was found, print the ranking."""
    if workers is not None and not 1 <= workers <= MAX_WORKERS:
        raise ConfigError(f"--workers {workers} is not 1 to {MAX_WORKERS}")
    check_writable(out)
    with progress(f"scan of {name}", len(request.dataset.instruments), "symbols") as advance:
        scanned = scan(request, workers or os.cpu_count() or 1, advance)
    shown = ranked(scanned)
    for line in table_lines(shown.head(MOST_SHOWN)):
        print(line)
    if shown.height > MOST_SHOWN:
        print(f"... and {shown.height - MOST_SHOWN} more in {out}/{TABLE}")
    print()
    told = tried(request, scanned)
    for what, count in told.items():
        print(f"{what:<20} {count}")
    write(request, scanned, name, out)
    print(f"written              {out}/{SHORTLIST}, {TABLE}, {PAGE}")


def write(request: Scan, scanned: Scanned, name: str, out: Path) -> None:
    """Every file complete, or as it was; the same bytes for the same scan."""
    span = f"{_span(*request.train)}, then {_span(*request.test)}"
    notes = [
        f"# {name}: {span}",
        f"# data {request.dataset.data_hash}",
        *(f"# {what}: {count}" for what, count in tried(request, scanned).items()),
    ]
    write_text(out / SHORTLIST, "\n".join([*notes, *scanned.shortlist, ""]))
    write_text(out / TABLE, scanned.table.write_csv())
    if scanned.heat.height:
        write_text(out / HEAT, scanned.heat.write_csv())
    write_text(out / PAGE, scan_page(request, scanned, f"Scan of {name}", span))


def _span(from_day: int | None, to_day: int | None) -> str:
    first = "the first day" if from_day is None else day_text(from_day)
    return f"{first} to {'the last' if to_day is None else day_text(to_day)}"
