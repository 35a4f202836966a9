"""A report as one HTML file: it opens without network, and nothing in it is run but our own script.

Charts are drawn by plotly's script, which its wheel brings and which is written into the file.
Whatever comes from data is escaped as text or carried as JSON, never as markup.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import polars as pl

from backtest.look import DRAW, SORT, STYLE

UP, DOWN, QUIET, ACCENT = "#0a8f5b", "#c8402f", "#8a94a6", "#3b6fd4"


@dataclass(frozen=True, slots=True)
class Chart:
    """A plotly figure as plain data: traces and layout.

    `least_width`: pixels below which it is scrolled instead of squeezed.
    """

    traces: Sequence[Mapping[str, object]]
    layout: Mapping[str, object]
    height: int = 340
    least_width: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under the names of their columns.

    `signed`: columns in which gain and loss have colours. `percent`: columns of shares, shown in
    per cent. `sortable`: by a click on a head, filtered by a word, and scrolled in a box of its
    own where it is long. `marked`: numbers of rows that stand out, such as what was chosen.
    Of more than `most` rows the last are shown (of a sortable table the first), and it is said.
    """

    frame: pl.DataFrame
    signed: Sequence[str] = ()
    decimals: int = 2
    most: int = 500
    percent: Sequence[str] = ()
    sortable: bool = False
    marked: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and what they are, side by side."""

    told: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Finding:
    """A figure, one sentence on how to read it, and whether it speaks for (True) or against."""

    name: str
    value: object
    reading: str
    good: bool | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """Figures that do not speak for themselves."""

    told: Sequence[Finding]


Part = Chart | Table | Facts | Findings


@dataclass(frozen=True, slots=True)
class Section:
    """`note`: one or two sentences on how to read it."""

    title: str
    parts: Sequence[Part]
    note: str = ""


def page(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """The whole file."""
    script = (Path(str(files("plotly"))) / "package_data" / "plotly.min.js").read_text("utf-8")
    charts: list[str] = []
    body = "\n".join(_section(section, charts) for section in sections)
    scripts = [script, DRAW] if charts else []
    scripts += [SORT] if any(_is_sortable(part) for one in sections for part in one.parts) else []
    allowed = " ".join(f"'sha256-{_digest(one)}'" for one in scripts) or "'none'"
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
    )
    carried = [
        f'<script type="application/json" id="chart{number}">{chart}</script>'
        for number, chart in enumerate(charts)
    ]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{html.escape(title)}</h1><p>{html.escape(subtitle)}</p>",
            body,
            *carried,
            *(f"<script>{one}</script>" for one in scripts),
            "</body></html>",
        ]
    )


def _section(section: Section, charts: list[str]) -> str:
    note = f"<p>{html.escape(section.note)}</p>" if section.note else ""
    parts = "\n".join(_part(part, charts) for part in section.parts)
    return f"<section><h2>{html.escape(section.title)}</h2>{note}{parts}</section>"


def _is_sortable(part: Part) -> bool:
    return isinstance(part, Table) and part.sortable


def _part(part: Part, charts: list[str]) -> str:
    match part:
        case Chart(traces, layout, height, least_width):
            # JSON in a script ends at "</": its only way out into markup.
            told = json.dumps({"data": traces, "layout": layout}, allow_nan=False)
            charts.append(told.replace("<", "\\u003c"))
            size = f"height:{height}px" + (f";min-width:{least_width}px" if least_width else "")
            return f'<div data-chart="chart{len(charts) - 1}" style="{size}"></div>'
        case Table():
            return _table(part)
        case Facts(told):
            names = "".join(
                f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(_text(value, 2))}</dd></div>"
                for name, value in told.items()
            )
            return f"<dl>{names}</dl>"
        case Findings(found):
            return f'<dl class="findings">{"".join(map(_finding, found))}</dl>'


def _finding(found: Finding) -> str:
    side = {True: ' class="up"', False: ' class="down"', None: ""}[found.good]
    name, value, reading = (
        html.escape(one) for one in (found.name, _text(found.value, 2), found.reading)
    )
    return f"<div><dt>{name}</dt><dd{side}>{value}</dd><p>{reading}</p></div>"


def _table(table: Table) -> str:
    whole = table.frame.height
    frame = table.frame.head(table.most) if table.sortable else table.frame.tail(table.most)
    begin = 0 if table.sortable else whole - frame.height
    numeric = {name for name, kind in frame.schema.items() if kind.is_numeric()}
    heads = "".join(
        f'<th class="number" scope="col">{html.escape(name)}</th>'
        if name in numeric
        else f'<th scope="col">{html.escape(name)}</th>'
        for name in frame.columns
    )
    rows = "".join(
        ('<tr class="marked">' if number in table.marked else "<tr>")
        + "".join(_cell(table, name, value, numeric) for name, value in row.items())
        + "</tr>"
        for number, row in enumerate(frame.iter_rows(named=True), start=begin)
    )
    end = "first" if table.sortable else "last"
    told = f"<p>The {end} {frame.height:,} of {whole:,} rows.</p>" if frame.height < whole else ""
    body = f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    if table.sortable:
        return f'{told}<div class="sortable"><table>{body}</div>'
    return f"{told}<table>{body}"


def _cell(table: Table, name: str, value: object, numeric: set[str]) -> str:
    if name not in numeric:
        return f"<td>{html.escape(_text(value, table.decimals))}</td>"
    side = ""
    if name in table.signed and isinstance(value, int | float) and value != 0:
        side = " up" if value > 0 else " down"
    if name in table.percent and isinstance(value, int | float):
        return f'<td class="number{side}">{value:.{table.decimals}%}</td>'
    return f'<td class="number{side}">{html.escape(_text(value, table.decimals))}</td>'


def _text(value: object, decimals: int) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.{decimals}f}"
        case _:
            return str(value)


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
