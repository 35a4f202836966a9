"""`report` of a run of the lab: its page made again from its files, and the head of its tables."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from backtest.files import write_text
from cli.report_commands import table_lines
from core.errors import DataError
from research.runs import PAGE, RUN, LabRun, read_lab_run

MOST_SHOWN = 10  # rows of each table; all of them are in its files

# By the kind of a run, what makes its page: a module is imported when such a run is read.
PAGES: Mapping[str, tuple[str, str]] = {
    "compare": ("research.pages.comparison_page", "compare_page"),
}


def lab_report(directory: Path, out: Path | None) -> None:
    """Raises DataError where the folder is no whole run, or of a kind that has no page."""
    run = read_lab_run(directory)
    text = page_of(directory, run)
    for name, frame in run.tables.items():
        print(f"{name}: {frame.height:,} rows")
        for line in table_lines(frame.head(MOST_SHOWN)):
            print(line)
        print()
    target = out or directory / PAGE
    write_text(target, text)
    print(f"written      {target}")


def page_of(directory: Path, run: LabRun) -> str:
    """The page that the run's own verb has written. Raises DataError as `lab_report`."""
    if run.kind not in PAGES:
        raise DataError(f'{directory / RUN}: kind "{run.kind}" is none of {", ".join(PAGES)}')
    module, name = PAGES[run.kind]
    make: Callable[[LabRun], str] = getattr(import_module(module), name)
    try:
        return make(run)
    except KeyError as error:
        raise DataError(f"{directory / RUN}: {error} is missing") from error
