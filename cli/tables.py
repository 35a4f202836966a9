"""Frames as lines of a terminal."""

from collections.abc import Iterator

import polars as pl


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
