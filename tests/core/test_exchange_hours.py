"""When the exchange's own phases and our table of sessions contradict each other."""

import numpy as np
import pytest

from core.exchange_hours import GRACE_NS, ExchangeHours
from core.session import DAY_NS, Phase, Session, at_ist, live_session, parse_day
from core.types import Bools, Instrument, InstrumentId, SessionClass

DAY = parse_day("2026-08-05")  # with the closing auction: its shares trade until 15:15
AUCTIONED = Instrument(InstrumentId("NSE_EQ|A"), "A", SessionClass.CASH_AUCTION)
CASH = Instrument(InstrumentId("NSE_EQ|B"), "B", SessionClass.CASH)


def session(instrument: Instrument) -> Session:
    found = live_session(DAY, instrument.session_class)
    assert found is not None
    return found


def hours_of(*instruments: Instrument) -> ExchangeHours:
    def in_session(now_ns: int) -> Bools:
        return np.array([session(one).contains(now_ns) for one in instruments])

    return ExchangeHours(instruments, in_session, [session(AUCTIONED), session(CASH)])


def at(text: str, more_ns: int = 0) -> int:
    return at_ist(DAY, text) + more_ns


@pytest.mark.parametrize(
    ("status", "clock", "agree"),
    [
        ("NORMAL_OPEN", "11:00", True),
        ("NORMAL_CLOSE", "11:00", False),
        ("PRE_OPEN_START", "11:00", False),  # the auction after a halt
        ("CLOSING_END", "11:00", False),
        ("A_WORD_OF_TOMORROW", "11:00", True),
        ("NORMAL_OPEN", "08:00", False),
        ("PRE_OPEN_END", "09:10", True),
        ("NORMAL_OPEN", "15:31", False),
        ("NORMAL_CLOSE", "15:31", True),
    ],
)
def test_a_segment_has_to_be_open_when_our_session_is(status: str, clock: str, agree: bool) -> None:
    hours = hours_of(CASH)
    hours.tell("NSE_EQ", status)

    assert agree == (hours.contradiction(at(clock)) is None)


def test_a_contradiction_says_what_was_told() -> None:
    hours = hours_of(CASH)
    hours.tell("NSE_EQ", "NORMAL_CLOSE")

    assert "NSE_EQ is told NORMAL_CLOSE, our table has it open" == hours.contradiction(at("11:00"))
    hours.tell("NSE_EQ", "NORMAL_OPEN")
    assert "NSE_EQ is told NORMAL_OPEN, our table has it closed" == hours.contradiction(at("16:00"))


@pytest.mark.parametrize("edge", ["09:15", "15:30"])
def test_around_the_edges_of_a_session_either_word_is_right(edge: str) -> None:
    hours = hours_of(CASH)
    for status in ("NORMAL_OPEN", "NORMAL_CLOSE"):
        hours.tell("NSE_EQ", status)
        for more_ns in (-GRACE_NS, -1, 0, GRACE_NS - 1):
            assert hours.contradiction(at(edge, more_ns)) is None


def test_after_the_grace_the_word_has_to_be_the_right_one() -> None:
    hours = hours_of(CASH)
    hours.tell("NSE_EQ", "PRE_OPEN_END")
    assert hours.contradiction(at("09:15", GRACE_NS)) is not None
    hours.tell("NSE_EQ", "NORMAL_OPEN")
    assert hours.contradiction(at("15:30", GRACE_NS + 1)) is not None


def test_a_segment_may_be_open_for_shares_that_are_not_ours() -> None:
    hours = hours_of(AUCTIONED)
    hours.tell("NSE_EQ", "NORMAL_OPEN")

    assert hours.contradiction(at("15:20")) is None


def test_a_segment_of_nobody_says_nothing() -> None:
    hours = hours_of(CASH)
    hours.tell("BSE_EQ", "NORMAL_CLOSE")

    assert hours.contradiction(at("11:00")) is None


@pytest.mark.parametrize(
    ("of", "status", "since_ns", "agree"),
    [
        (Phase.CLOSING_AUCTION, "CTS_CLOSE", at("14:45"), False),
        (Phase.CLOSING_AUCTION, "CAS_STOP", at("15:15") - DAY_NS, True),  # left over
        (Phase.CLOSING_AUCTION, "CAS_STOP", 0, True),
        (Phase.CLOSING_AUCTION, "CAS_TOMORROW", at("14:45"), True),
        (Phase.PRE_OPEN, "PRE_OPEN_M_END", at("09:08"), True),
        (Phase.PRE_OPEN, "PRE_OPEN_START", at("14:30"), False),
        (Phase.PRE_OPEN, "PRE_OPEN_END", at("14:45"), True),
        (Phase.POST_CLOSE, "NORMAL_CLOSE", at("14:45"), True),
    ],
)
def test_a_session_of_its_own_has_begun_where_its_word_is_of_today(
    of: Phase, status: str, since_ns: int, agree: bool
) -> None:
    hours = hours_of(AUCTIONED)
    hours.tell("NSE_EQ", status, of, since_ns)

    assert agree == (hours.contradiction(at("15:00")) is None)


def test_the_closing_auction_says_nothing_of_shares_without_one() -> None:
    hours = hours_of(CASH)
    hours.tell("NSE_EQ", "CTS_CLOSE", Phase.CLOSING_AUCTION, at("15:15"))

    assert hours.contradiction(at("15:20")) is None


def test_the_same_word_again_is_not_new() -> None:
    hours = hours_of(CASH)

    assert hours.tell("NSE_EQ", "NORMAL_OPEN")
    assert not hours.tell("NSE_EQ", "NORMAL_OPEN")
    assert hours.tell("NSE_EQ", "NORMAL_OPEN", Phase.PRE_OPEN)
    assert hours.tell("NSE_EQ", "NORMAL_CLOSE")


def test_a_market_that_never_closes_is_open_at_night() -> None:
    hours = ExchangeHours([CASH], lambda now_ns: np.ones(1, np.bool_), [session(CASH)])
    hours.tell("NSE_EQ", "NORMAL_OPEN")

    assert hours.contradiction(at("03:00")) is None
