"""When a Minute is complete, in which order, and what a lost feed does to it (I6, I7)."""

import numpy as np

from core.minutes import GRACE_NS, BarBuilder
from core.session import MINUTE_NS, SECOND_NS, parse_day
from core.types import MISSING, PARTIAL, SessionClass
from tests.core.tick_tapes import (
    AUCTION,
    CASH,
    OPEN_NS,
    SNAPSHOT_NS,
    at,
    bar_of,
    builder,
    first_minute,
    one_tick,
    session_of,
    ticks_of,
)

# --- Minutes -------------------------------------------------------------------------------------


def test_every_minute_of_the_session_is_handed_on_once_in_order_also_without_trades() -> None:
    built = builder()
    taken = []
    for after_s in range(0, 376 * 60, 7):
        built.close_through(at(after_s))
        taken += built.take_minutes()

    assert [minute.close_ns for minute in taken] == [
        OPEN_NS + (i + 1) * MINUTE_NS for i in range(375)
    ]
    assert built.take_minutes() == []
    assert built.minutes_left == 0


def test_a_minute_closes_by_the_clock_after_the_grace_and_not_before() -> None:
    built = builder()
    built.close_through(OPEN_NS + MINUTE_NS + GRACE_NS - 1)
    assert built.take_minutes() == []
    built.close_through(OPEN_NS + MINUTE_NS + GRACE_NS)

    assert len(built.take_minutes()) == 1


def test_a_minute_waits_until_it_is_closed_for_every_instrument() -> None:
    built = builder([CASH, CASH])
    built.add(ticks_of([(10, 100.0, 1), (61, 101.0, 2)]))
    assert built.take_minutes() == []
    built.add(ticks_of([(20, 50.0, 1), (60, 51.0, 2)], instrument=1))

    (minute,) = built.take_minutes()

    assert minute.bars["instrument"].tolist() == [0, 1]
    assert minute.bars["close"].tolist() == [100.0, 50.0]


def test_bars_wait_for_a_silent_instrument_however_many_they_are() -> None:
    built = builder([CASH, CASH])
    built.add(ticks_of([(60 * minute, 100.0, minute + 1) for minute in range(300)]))
    assert built.take_minutes() == []
    built.close_through(at(300 * 60))

    minutes = built.take_minutes()

    assert len(minutes) == 299
    assert all(bar_of(minute)[4] == 1 for minute in minutes)


def test_bars_of_a_minute_come_in_configured_order_whatever_the_order_of_ticks() -> None:
    built = builder([CASH] * 3)
    for instrument in (2, 0, 1):
        built.add(ticks_of([(10, 100.0, 1), (70, 100.0, 2)], instrument=instrument))

    assert built.take_minutes()[0].bars["instrument"].tolist() == [0, 1, 2]


def test_an_instrument_whose_session_is_over_holds_no_minute_back() -> None:
    built = builder([CASH, AUCTION])
    built.close_through(AUCTION.close_ns + GRACE_NS)
    built.take_minutes()
    after_s = (AUCTION.close_ns - OPEN_NS) / SECOND_NS
    built.add(ticks_of([(after_s + 1, 100.0, 1), (after_s + 60, 100.0, 2)]))

    (minute,) = built.take_minutes()

    assert minute.close_ns == AUCTION.close_ns + MINUTE_NS


def test_a_day_of_two_parts_has_no_minute_and_no_bar_in_the_pause() -> None:
    special = session_of(SessionClass.CASH, parse_day("2024-03-02"))
    built = BarBuilder([special])
    built.feed_up(special.open_ns)
    tick = one_tick(0)
    tick["exch_ns"] = tick["recv_ns"] = special.parts[0][1] + MINUTE_NS
    built.add(tick)
    built.end_session()
    closes = [minute.close_ns for minute in built.take_minutes()]

    assert built.counts["outside_session"] == 1
    assert len(closes) == 45 + 60
    assert closes[44:46] == [special.parts[0][1], special.parts[1][0] + MINUTE_NS]


def test_the_end_of_the_session_closes_the_last_minute_without_grace() -> None:
    built = builder()
    built.add(ticks_of([(374 * 60 + 30, 100.0, 7)]))
    built.end_session()
    minutes = built.take_minutes()

    assert len(minutes) == 375
    assert bar_of(minutes[-1])[4] == 7


def test_an_instrument_without_a_session_today_has_no_bar_and_holds_nothing_back() -> None:
    built = builder([None, CASH])
    built.add(ticks_of([(10, 100.0, 1)]))
    built.add(ticks_of([(10, 100.0, 1), (61, 100.0, 2)], instrument=1))

    (minute,) = built.take_minutes()

    assert minute.bars["instrument"].tolist() == [1]
    assert built.counts["other_day"] == 1


def test_minutes_handed_on_in_an_earlier_life_are_not_handed_on_again() -> None:
    built = BarBuilder([CASH], after_ns=SNAPSHOT_NS)
    built.feed_up(SNAPSHOT_NS)
    built.end_session()

    assert built.take_minutes()[0].close_ns == SNAPSHOT_NS + MINUTE_NS


def test_a_restart_after_the_close_of_one_session_goes_on_with_the_others() -> None:
    built = BarBuilder([CASH, AUCTION], after_ns=AUCTION.close_ns)
    built.feed_up(AUCTION.close_ns)
    after_s = (AUCTION.close_ns - OPEN_NS) / SECOND_NS
    built.add(ticks_of([(after_s + 1, 100.0, 1), (after_s + 60, 100.0, 2)]))

    assert len(built.take_minutes()) == 1
    assert built.minutes_left == 14


# --- connections ---------------------------------------------------------------------------------


def test_the_minute_in_which_the_feed_came_up_is_partial_and_absent_bars_are_missing() -> None:
    built = BarBuilder([CASH, CASH], after_ns=SNAPSHOT_NS)
    built.feed_up(SNAPSHOT_NS + 30 * SECOND_NS)
    built.add(ticks_of([(640, 100.0, 5_000), (650, 101.0, 5_010), (661, 101.0, 5_012)]))
    built.close_through(SNAPSHOT_NS + 3 * MINUTE_NS)

    cut, whole = built.take_minutes()

    assert cut.bars["quality"].tolist() == [PARTIAL, MISSING]
    assert bar_of(cut) == (100.0, 101.0, 100.0, 101.0, 10)
    assert np.isnan(cut.bars["close"][1])
    assert whole.bars["quality"].tolist() == [0]
    assert bar_of(whole)[4] == 2


def test_a_restart_with_a_snapshot_of_the_last_trade_gives_the_bars_of_no_restart() -> None:
    rows = [(590, 100.0, 4_000), (605, 101.0, 4_030), (670, 102.0, 4_100)]
    whole, restarted = builder(), BarBuilder([CASH], after_ns=SNAPSHOT_NS)
    whole.add(ticks_of(rows))
    restarted.feed_up(SNAPSHOT_NS)
    restarted.add(ticks_of(rows))
    whole.end_session()
    restarted.end_session()

    rest = whole.take_minutes()[10:]
    again = restarted.take_minutes()

    assert [minute.close_ns for minute in again] == [minute.close_ns for minute in rest]
    assert [m.bars.tobytes() for m in again] == [m.bars.tobytes() for m in rest]
    assert restarted.counts["late_ticks"] == 1


def test_volume_traded_while_the_feed_was_down_is_in_no_whole_bar() -> None:
    built = builder()
    built.add(ticks_of([(10, 100.0, 100)]))
    built.feed_down()
    built.close_through(at(190), gap=True)
    built.feed_up(at(200))
    built.add(ticks_of([(250, 100.0, 900), (260, 100.0, 907), (310, 100.0, 910)]))
    built.end_session()
    minutes = built.take_minutes()

    assert minutes[0].bars["quality"].tolist() == [PARTIAL]
    assert [minute.bars["quality"].tolist() for minute in minutes[1:4]] == [[MISSING]] * 3
    assert minutes[4].bars["quality"].tolist() == [PARTIAL]
    assert bar_of(minutes[4])[4] == 7
    assert minutes[5].bars["quality"].tolist() == [0]
    assert bar_of(minutes[5])[4] == 3


def test_instruments_of_a_lost_connection_are_in_doubt_and_the_others_are_whole() -> None:
    built = builder([CASH, CASH, CASH])
    built.add(ticks_of([(10, 100.0, 100)]))
    built.add(ticks_of([(10, 50.0, 100)], instrument=1))
    built.feed_down([0, 2])
    built.add(ticks_of([(70, 51.0, 130)], instrument=1))
    built.close_through(at(130))
    built.feed_up(at(140), [0, 2])
    built.add(ticks_of([(150, 101.0, 190), (190, 101.0, 200)]))
    built.add(ticks_of([(150, 52.0, 150), (190, 52.0, 170)], instrument=1))
    built.end_session()
    minutes = built.take_minutes()[:4]

    assert [(bar["instrument"], bar["quality"]) for one in minutes for bar in one.bars] == [
        *[(0, PARTIAL), (1, 0), (2, MISSING)],
        *[(0, MISSING), (1, 0), (2, MISSING)],
        *[(0, PARTIAL), (1, 0), (2, MISSING)],
        *[(0, 0), (1, 0)],
    ]
    assert [minute.bars["volume"][1] for minute in minutes] == [100, 30, 20, 20]


def test_a_repeated_trade_after_a_reconnect_shows_that_nothing_was_missed() -> None:
    built = builder()
    built.add(ticks_of([(10, 100.0, 100)]))
    built.feed_up(at(130))
    built.add(ticks_of([(10, 100.0, 100)], delay_s=120))
    built.add(ticks_of([(185, 100.0, 130)]))
    built.end_session()
    bar = built.take_minutes()[3].bars[0]

    assert (bar.volume, bar["quality"]) == (30, 0)


def test_a_reconnect_inside_a_minute_keeps_the_volume_its_bar_had() -> None:
    built = builder()
    built.add(ticks_of([(10, 100.0, 100)]))
    built.feed_up(at(30))
    built.add(ticks_of([(40, 101.0, 160)]))
    bar = first_minute(built).bars[0]

    assert (bar.volume, bar["quality"]) == (160, PARTIAL)


def test_a_minute_told_to_be_a_gap_has_a_row_for_every_instrument_in_session() -> None:
    built = builder([CASH, None, CASH])
    built.add(ticks_of([(10, 100.0, 1)], instrument=2))
    built.close_through(at(62), gap=True)
    built.close_through(at(122))

    gap, healthy = built.take_minutes()

    assert gap.bars["instrument"].tolist() == [0, 2]
    assert gap.bars["quality"].tolist() == [MISSING, 0]
    assert len(healthy.bars) == 0


def test_minutes_in_doubt_of_a_feed_that_never_came_up_are_all_missing() -> None:
    built = BarBuilder([CASH])
    built.close_through(at(122))

    assert [minute.bars["quality"].tolist() for minute in built.take_minutes()] == [[MISSING]] * 2
