"""Figures are read for what they are worth, and a long table is of use."""

from pathlib import Path

import polars as pl
import pytest

from backtest.files import write_text
from backtest.html import Facts, Findings, Section, Table, page
from research.pages import sections
from tests.e2e.browser import PROGRAM, browser

EVIDENCE = {
    "deflated_sharpe": 0.62,
    "probabilistic_sharpe": 0.97,
    "trials": 2160,
    "min_track_record": None,
    "of_mine": "x",
}

SHOWN = "[...document.querySelectorAll('tbody tr:not([hidden]) td:first-child')]"
SHOWN += ".map((cell) => cell.textContent).join('')"


def test_each_figure_of_the_evidence_has_its_reading_and_its_side() -> None:
    found, plain = sections.honesty(EVIDENCE).parts
    assert isinstance(found, Findings)
    assert isinstance(plain, Facts)

    told = {one.name: (one.value, one.good) for one in found.told}
    assert told == {
        "trials": ("2,160", None),
        "probabilistic Sharpe": ("97.0%", True),
        "deflated Sharpe": ("62.0%", False),
        "minimum track record": (None, None),
    }
    assert all(one.reading.endswith(".") for one in found.told)
    assert plain.told == {"of mine": "x"}


def test_identity_tells_mappings_key_by_key_and_long_lists_shortly() -> None:
    [table] = sections.identity({"a": {"b": 1}, "none": None, "many": list(range(50))}).parts
    assert isinstance(table, Table)

    assert table.frame["what"].to_list() == ["a: b", "none", "many"]
    assert table.frame["value"][1] == "-"
    assert table.frame["value"][2].endswith("39 and 10 more")


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")
def test_a_click_sorts_a_leaderboard_and_a_word_filters_it(tmp_path: Path) -> None:
    values = [0.5, None, 1_000.0, *(-1.0 - one for one in range(9))]
    rows = pl.DataFrame({"signal": list("bcadefghijkl"), "ic": values})
    text = page("a", "b", [Section("Signals", [sections.leaderboard(rows)])])
    write_text(tmp_path / "report.html", text)
    with browser() as tab:
        tab.open(f"file://{tmp_path}/report.html", width=500, height=500)
        orders = [tab.value(SHOWN)]
        for head in (2, 2, 1):  # none stays last, whichever way
            tab.click(f"th:nth-child({head}) button")
            orders.append(tab.value(SHOWN))
        tab.click("input")
        tab.type("b")

        assert orders == ["bcadefghijkl", "abdefghijklc", "lkjihgfedbac", "abcdefghijkl"]
        assert tab.value(SHOWN) == "b"
        assert tab.complaints == []
