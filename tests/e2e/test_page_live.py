"""The page of real orders in a real browser: nobody can look at it and not know whose they are."""

import asyncio

import pytest

from tests.daemon.scanned_market import Market
from tests.e2e.browser import PROGRAM, Page, browser
from tests.e2e.test_page import seen

TABS = ("#/", "#/positions", "#/orders", "#/trades", "#/instrument/SHARE0001/pixity")
BAR = "document.getElementById('live')"


def bar_of(page: Page) -> tuple[str, str, bool]:
    """What the bar says, its colour, and whether it is in sight and over everything else."""
    page.value("window.scrollTo(0, document.body.scrollHeight)")
    in_sight = page.value(
        f"(() => {{ const box = {BAR}.getBoundingClientRect(); const top ="
        " document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);"
        f" return top === {BAR} && box.y >= 0 && box.width >= window.innerWidth; }})()"
    )
    colour = page.value(f"getComputedStyle({BAR}).backgroundColor")
    return page.value(f"{BAR}.textContent"), colour, in_sight


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no browser here: install chromium")
@pytest.mark.parametrize("width", [1400, 390])
def test_real_orders_are_a_red_bar_on_every_tab_and_the_first_word_of_the_title(
    width: int,
) -> None:
    def looked_at(address: str) -> tuple[set[tuple[str, str, bool]], str]:
        with browser() as page:
            page.open(address, width=width)
            page.until(f"!{BAR}.hidden")
            bars = set()
            for tab in TABS:
                page.value(f"location.hash = '{tab}'")
                bars.add(bar_of(page))
            return bars, page.value("document.title")

    market = Market(rows=60, account="AB1234")
    bars, title = asyncio.run(seen(market, looked_at))

    said = "LIVE · real orders · upstox · account AB1234"
    assert {(said, "rgb(179, 20, 15)", True)} == bars
    assert title.startswith("LIVE AB1234 · ")


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no browser here: install chromium")
def test_the_page_of_a_day_on_paper_has_no_such_bar() -> None:
    def looked_at(address: str) -> tuple[bool, str]:
        with browser() as page:
            page.open(address)
            page.until("document.getElementById('link').textContent === 'live'")
            page.until("document.getElementById('mode').textContent === 'PAPER'")
            return page.value(f"{BAR}.hidden"), page.value("document.title")

    hidden, title = asyncio.run(seen(Market(rows=2), looked_at))

    assert hidden
    assert "LIVE" not in title
