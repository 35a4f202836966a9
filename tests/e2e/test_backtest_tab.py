"""A backtest from the page: asked for, run beside the day, read as a report, compared."""

from pathlib import Path

import pytest

from daemon.dashboard.token import TOKEN_FILE
from tests.cli.command import LIVELY_SET, lively_csv
from tests.e2e.browser import PROGRAM, browser
from tests.e2e.processes import QUICK_DAY, running

PLANTED = "planted-token-that-must-stay-in-its-file"
DONE = "document.querySelectorAll('#backtest-runs .pill.good').length"


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no browser here: install chromium")
def test_two_runs_are_asked_for_and_compared_on_the_page(tmp_path: Path) -> None:
    directory = tmp_path / "var"
    (directory / "bars").mkdir(mode=0o700, parents=True)
    directory.chmod(0o700)
    (directory / TOKEN_FILE).touch(mode=0o600)
    (directory / TOKEN_FILE).write_text(PLANTED + "\n")
    lively_csv(directory / "bars/week.csv")
    line = ("run", "--speed", "60", "--port", "0", "--state-dir", str(directory), *QUICK_DAY)
    settings = " ".join(LIVELY_SET[1:])
    with running(*line) as daemon, browser() as page:
        page.open(f"{daemon.address()}/#/backtests")
        page.value(f"sessionStorage.setItem('token', '{PLANTED}')")
        for more in ("", " sl_mult=2"):
            page.value(f"document.getElementById('backtest-set').value = '{settings}{more}'")
            page.click("#backtest-go")
            page.until(f"{DONE} === {2 if more else 1}")
        for number in (2, 1):
            page.click(f"#backtest-runs tr:nth-child({number}) input")
        shown = page.value("document.getElementById('backtest-chosen').innerText")
        report = page.value("document.querySelector('#backtest-runs a').href")
        page.screenshot(tmp_path / "backtests.png")
        page.open(report)
        page.until("document.querySelectorAll('.main-svg').length > 5")

    assert "Deepest fall" in shown
    assert "Difference" in shown
    assert [] == page.complaints
