"""Figures are read for what they are worth, and a long table is of use."""

from pathlib import Path

import polars as pl
import pytest

from backtest.files import write_text
from backtest.html import Facts, Findings, Section, Table, page
from research.pages import sections
from tests.e2e.browser import PROGRAM, browser

EVIDENCE = {
    "out_of_sample": False,
    "deflated_sharpe": 0.62,
    "probability_of_overfitting": 0.3,
    "trials": 2160,
    "sessions": 850,
    "min_track_record": 400.4,
    "efficiency": None,
    "session_paths": {
        name: {"5": -0.125, "95": 0.5} for name in ("total_return", "max_drawdown", "sharpe")
    },
    "of_mine": "x",
}

SHOWN = "[...document.querySelectorAll('tbody tr:not([hidden]) td:first-child')]"
SHOWN += ".map((cell) => cell.textContent).join('')"


def test_each_figure_of_the_evidence_has_its_reading_and_the_colour_of_the_gate() -> None:
    section = sections.honesty(EVIDENCE)
    found, gate, paths, plain = section.parts
    assert isinstance(found, Findings)
    assert isinstance(gate, Table)
    assert isinstance(paths, Table)
    assert isinstance(plain, Facts)

    assert {one.name: (one.value, one.good) for one in found.told} == {
        "trials": ("2,160", None),
        "deflated Sharpe": ("62.0%", False),
        "probability of overfitting": ("30.0%", True),
        "efficiency": (None, None),
        "sessions": ("850", None),
        "minimum track record": ("400", True),
    }
    assert all(one.reading.endswith(".") for one in found.told)
    verdicts = dict(zip(gate.frame["figure"], gate.frame["verdict"], strict=True))
    assert verdicts["track_record"] == "passed"
    assert (verdicts["efficiency"], verdicts["deflated_sharpe"]) == ("refused", "refused")
    assert paths.frame.rows()[0] == ("total return", "sessions in blocks", -0.125, 0.5)
    assert plain.told == {"of mine": "x"}
    assert "IN SAMPLE" in section.note


def test_what_no_run_has_told_is_no_evidence() -> None:
    section = sections.honesty({})
    gate = section.parts[1]
    assert isinstance(gate, Table)

    assert set(gate.frame["verdict"]) == {"refused"}


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
