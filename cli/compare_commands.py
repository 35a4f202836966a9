"""`compare`: folders of runs into one comparison, its files and its lines."""

from collections.abc import Sequence
from pathlib import Path

from backtest.files import check_writable
from cli.tables import table_lines
from core.errors import ConfigError
from providers.dataset import DataOptions
from research.pages.benchmark import benchmark
from research.pages.comparison import compare
from research.pages.comparison_page import compare_lines, compare_page
from research.pages.daily_records import read_record
from research.runs import PAGE, RUN, LabRun, write_lab_run


def compare_runs(
    directories: Sequence[Path], out: Path, held: Path | None, options: DataOptions
) -> None:
    """Raises ConfigError for folders that are given twice, DataError for one without a run."""
    resolved = [one.resolve() for one in directories]
    twice = next((str(one) for one in directories if resolved.count(one.resolve()) > 1), None)
    if twice is not None:
        raise ConfigError(f"{twice} is given twice")
    if out.resolve() in resolved:
        raise ConfigError(f"--out {out} is one of the runs")
    check_writable(out)
    runs = [read_record(one, name) for one, name in _named(directories)]
    periods = runs[0].periods_per_year
    run = compare(runs, None if held is None else benchmark(held, options, periods))
    write_lab_run(out, run, compare_page(run))
    print_comparison(run)
    print(f"written      {out}/{RUN}, {PAGE}, {len(run.tables)} tables as .parquet and .csv")


def print_comparison(run: LabRun) -> None:
    for line, table in compare_lines(run):
        print(line)
        if table is not None:
            for row in table_lines(table):
                print(row)
    print()


def _named(directories: Sequence[Path]) -> list[tuple[Path, str]]:
    """Each called after its folder; by its path where two folders have one name."""
    names = [one.resolve().name for one in directories]
    return [
        (one, name if names.count(name) == 1 else str(one))
        for one, name in zip(directories, names, strict=True)
    ]
