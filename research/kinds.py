"""Which function makes the page of which kind of run: for `report`, and for a notebook.

The page that a run's own verb has written is made by the same function.
"""

import html
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import NamedTuple

from core.errors import DataError
from research.runs import RUN, LabRun

FRAME_HEIGHT = 640  # pixels of a page inside a notebook; it scrolls

# A module is imported when such a run is read.
PAGES: Mapping[str, tuple[str, str]] = {
    "optimize": ("research.search.page", "optimize_page"),
    "walkforward": ("research.walk.page", "walkforward_page"),
    "signals": ("research.signals.page", "signals_page"),
    "compare": ("research.pages.comparison_page", "compare_page"),
}


def page_of(run: LabRun) -> str:
    """One HTML page. Raises DataError for a kind that has none, and where a run lacks a figure."""
    if run.kind not in PAGES:
        raise DataError(f'{RUN}: kind "{run.kind}" is none of {", ".join(PAGES)}')
    module, name = PAGES[run.kind]
    make: Callable[[LabRun], str] = getattr(import_module(module), name)
    try:
        return make(run)
    except KeyError as error:
        raise DataError(f"{RUN}: {error} is missing") from error


class Shown(NamedTuple):
    """A run that a notebook shows as its page, in a frame of its own that can reach nothing."""

    run: LabRun

    def _repr_html_(self) -> str:
        page = html.escape(page_of(self.run))
        size = f'width="100%" height="{FRAME_HEIGHT}" style="border:0"'
        return f'<iframe sandbox="allow-scripts" srcdoc="{page}" {size}></iframe>'


def show(run: LabRun) -> Shown:
    """`show(run)` as the last line of a cell."""
    return Shown(run)
