"""The local exchange's market: the same for a seed, inside its sessions, on its grid."""

import numpy as np
import pytest

from core.session import Phase, Session, day_text, live_session, parse_day
from sandbox.market.universe import INDICES, SHARES, Listing, listings
from sandbox.market.world import MINUTE_MS, SLOT_MS, GeneratedWorld, Tape

AUCTION_DAY, FULL_DAY, SUNDAY = map(parse_day, ("2026-08-05", "2026-07-22", "2026-07-26"))
RELIANCE, NIFTY = SHARES[0], INDICES[0]


def session(listing: Listing, day: int) -> Session | None:
    return live_session(day, listing.session_class)


def world(seed: int = 7) -> GeneratedWorld:
    return GeneratedWorld(seed, session)


@pytest.fixture(scope="module")
def tape() -> Tape:
    return world().tape(RELIANCE, AUCTION_DAY)


def test_a_day_depends_on_its_seed_alone_whatever_was_made_before(tape: Tape) -> None:
    other = world()
    other.tape(NIFTY, FULL_DAY)
    other.tape(RELIANCE, FULL_DAY)
    again = other.tape(RELIANCE, AUCTION_DAY)

    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(tape, again, strict=True))
    assert not np.array_equal(tape.price, world(8).tape(RELIANCE, AUCTION_DAY).price)


def test_a_day_begins_from_the_close_before(tape: Tape) -> None:
    before = world().tape(RELIANCE, AUCTION_DAY - 1)

    assert before.price[-1] == tape.previous_close
    assert tape.price[0] == pytest.approx(tape.previous_close, rel=0.01)


def test_continuous_trades_lie_in_the_session_and_prints_outside(tape: Tape) -> None:
    hours = session(RELIANCE, AUCTION_DAY)
    assert hours is not None
    inside = np.array([hours.contains(ms * 1_000_000) for ms in tape.time_ms.tolist()])

    assert inside.tolist() == tape.continuous.tolist()
    assert 2 == (~inside).sum()  # pre-open and closing auction
    phases = {window.phase for window in hours.phases}
    assert {Phase.PRE_OPEN, Phase.CLOSING_AUCTION} <= phases


def test_a_slot_holds_one_burst_and_no_burst_crosses_a_minute(tape: Tape) -> None:
    slots = tape.time_ms // SLOT_MS

    assert (np.diff(slots) > 0).all()
    assert 0 == MINUTE_MS % SLOT_MS


def test_volume_is_the_sum_of_all_bursts_and_more_than_their_last_trades(tape: Tape) -> None:
    assert np.cumsum(tape.quantity).tolist() == tape.volume.tolist()
    assert (tape.last_quantity <= tape.quantity).all()
    assert (tape.last_quantity < tape.quantity).any()


@pytest.mark.parametrize("listing", listings(6), ids=lambda one: str(one.symbol))
def test_prices_are_positive_and_on_the_grid(listing: Listing) -> None:
    paise = world().tape(listing, FULL_DAY).price * 100.0

    assert len(paise)
    assert (paise > 0).all()
    assert np.allclose(np.rint(paise) % listing.tick_paise, 0)
    assert np.allclose(paise, np.rint(paise))


def test_candles_are_those_of_continuous_trades(tape: Tape) -> None:
    candles = tape.candles()
    held = tape.continuous

    assert 360 >= len(candles.open_ms) > 350
    assert candles.volume.sum() == tape.quantity[held].sum()
    for place in (0, 100, len(candles.open_ms) - 1):
        minute = held & (tape.time_ms // MINUTE_MS * MINUTE_MS == candles.open_ms[place])
        prices = tape.price[minute].tolist()
        told = [float(column[place]) for column in candles[1:5]]
        assert [prices[0], max(prices), min(prices), prices[-1]] == told


def test_an_index_has_no_volume_and_trades_to_the_end() -> None:
    tape = world().tape(NIFTY, FULL_DAY)

    assert 0 == tape.volume.max()
    assert tape.continuous.all()


def test_a_day_without_a_session_has_no_trade_and_still_a_price_before() -> None:
    tape = world().tape(RELIANCE, SUNDAY)

    assert 0 == len(tape.time_ms)
    assert 0 == len(tape.candles().open_ms)
    assert tape.previous_close > 0


def test_a_price_stays_about_its_level_over_years() -> None:
    days = range(parse_day("2024-01-01"), parse_day("2026-12-31"), 13)
    closes = np.array([world().close(RELIANCE, day) for day in days])

    assert (closes > 0.2 * RELIANCE.around).all(), day_text(days[int(closes.argmin())])
    assert (closes < 3.0 * RELIANCE.around).all()
    assert 0.003 < np.abs(np.diff(closes) / closes[:-1]).mean() < 0.1
