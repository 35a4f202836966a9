"""Net positions, realised result and money, to the paisa."""

from sandbox.orders.positions import Account, Position
from tests.sandbox.order_market import SHARE, terms

BUY, SELL = 1, -1
KEY = (SHARE.key, "I")


def account(*trades: tuple[int, int, int]) -> Account:
    """With 10,000 rupees, and trades of sign, shares and rupees."""
    made = Account(10_000_00)
    for sign, quantity, rupees in trades:
        made.take(terms(sign, quantity), quantity, rupees * 100)
    return made


def test_an_average_price_is_that_of_the_open_side() -> None:
    held = account((BUY, 10, 100), (BUY, 10, 110), (SELL, 5, 120)).positions[KEY]

    assert (15, 105_00, 75_00) == (held.net, held.average_paise, held.realised_paise)


def test_a_short_position_is_the_mirror() -> None:
    held = account((SELL, 10, 100), (BUY, 4, 90)).positions[KEY]

    assert (-6, 100_00, 40_00) == (held.net, held.average_paise, held.realised_paise)


def test_a_flat_position_has_no_average() -> None:
    held = account((BUY, 10, 100), (SELL, 10, 99)).positions[KEY]

    assert (0, 0.0, -10_00) == (held.net, held.average_paise, held.realised_paise)


def test_a_profit_is_not_spent_today_and_a_loss_is_gone_at_once() -> None:
    won, lost = account((BUY, 10, 100), (SELL, 10, 110)), account((BUY, 10, 100), (SELL, 10, 90))

    assert 10_000_00 == won.available_paise([], {})
    assert 9_900_00 == lost.available_paise([], {})
    won.close_day()
    assert (10_100_00, {}) == (won.cash_paise, won.positions)


def test_an_intraday_position_takes_a_fifth_of_its_value() -> None:
    assert 10_000_00 - 200_00 == account((BUY, 10, 100)).available_paise([], {})


def test_what_is_not_closed_is_carried_over_night() -> None:
    held = account((BUY, 10, 100), (SELL, 4, 110))
    held.close_day()

    assert Position(SHARE, "I", 6, 600_00) == held.positions[KEY]
    assert 10_040_00 == held.cash_paise
    held.take(terms(SELL, 6), 6, 90_00)
    assert (0, -60_00) == (held.positions[KEY].net, held.positions[KEY].realised_paise)
