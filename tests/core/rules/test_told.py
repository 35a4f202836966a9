"""Fills told in parts: what a position, its fees and its round trip become of them."""

import numpy as np
import pytest

from core.rules.account import submit_entry
from core.rules.fees import fees_paise, value_paise
from core.rules.holdings import CLOSING, EXITED, FLAT, OPEN, PENDING_EXIT, Holdings
from core.rules.told import average_price, book_entry, book_exit, end_entry, settle_told, take_back
from core.types import ExitReason
from tests.market import BUY, holdings_of, rules_on

RULES = rules_on("2026-07-22")


def pending(quantity: int = 10) -> Holdings:
    holdings = holdings_of(limits={"fills_are_told": True})
    submit_entry(holdings, 0, 0, BUY, 100.0, 2.0, quantity)
    return holdings


def test_parts_add_up_to_the_fees_of_one_order() -> None:
    holdings = pending()
    fees = [book_entry(holdings, 0, part, 100.05, 1, RULES) for part in (3, 3, 4)]
    row = holdings.positions[0]

    assert fees_paise(value_paise(10, 100.05), BUY, RULES) == sum(fees) == row.entry_fees_paise
    assert (OPEN, 10, 0, 100.05) == (row.status, row.quantity, row.coming, row.entry_price)


@pytest.mark.parametrize("ticks", [1, 3, 1_999, 2_001, 40_007, 123_457])
def test_equal_prices_average_to_that_very_price(ticks: int) -> None:
    price = ticks * 5 / 100
    for shares in (2, 3, 7, 1_003):
        assert price == average_price(value_paise(1, price) * shares, shares)


def test_stop_and_target_are_those_of_the_first_price() -> None:
    holdings = pending()
    book_entry(holdings, 0, 5, 100.0, 1, RULES)
    book_entry(holdings, 0, 5, 101.0, 2, RULES)
    row = holdings.positions[0]

    assert (98.0, 104.0, 100.5, 1) == (row.stop, row.target, row.entry_price, row.entry_ns)


def test_an_exit_nobody_asked_for_is_the_stop() -> None:
    holdings = pending()
    book_entry(holdings, 0, 10, 100.0, 1, RULES)
    book_exit(holdings, 0, 4, 98.0, 2, RULES)
    row = holdings.positions[0]

    assert (PENDING_EXIT, ExitReason.STOP, 4) == (row.status, row.exit_reason, row.exited)


def test_only_what_is_out_is_settled() -> None:
    holdings = pending()
    book_entry(holdings, 0, 10, 100.0, 1, RULES)
    book_exit(holdings, 0, 4, 98.0, 2, RULES)
    assert 0 == settle_told(holdings)
    book_exit(holdings, 0, 6, 99.0, 3, RULES)
    holdings.positions[0].status = CLOSING

    assert (1, FLAT) == (settle_told(holdings), holdings.positions[0].status)
    report = holdings.reports[0]
    assert (EXITED, 98.6, 3, -1_400) == (
        report.kind,
        report.price,
        report.fill_ns,
        report.gross_paise,
    )
    assert np.isfinite(report.mae)


def test_an_entry_is_taken_back_once_and_ends_flat_or_with_what_came() -> None:
    nothing, some = pending(), pending()
    assert 1 == take_back(nothing, 0, int(ExitReason.FLATTEN), 0)
    assert 0 == take_back(nothing, 0, int(ExitReason.SQUARE_OFF), 0)
    book_entry(some, 0, 4, 100.0, 1, RULES)
    for holdings in (nothing, some):
        end_entry(holdings, 0)

    assert (FLAT, 0) == (nothing.positions[0].status, nothing.account[0].busy)
    assert (OPEN, 4, 0) == tuple(some.positions[0][one] for one in ("status", "quantity", "coming"))
