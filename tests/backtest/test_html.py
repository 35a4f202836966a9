"""A report opens without network, and what stands in its data is only ever text."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

from backtest.files import write_text
from backtest.html import Chart, Facts, Finding, Findings, Section, Table, page
from core.errors import ConfigError

EVIL = "</script><img src=x onerror=alert(1)>"
SCRIPT = re.compile(r"<script>(.*?)</script>", re.S)


def test_markup_in_data_is_text_and_never_leaves_its_chart() -> None:
    text = page(
        EVIL,
        EVIL,
        [
            Section(
                EVIL,
                [
                    Facts({EVIL: EVIL}),
                    Table(pl.DataFrame({EVIL: [EVIL]})),
                    Chart([{"type": "bar", "x": [EVIL], "y": [1]}], {"title": EVIL}),
                ],
                EVIL,
            )
        ],
    )
    assert "<img" not in SCRIPT.sub("", text)
    carried = re.findall(r'<script type="application/json" id="chart0">(.*?)</script>', text, re.S)
    assert json.loads(carried[0])["data"][0]["x"] == [EVIL]


def test_only_the_two_scripts_of_the_file_may_run_and_nothing_is_fetched() -> None:
    text = page("a", "b", [Section("c", [Chart([{"type": "scatter", "y": [1, 2]}], {})])])
    scripts = SCRIPT.findall(text)
    assert len(scripts) == 2
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert policy[1].count("'sha256-") == 2
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", SCRIPT.sub("", text))


def test_a_page_without_charts_carries_no_script() -> None:
    text = page("a", "b", [Section("c", [Facts({"net": 1.5})])])
    assert "<script" not in text
    assert len(text) < 10_000


def test_a_table_shows_its_last_rows_and_says_how_many_there_are() -> None:
    frame = pl.DataFrame({"net": [float(one) - 2.0 for one in range(5)]})
    text = page("a", "b", [Section("c", [Table(frame, signed=["net"], most=4)])])
    assert "The last 4 of 5 rows." in text
    assert 'class="number down">-1.00' in text
    assert 'class="number">0.00' in text
    assert 'class="number up">2.00' in text
    assert "-2.00" not in text


def test_what_is_not_a_number_is_refused_in_a_chart() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        page("a", "b", [Section("c", [Chart([{"y": [float("nan")]}], {})])])


def test_a_page_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot write .*report\.html"):
        write_text(tmp_path / "file" / "report.html", "text")
    write_text(tmp_path / "new" / "report.html", "text")
    assert (tmp_path / "new" / "report.html").read_text() == "text"
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["report.html"]


def test_the_script_that_sorts_is_carried_by_pages_with_a_sortable_table_alone() -> None:
    frame = pl.DataFrame({"net": [1.0, 2.0, 3.0], "won": [0.5, None, 1.0]})
    text = page("a", "b", [Section("c", [Table(frame, sortable=True, percent=["won"], most=2)])])
    assert len(SCRIPT.findall(text)) == 1
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].count("'sha256-") == 1
    assert "The first 2 of 3 rows." in text
    assert 'class="number">50.00%' in text


def test_a_finding_is_told_with_its_reading_and_its_side() -> None:
    told = [Finding("PBO", 0.5, "A coin.", False), Finding("days", None, "So many.")]
    text = page("a", "b", [Section("c", [Findings(told)])])
    assert '<dt>PBO</dt><dd class="down">0.50</dd><p>A coin.</p>' in text
    assert "<dt>days</dt><dd>-</dd><p>So many.</p>" in text
