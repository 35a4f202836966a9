"""`report`: the files of a run read again, as tables on the terminal and as one page."""

from pathlib import Path

from backtest.files import read_run, write_text
from backtest.report import REPORT, by, months, offset_ns, refusals, report_of, with_times
from cli.backtest_commands import summary_lines
from cli.lab_report import lab_report
from cli.tables import table_lines
from core.errors import DataError
from research.runs import RUN


def report(directory: Path, out: Path | None) -> None:
    """Raises DataError where the folder holds no backtest and no run of the lab."""
    if (directory / RUN).is_file():
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
