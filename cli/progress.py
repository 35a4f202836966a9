"""How far long work has come: a bar on a terminal, a plain line now and then elsewhere.

Goes to standard error, so that the answer of a verb can be piped.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_EVERY_S = 5.0  # work that is done sooner prints no line

Advance = Callable[[int], None]


@contextmanager
def progress(title: str, total: int, unit: str) -> Iterator[Advance]:
    """Yields the function that is told how many more of `total` are done."""
    if not sys.stderr.isatty():
        yield PlainLines(title, total, unit).advance
        return

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as RemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    console = Console(stderr=True)
    with Progress(*columns, RemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda count: bar.advance(task, count)


class PlainLines:
    """One line at most every LINE_EVERY_S."""

    def __init__(
        self, title: str, total: int, unit: str, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.clock = clock
        self.done = 0
        self.told_s = clock()

    def advance(self, count: int) -> None:
        self.done += count
        now_s = self.clock()
        if now_s - self.told_s >= LINE_EVERY_S:
            self.told_s = now_s
            line = f"{self.title}: {self.done:,} of {self.total:,} {self.unit}"
            print(line, file=sys.stderr, flush=True)
