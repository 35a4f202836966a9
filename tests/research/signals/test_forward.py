"""Forward returns by hand: which rows are bought and sold, and which must not be."""

import numpy as np
import pytest

from core.errors import ConfigError
from core.session import DAY_NS, IST_OFFSET_NS, MINUTE_NS, parse_day
from core.types import Int64s
from research.signals.forward import Horizon, forward_returns, held, horizon_of

MONDAY = parse_day("2026-07-20")
OPEN_NS = 555 * MINUTE_NS - IST_OFFSET_NS  # 09:15
QUARTER_NS = 15 * MINUTE_NS


def daily(*days: int) -> tuple[Int64s, Int64s]:
    """Stamps and days of one bar a session, counted from a Monday."""
    dates = MONDAY + np.array(days)
    return dates * DAY_NS - IST_OFFSET_NS, dates


def intraday(*bars: tuple[int, int]) -> tuple[Int64s, Int64s]:
    """Stamps and days of (day, quarter of an hour) pairs."""
    day, quarter = np.array(bars).T
    return (MONDAY + day) * DAY_NS + OPEN_NS + quarter * QUARTER_NS, MONDAY + day


def column(*prices: float) -> np.ndarray:
    return np.array(prices, np.float64)[:, None]


def test_a_signal_is_bought_at_the_next_open_and_sold_h_sessions_later() -> None:
    stamps_ns, days = daily(0, 1, 2, 3, 4)
    opens = column(100.0, 110.0, 121.0, 100.0, 150.0)

    one = forward_returns(opens, held(stamps_ns, days, Horizon(1)))
    two = forward_returns(opens, held(stamps_ns, days, Horizon(2)))

    np.testing.assert_allclose(one[:, 0], [0.1, 100 / 121 - 1, 0.5, np.nan, np.nan])
    np.testing.assert_allclose(two[:, 0], [100 / 110 - 1, 150 / 121 - 1, np.nan, np.nan, np.nan])


def test_a_return_knows_nothing_of_the_signals_own_row_and_before() -> None:
    stamps_ns, days = daily(*range(12))
    rows = held(stamps_ns, days, Horizon(3))
    opens = np.random.default_rng(5).uniform(90, 110, (12, 4))
    for cut in range(8):
        other = opens.copy()
        other[: cut + 1] *= 7.0  # everything that was known when the signal was made

        np.testing.assert_array_equal(
            forward_returns(opens, rows)[cut], forward_returns(other, rows)[cut]
        )


def test_weekends_and_holidays_are_no_sessions() -> None:
    stamps_ns, days = daily(3, 4, 7, 9)  # Thursday, Friday, Monday; Tuesday is a holiday

    assert held(stamps_ns, days, Horizon(2)).leave.tolist() == [3, -1, -1, -1]


def test_nothing_is_held_over_sessions_that_are_missing() -> None:
    stamps_ns, days = daily(0, 1, 40, 41, 42, 43)

    assert held(stamps_ns, days, Horizon(1)).leave.tolist() == [-1, -1, 4, 5, -1, -1]
    assert held(stamps_ns, days, Horizon(2, in_bars=True)).leave.tolist() == [-1, -1, 5, -1, -1, -1]


def test_a_missing_row_is_nan_and_never_the_next_price() -> None:
    stamps_ns, days = daily(0, 1, 2, 3, 4)
    opens = column(100.0, 110.0, np.nan, 100.0, 150.0)

    one = forward_returns(opens, held(stamps_ns, days, Horizon(1)))

    np.testing.assert_allclose(one[:, 0], [np.nan, np.nan, 0.5, np.nan, np.nan])


def test_a_price_of_zero_buys_nothing() -> None:
    stamps_ns, days = daily(0, 1, 2)

    one = forward_returns(column(1.0, 0.0, 2.0), held(stamps_ns, days, Horizon(1)))

    assert np.isnan(one).all()


def test_every_return_over_a_masked_day_is_left_out_and_no_other() -> None:
    stamps_ns, days = daily(0, 1, 2, 3, 4, 7, 8)
    opens = column(*[100.0] * 3, *[10.0] * 4)
    masked = np.zeros((7, 1), bool)
    masked[3] = True  # an unexplained split

    two = forward_returns(opens, held(stamps_ns, days, Horizon(2)), masked)

    # signal 0: bought 1, sold 3; 1: 2 to 4; 2: 3 to 5; 3: 4 to 6, after it
    np.testing.assert_allclose(two[:, 0], [np.nan, np.nan, np.nan, 0.0, *[np.nan] * 3])


def test_a_horizon_in_bars_ends_with_the_session() -> None:
    stamps_ns, days = intraday((0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2))

    assert held(stamps_ns, days, Horizon(2, in_bars=True)).leave.tolist() == [
        *(3, -1, -1, -1),  # bought in row 1, sold in row 3; the others would be held over night
        *(-1, -1, -1),
    ]
    over = held(stamps_ns, days, Horizon(2, in_bars=True), overnight=True)
    assert over.leave.tolist() == [3, 4, 5, 6, -1, -1, -1]


def test_a_bar_that_is_missing_for_all_breaks_a_horizon_in_bars() -> None:
    stamps_ns, days = intraday((0, 0), (0, 1), (0, 2), (0, 9), (0, 10), (0, 11))

    one = held(stamps_ns, days, Horizon(1, in_bars=True))

    assert one.leave.tolist() == [2, -1, -1, 5, -1, -1]


def test_a_market_that_never_closes_has_no_pause_between_its_days() -> None:
    hours = np.delete(np.arange(6 * 24), 71)  # the last hour of the third day is missing
    stamps_ns, days = MONDAY * DAY_NS + hours * 60 * MINUTE_NS, MONDAY + hours // 24

    one = held(stamps_ns, days, Horizon(1, in_bars=True), overnight=True)

    assert np.flatnonzero(one.leave < 0).tolist() == [69, 70, 141, 142]


def test_a_session_from_an_intraday_bar_is_the_same_time_of_the_next_session() -> None:
    friday, saturday, monday = 4, 5, 7  # a short Saturday session
    stamps_ns, days = intraday(
        *((friday, quarter) for quarter in range(4)),
        *((saturday, quarter) for quarter in range(2)),
        *((monday, quarter) for quarter in range(4)),
    )

    one, two = (held(stamps_ns, days, Horizon(count)) for count in (1, 2))

    # Bought at quarters 1, 2, 3 of Friday: Saturday has the first of them only.
    assert one.leave.tolist() == [5, -1, -1, 6, 7, -1, -1, -1, -1, -1]
    assert two.leave.tolist() == [7, 8, 9, -1, -1, -1, -1, -1, -1, -1]


def test_holding_periods_that_do_not_overlap_begin_where_the_last_one_ended() -> None:
    stamps_ns, days = daily(0, 1, 2, 3, 4, 7, 8, 9, 10)
    three = held(stamps_ns, days, Horizon(3))

    assert three.overlap == 2
    assert three.apart().tolist() == [0, 3]  # bought in 1 sold in 4, bought in 4 sold in 7
    assert held(stamps_ns, days, Horizon(1)).overlap == 0


def test_a_horizon_longer_than_the_data_holds_nothing() -> None:
    stamps_ns, days = daily(0, 1, 2)
    long = held(stamps_ns, days, Horizon(50))

    assert np.isnan(forward_returns(column(1.0, 2.0, 3.0), long)).all()
    assert (long.overlap, long.apart().tolist()) == (0, [])


@pytest.mark.parametrize("text", ["", "0", "-1", "5d", "b", "1.5", "10001", "9999999"])
def test_a_bad_horizon_is_told_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ConfigError, match=r"neither sessions \(5\) nor bars \(4b\)"):
        horizon_of(text)


@pytest.mark.parametrize("text", ["1", "20", "4b"])
def test_a_horizon_is_written_as_it_is_read(text: str) -> None:
    assert text == str(horizon_of(text))
