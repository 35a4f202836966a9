"""`report` of a run of the lab: its page made again from its files, and the head of its tables."""

from pathlib import Path

from backtest.files import write_text
from cli.tables import table_lines
from core.errors import DataError
from research.kinds import page_of
from research.runs import PAGE, read_lab_run

MOST_SHOWN = 10  # rows of each table; all of them are in its files


def lab_report(directory: Path, out: Path | None) -> None:
    """Raises DataError where the folder is no whole run, or of a kind that has no page."""
    run = read_lab_run(directory)
    try:
        text = page_of(run)
    except DataError as error:
        raise DataError(f"{directory}: {error}") from error
    for name, frame in run.tables.items():
        print(f"{name}: {frame.height:,} rows")
        for line in table_lines(frame.head(MOST_SHOWN)):
            print(line)
        print()
    target = out or directory / PAGE
    write_text(target, text)
    print(f"written      {target}")
