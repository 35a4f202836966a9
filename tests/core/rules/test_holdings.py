"""A new book: flat, never in cooldown, with room for every report of a Minute."""

import numpy as np

from core.rules.holdings import FLAT, MAX_REPORTS_PER_INSTRUMENT
from tests.market import AUCTION, CASH, holdings_of


def test_a_new_book_is_flat_and_has_traded_nothing() -> None:
    holdings = holdings_of([CASH, AUCTION], strategies=2)

    assert (FLAT, FLAT) == tuple(holdings.positions["status"])
    assert 0 == holdings.account["busy"][0]
    assert -1 == holdings.account["day"][0]  # so the first Minute starts a day


def test_no_exit_seen_yet_is_beyond_any_cooldown() -> None:
    holdings = holdings_of([CASH, AUCTION], strategies=2)

    assert (2, 2) == holdings.since_exit.shape
    assert np.all(holdings.since_exit > 1_000_000)


def test_each_instrument_has_room_for_four_reports_a_minute() -> None:
    holdings = holdings_of([CASH, CASH, CASH])

    assert 4 == MAX_REPORTS_PER_INSTRUMENT
    assert 12 == len(holdings.reports)
