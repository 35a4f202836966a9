"""The page is made of the files of a run alone, and says what was tried."""

import re
from pathlib import Path

import numpy as np
import pytest

from research.kinds import page_of
from research.runs import LabRun, read_lab_run, write_lab_run
from research.signals.forward import Horizon
from research.signals.page import signals_page
from research.signals.study import Asked
from tests.research.signals.panels import SIGNALS, known, nothing, study, walks

MIXED = (Horizon(1), Horizon(2, in_bars=True), Horizon(5))


@pytest.fixture(scope="module")
def run() -> LabRun:
    signals = {**SIGNALS, "</script><b>": known}
    found = study(walks(), signals, Asked(horizons=MIXED, sheets=2))
    return LabRun("signals", {**found.told, "data hash": "abc"}, found.tables)


def test_the_page_is_the_same_from_the_files(run: LabRun, tmp_path: Path) -> None:
    write_lab_run(tmp_path / "out", run, signals_page(run))

    assert page_of(read_lab_run(tmp_path / "out")) == (tmp_path / "out/report.html").read_text()


def test_every_part_is_there_and_names_are_text(run: LabRun) -> None:
    text = signals_page(run)

    assert re.findall(r"<h2>([^<]*)</h2>", text) == [
        *("What was tried", "Leaderboard"),
        *("Tear sheet: &lt;/script&gt;&lt;b&gt;", "Tear sheet: known"),
        *("Decay", "Regimes", "Correlation", "Data", "Identity"),
    ]
    assert "under 5 % after Bonferroni" in text
    assert "</script><b>" not in text
    assert "abc" in text


def test_one_symbol_and_a_signal_without_a_value_have_a_page() -> None:
    panel = walks(700, 1)
    found = study(panel, {"known": known, "void": nothing}, Asked(sheets=2))

    assert "over time, one symbol" in signals_page(LabRun("signals", found.told, found.tables))
    assert np.isfinite(panel.fields["close"]).all()
