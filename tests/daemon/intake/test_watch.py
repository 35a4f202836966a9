"""Which instruments are doubted while some of a feed's connections are away."""

import numpy as np
import structlog

from core.doubts import Doubt, DoubtKind
from core.rules.merging import OUTCOMES
from core.session import SECOND_NS
from core.types import TICK, Bools
from daemon.clocks import VirtualClock
from daemon.intake.doubts import Doubts
from daemon.intake.watch import Watch

SYMBOLS = ("A", "B", "C", "D", "E")
COUNTS = np.zeros((len(SYMBOLS) + 1, len(OUTCOMES)), np.int64)


def watched(clock: VirtualClock | None = None) -> tuple[Watch, Doubts]:
    doubts = Doubts(SYMBOLS)
    return Watch(doubts, len(SYMBOLS), clock), doubts


def everybody_trades(now_ns: int) -> Bools:
    return np.ones(len(SYMBOLS), np.bool_)


def test_connections_that_come_up_one_after_the_other_are_no_doubt() -> None:
    watch, doubts = watched()
    watch.connected(1, (0, 1, 2))
    watch.connected(2, (3, 4))

    assert doubts.told() == []


def test_a_connection_that_has_not_come_up_is_doubted_with_the_first_minute() -> None:
    watch, doubts = watched()
    watch.connected(1, (0, 1, 2))
    watch.minutes([], COUNTS)

    assert doubts.told() == ["feed D: it has not come up", "feed E: it has not come up"]
    assert doubts.stale == {"D", "E"}


def test_the_loss_of_all_connections_is_one_doubt_and_ends_part_by_part() -> None:
    watch, doubts = watched()
    watch.connected(1)
    watch.lost("cut", (0, 1, 2))
    watch.lost("refused", (3, 4))
    assert doubts.told() == ["feed all: refused"]
    assert doubts.stale == frozenset()

    watch.connected(2, (3, 4))
    assert doubts.told() == ["feed A: refused", "feed B: refused", "feed C: refused"]
    assert watch.is_up

    watch.connected(3, (0, 1, 2))
    assert doubts.told() == []


def test_a_doubt_tells_the_latest_reason_for_it() -> None:
    """A line that was cut because the token ended is brought back by a login, not by waiting."""
    watch, doubts = watched()
    watch.connected(1)
    watch.lost("it was closed", (0, 1))
    watch.lost("the token ended: log in", (1,))
    watch.minutes([], COUNTS)

    assert doubts.told() == ["feed A: it was closed", "feed B: the token ended: log in"]
    watch.lost("it was closed")
    watch.lost("the token ended: log in")
    assert doubts.told() == ["feed all: the token ended: log in"]


def test_what_opens_together_is_one_line_of_the_log() -> None:
    watch, _ = watched()
    watch.connected(1)
    with structlog.testing.capture_logs() as logs:
        watch.lost("cut", (0, 1, 2, 3))
        watch.lost("cut", (0, 1, 2, 3))
        watch.connected(2, (0, 1, 2, 3))

    assert [(log["event"], log["instrument"]) for log in logs] == [
        ("doubt_opened", "A, B, C and 1 more"),
        ("doubt_closed", "A, B, C and 1 more"),
    ]


def test_a_silent_feed_that_speaks_again_brings_back_what_had_been_told_alone() -> None:
    """One connection was lost before the other fell silent: it is still away."""
    clock = VirtualClock(SECOND_NS)
    watch, doubts = watched(clock)
    silent: list[str] = []

    def lost(reason: str) -> None:
        silent.append(reason)
        watch.lost(reason)

    watch.connected(clock.now_ns())
    watch.lost("cut", (0,))
    watch._look(7 * SECOND_NS, everybody_trades, lost)

    assert silent == ["no frame for 5 s"]
    assert watch.is_silent
    assert watch.silenced == (1, 2, 3, 4)
    watch.connected(8 * SECOND_NS, watch.silenced)
    assert not watch.is_silent
    assert doubts.told() == ["feed A: no frame for 5 s"]


def test_only_what_is_told_can_fall_silent() -> None:
    watch, doubts = watched(VirtualClock(0))
    watch.connected(0)
    watch.lost("cut", (1,))
    tick = np.zeros(1, TICK)
    for second in range(1, 181):
        tick["instrument"], tick["recv_ns"] = second % 2, second * SECOND_NS
        watch.frame(second * SECOND_NS, tick)
        if second % 60 == 0:
            watch.minutes([], COUNTS)
    watch.frame(200 * SECOND_NS, tick[:0])
    watch._look(200 * SECOND_NS, everybody_trades, print)

    assert Doubt(DoubtKind.SYMBOL, 0) in doubts.open_now
    assert Doubt(DoubtKind.SYMBOL, 1) not in doubts.open_now


def silent_after_three_busy_minutes(clock: VirtualClock) -> Watch:
    """Of A, whose last tick came at 180 s."""
    watch, _ = watched(clock)
    watch.connected(0)
    tick = np.zeros(1, TICK)
    for second in range(1, 181):
        tick["recv_ns"] = second * SECOND_NS
        watch.frame(second * SECOND_NS, tick)
        if second % 60 == 0:
            watch.minutes([], COUNTS)
    return watch


def test_an_instrument_that_falls_silent_is_told_of_once_and_again_when_it_trades() -> None:
    watch = silent_after_three_busy_minutes(VirtualClock(0))
    watch.frame(199 * SECOND_NS, np.zeros(0, TICK))
    looked = [watch._look(200 * SECOND_NS, everybody_trades, print) for _ in range(2)]
    ticks = np.zeros(2, TICK)
    ticks["instrument"] = 0, 1

    assert [([0], []), ([], [])] == looked
    assert [[0], []] == [watch.told_again(ticks) for _ in range(2)]


def test_what_stays_silent_until_it_is_not_busy_any_more_is_quiet() -> None:
    watch = silent_after_three_busy_minutes(VirtualClock(0))
    for second in (200, 240, 300, 360, 420, 480, 540):
        watch.frame(second * SECOND_NS, np.zeros(0, TICK))
        looked = watch._look(second * SECOND_NS, everybody_trades, print)
        if second > 200:
            watch.minutes([], COUNTS)
        if looked[1]:
            break

    assert ([], [0]) == looked
    assert 200 < second < 540
    assert [] == watch.told_again(np.zeros(1, TICK))


def test_a_reconnect_tells_of_all_that_had_fallen_silent() -> None:
    watch = silent_after_three_busy_minutes(VirtualClock(0))
    watch.frame(199 * SECOND_NS, np.zeros(0, TICK))
    watch._look(200 * SECOND_NS, everybody_trades, print)
    watch.connected(201 * SECOND_NS)

    assert [] == watch.told_again(np.zeros(1, TICK))
