"""`report`: the files of a run read again, as tables on the terminal and as one page."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from backtest.files import read_run, write_text
from backtest.report import REPORT, by, months, offset_ns, refusals, report_of, with_times
from cli.backtest_commands import summary_lines
from core.errors import DataError
from research.runs import RUN


def report(directory: Path, out: Path | None) -> None:
    """Raises DataError where the folder holds no backtest and no run of the lab."""
    if (directory / RUN).is_file():
        from cli.lab_report import lab_report

        lab_report(directory, out)
        return
    files = read_run(directory)
    try:
        text = report_of(files.summary, files.signals, files.trades)
        lines = summary_lines(files.summary)
    except KeyError as error:
        raise DataError(f"{directory}: no backtest's summary, {error} is missing") from error
    for line in lines:
        print(line)
    told = with_times(files.trades, offset_ns(files.summary))
    if told.height:
        for frame in (months(told), by(told, "kind"), by(told, "exit")):
            print()
            for line in table_lines(frame):
                print(line)
    print()
    for line in table_lines(refusals(files.signals)):
        print(line)
    target = out or directory / REPORT
    write_text(target, text)
    print(f"\nwritten      {target}")


def table_lines(frame: pl.DataFrame) -> Iterator[str]:
    """Rows under their names, numbers to the right, as wide as they need."""
    cells = [frame.columns, *([_cell(value) for value in row] for row in frame.iter_rows())]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [kind.is_numeric() for kind in frame.dtypes]
    for row in cells:
        places = zip(row, widths, right, strict=True)
        yield "  ".join(
            text.rjust(width) if number else text.ljust(width) for text, width, number in places
        ).rstrip()


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case float():
            return f"{value:,.2f}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)
