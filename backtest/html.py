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

UP, DOWN, QUIET, ACCENT = "#0a8f5b", "#c8402f", "#8a94a6", "#3b6fd4"

# Charts take the colours of the page, which follow the reader's system.
_DRAW = """
for (const place of document.querySelectorAll('[data-chart]')) {
  const figure = JSON.parse(document.getElementById(place.dataset.chart).textContent);
  const look = getComputedStyle(document.body);
  const line = look.getPropertyValue('--line');
  const axis = {gridcolor: line, zerolinecolor: line, automargin: true};
  const base = {
    paper_bgcolor: 'transparent', plot_bgcolor: 'transparent', autosize: true,
    font: {family: look.fontFamily, size: 12, color: look.color},
    margin: {l: 56, r: 16, t: 28, b: 36}, hovermode: 'closest', bargap: 0.25,
    legend: {orientation: 'h', y: 1.12, x: 0},
  };
  const layout = Object.assign(base, figure.layout);
  for (const name of Object.keys(layout)) {
    if (/^[xy]axis/.test(name)) layout[name] = Object.assign({}, axis, layout[name]);
  }
  Plotly.newPlot(place, figure.data, layout, {responsive: true, displayModeBar: false});
}
"""

_STYLE = """
:root { color-scheme: light dark; --ground: #f4f5f8; --card: #fff; --line: #e3e6ec;
  --text: #151a22; --quiet: #667085; --up: #07794b; --down: #c02f2c; }
@media (prefers-color-scheme: dark) { :root { --ground: #0c1016; --card: #141a22; --line: #2a3442;
  --text: #e6eaf0; --quiet: #8b97a8; --up: #3fd68f; --down: #ff7b72; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 24px 16px 48px; background: var(--ground);
  color: var(--text); font: 14px/1.45 system-ui, sans-serif; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 0 0 10px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 16px; margin-top: 16px; overflow-x: auto; }
p { margin: 0 0 10px; color: var(--quiet); max-width: 80ch; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin-bottom: 8px; }
th, td { padding: 4px 12px 4px 0; text-align: left; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { color: var(--quiet); font-weight: 500; } td.number, th.number { text-align: right; }
td.up { color: var(--up); } td.down { color: var(--down); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px;
  margin: 0; } dt { color: var(--quiet); }
dd { margin: 0; font-size: 17px; overflow-wrap: anywhere; }
details { margin-top: 8px; } summary { cursor: pointer; color: var(--quiet); }
"""


@dataclass(frozen=True, slots=True)
class Chart:
    """A plotly figure as plain data: traces and layout."""

    traces: Sequence[Mapping[str, object]]
    layout: Mapping[str, object]
    height: int = 340


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under the names of their columns. `signed`: columns in which gain and loss have colours.

    Of more than `most` rows the last ones are shown, and it is said.
    """

    frame: pl.DataFrame
    signed: Sequence[str] = ()
    decimals: int = 2
    most: int = 500


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and what they are, side by side."""

    told: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Section:
    """`note`: one or two sentences on how to read it."""

    title: str
    parts: Sequence[Chart | Table | Facts]
    note: str = ""


def page(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """The whole file."""
    script = (Path(str(files("plotly"))) / "package_data" / "plotly.min.js").read_text("utf-8")
    charts: list[str] = []
    body = "\n".join(_section(section, charts) for section in sections)
    scripts = [script, _DRAW] if charts else []
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
            f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>",
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


def _part(part: Chart | Table | Facts, charts: list[str]) -> str:
    match part:
        case Chart(traces, layout, height):
            # JSON in a script ends at "</": its only way out into markup.
            told = json.dumps({"data": traces, "layout": layout}, allow_nan=False)
            charts.append(told.replace("<", "\\u003c"))
            return f'<div data-chart="chart{len(charts) - 1}" style="height:{height}px"></div>'
        case Table():
            return _table(part)
        case Facts(told):
            names = "".join(
                f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(_text(value, 2))}</dd></div>"
                for name, value in told.items()
            )
            return f"<dl>{names}</dl>"


def _table(table: Table) -> str:
    frame = table.frame.tail(table.most)
    numeric = {name for name, kind in frame.schema.items() if kind.is_numeric()}
    heads = "".join(
        f'<th class="number">{html.escape(name)}</th>'
        if name in numeric
        else f"<th>{html.escape(name)}</th>"
        for name in frame.columns
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td class="{_class(name, value, numeric, table.signed)}">'
            f"{html.escape(_text(value, table.decimals))}</td>"
            for name, value in row.items()
        )
        + "</tr>"
        for row in frame.iter_rows(named=True)
    )
    left = table.frame.height - frame.height
    told = f"<p>The last {frame.height:,} of {table.frame.height:,} rows.</p>" if left else ""
    return f"{told}<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _class(name: str, value: object, numeric: set[str], signed: Sequence[str]) -> str:
    if name not in numeric:
        return ""
    if name in signed and isinstance(value, int | float) and value != 0:
        return "number up" if value > 0 else "number down"
    return "number"


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
