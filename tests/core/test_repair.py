"""What candles are asked for, in which order, and what they may replace (I7)."""

import numpy as np

from core.minutes import ClosedMinute
from core.repair import (
    MAX_KEYS,
    MAX_REQUESTS,
    Ask,
    AskDay,
    AskLastMinute,
    Given,
    Repair,
    repaired,
    sound,
)
from core.session import MINUTE_NS
from core.types import BAR, MISSING, PARTIAL, REPAIRED, Records
from tests.core.tick_tapes import OPEN_NS

NONE: Records = np.zeros(0, BAR)


def bar(minute: int, instrument: int = 0, close: float = 100.0, quality: int = 0) -> Records:
    row: Records = np.zeros(1, BAR)
    row["instrument"], row["quality"] = instrument, quality
    row["open_ns"] = OPEN_NS + minute * MINUTE_NS
    for name in ("open", "high", "low", "close"):
        row[name] = np.nan if quality & MISSING else close
    row["volume"] = 10
    return row


def minute_of(*bars: Records) -> ClosedMinute:
    return ClosedMinute(int(bars[0]["open_ns"][0]) + MINUTE_NS, np.concatenate(bars))


def missing(minute: int, *instruments: int) -> ClosedMinute:
    return minute_of(*(bar(minute, number, quality=MISSING) for number in instruments))


def asks_of(repair: Repair) -> list[Ask]:
    asks = []
    while (ask := repair.next_ask()) is not None:
        asks.append(ask)
    return asks


# --- what is asked -------------------------------------------------------------------------------


def test_whole_minutes_raise_no_question() -> None:
    repair = Repair([minute_of(bar(0), bar(0, 1))])

    assert repair.is_done
    assert asks_of(repair) == []


def test_the_last_minute_of_all_is_asked_before_any_day() -> None:
    repair = Repair([missing(0, 0, 1), missing(1, 0, 1, 2)])

    assert asks_of(repair) == [AskLastMinute((0, 1, 2)), AskDay(0), AskDay(1), AskDay(2)]


def test_instruments_with_positions_are_asked_for_first() -> None:
    repair = Repair([missing(0, 0, 1, 2)], first=[2])

    assert asks_of(repair) == [AskLastMinute((2, 0, 1)), AskDay(2), AskDay(0), AskDay(1)]


def test_no_request_for_last_minutes_is_longer_than_the_broker_takes() -> None:
    repair = Repair([missing(0, *range(MAX_KEYS + 1))], first=[MAX_KEYS])
    first, second, *_ = asks_of(repair)

    assert isinstance(first, AskLastMinute)
    assert first.instruments[:2] == (MAX_KEYS, 0)
    assert second == AskLastMinute((MAX_KEYS - 1,))


def test_requests_of_a_stretch_are_bounded_over_all_rounds() -> None:
    repair = Repair([missing(0, *range(MAX_REQUESTS))])
    asked = asks_of(repair)
    assert repair.begin_round() is False

    assert len(asked) == MAX_REQUESTS
    assert repair.requests_left == 0


def test_another_round_asks_only_for_what_is_still_in_doubt() -> None:
    repair = Repair([missing(0, 0, 1)])
    ask = repair.next_ask()
    assert ask is not None
    repair.take(ask, bar(0, 1))
    asks_of(repair)
    assert repair.begin_round()

    assert asks_of(repair) == [AskLastMinute((0,)), AskDay(0)]


# --- what an answer is worth ---------------------------------------------------------------------


def given_by(minute: ClosedMinute, ask: Ask, candles: Records) -> Given:
    repair = Repair([minute])
    repair.take(ask, candles)
    return repair.given(minute)


def test_a_candle_replaces_a_missing_and_a_partial_bar_and_no_whole_one() -> None:
    minute = minute_of(bar(0), bar(0, 1, quality=PARTIAL), bar(0, 2, quality=MISSING))
    candles = np.concatenate([bar(0, number, close=200.0) for number in range(3)])
    given = given_by(minute, AskLastMinute((0, 1, 2)), candles)
    bars = repaired(minute.bars, given)

    assert bars["instrument"].tolist() == [0, 1, 2]
    assert bars["close"].tolist() == [100.0, 200.0, 200.0]
    assert bars["quality"].tolist() == [0, REPAIRED, REPAIRED]


def test_candles_of_other_minutes_are_not_taken_for_ours() -> None:
    minute = missing(5, 0)
    given = given_by(minute, AskLastMinute((0,)), bar(4))

    assert not given.holds
    assert repaired(minute.bars, given)["quality"].tolist() == [MISSING]


def test_a_minute_without_a_candle_before_one_with_was_quiet() -> None:
    minute = missing(5, 0, 1)
    given = given_by(minute, AskDay(0), np.concatenate([bar(3), bar(6)]))

    assert given.quiet == (0,)
    assert repaired(minute.bars, given)["instrument"].tolist() == [1]


def test_silence_up_to_the_end_of_the_candles_proves_nothing() -> None:
    given = given_by(missing(5, 0), AskDay(0), np.concatenate([bar(3), bar(4)]))

    assert not given.holds


def test_a_bar_with_trades_of_which_the_broker_knows_nothing_stays_partial() -> None:
    minute = minute_of(bar(5, quality=PARTIAL))
    given = given_by(minute, AskDay(0), bar(6))

    assert not given.holds


def test_an_impossible_candle_is_not_taken() -> None:
    candles = np.concatenate([bar(0, number) for number in range(6)])
    candles["low"][0] = 0.0
    candles["high"][1] = np.inf
    candles["close"][2] = np.nan
    candles["high"][3] = 99.0
    candles["volume"][4] = -1

    assert sound(candles).tolist() == [False] * 5 + [True]
    minute = missing(0, *range(6))
    given = given_by(minute, AskLastMinute(tuple(range(6))), candles)
    assert given.candles["instrument"].tolist() == [5]


def test_a_minute_with_an_impossible_candle_was_not_quiet() -> None:
    candles = np.concatenate([bar(5), bar(6)])
    candles["low"][0] = 0.0

    assert not given_by(missing(5, 0), AskDay(0), candles).holds
    assert not given_by(missing(5, 0), AskDay(0), candles[:1]).holds


def test_what_is_repaired_comes_in_configured_order() -> None:
    minute = minute_of(bar(0, 1), bar(0, 0, quality=MISSING), bar(0, 2, quality=MISSING))
    given = given_by(minute, AskLastMinute((2, 0)), np.concatenate([bar(0, 2), bar(0, 0)]))

    assert repaired(minute.bars, given)["instrument"].tolist() == [0, 1, 2]
