"""What a builder was told, played again with the same ticks, gives the same Minutes."""

import json
import random

import numpy as np
import pytest

from core.errors import InvariantBroken
from core.minutes import BarBuilder, ClosedMinute
from core.session import MINUTE_NS, SECOND_NS
from core.types import Records
from daemon.intake.tape import Publication, Tape, digest_of, replayed
from tests.core.tick_tapes import AUCTION, CASH, OPEN_NS, at, one_tick, ticks_of

SESSIONS = (CASH, AUCTION, None)


class Lives:
    """A day lived in several processes: each has its own builder, all store into one tape."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.ticks: list[Records] = []
        self.minutes: list[ClosedMinute] = []
        self.publications: list[Publication] = []
        self._now_s = -30.0

    @property
    def tape(self) -> Records:
        return np.concatenate(self.ticks)

    def live(self, steps: int, *, lost: int = 0) -> None:
        """One life of `steps` operations; of its ledger the last `lost` Minutes are lost."""
        after_ns = self.minutes[-1].close_ns if self.minutes else 0
        tape = Tape(BarBuilder(SESSIONS, after_ns=after_ns), sum(map(len, self.ticks)))
        taken = []
        for _ in range(steps):
            self._now_s += self._random.uniform(0.0, 20.0)
            self._do(tape)
            if self._random.random() < 0.7:  # what was closed may wait for the publication before
                taken += tape.take_minutes()
        taken += tape.take_minutes()
        for minute, publication in taken[: len(taken) - lost]:
            self.minutes.append(minute)
            # As it comes back from the ledger.
            self.publications.append(json.loads(json.dumps(publication)))

    def _do(self, tape: Tape) -> None:
        match self._random.choice(["ticks"] * 6 + ["close"] * 3 + ["up", "down"]):
            case "ticks":
                frame = np.concatenate([self._tick() for _ in range(self._random.randint(1, 5))])
                tape.add(frame)
                self.ticks.append(frame)
            case "close":
                tape.close_through(at(self._now_s), gap=self._random.random() < 0.2)
            case "up":
                tape.feed_up(at(self._now_s), self._random.choice([(), (0,), (1, 2)]))
            case _:
                tape.feed_down(self._random.choice([(), (0,), (1, 2)]))

    def _tick(self) -> Records:
        price = self._random.choice([100.0, 101.5, 99.25, float("nan"), -1.0])
        traded_s = self._now_s - self._random.choice([0.0, 1.0, 30.0, 90.0])
        volume = max(0, round(self._now_s) + self._random.randint(-3, 3))
        return ticks_of([(traded_s, price, volume)], instrument=self._random.randint(0, 2))


def assert_same(expected: list[ClosedMinute], actual: list[ClosedMinute | None]) -> None:
    assert [one.close_ns for one in expected] == [one and one.close_ns for one in actual]
    for one, other in zip(expected, actual, strict=True):
        assert other is not None
        assert one.bars.tobytes() == other.bars.tobytes()


@pytest.mark.parametrize("seed", range(20))
def test_a_day_of_several_lives_run_again_gives_its_minutes(seed: int) -> None:
    lives = Lives(seed)
    lives.live(120, lost=seed % 3)
    lives.live(80)
    lives.live(100, lost=1)
    again = list(replayed(SESSIONS, lives.publications, lives.tape))

    assert len(lives.minutes) > 10
    assert_same(lives.minutes, [one.minute for one in again])


@pytest.mark.parametrize("seed", range(3))
def test_a_publication_vouches_for_its_ticks(seed: int) -> None:
    lives = Lives(seed)
    lives.live(150, lost=2)
    lives.live(50)
    tape = lives.tape
    again = list(replayed(SESSIONS, lives.publications, tape))
    found = [digest_of(tape[one.first_tick : one.end_tick]) for one in again]

    assert found == [one["digest"] for one in lives.publications]
    assert len(set(found)) > 10


def test_a_tape_in_which_a_tick_is_another_has_another_digest() -> None:
    ticks = ticks_of([(1.0, 100.0, 1), (2.0, 100.5, 2)])
    altered = ticks.copy()
    altered["price"][1] = 100.55

    assert digest_of(ticks) != digest_of(altered)


def test_every_nan_is_one() -> None:
    ours, theirs = one_tick(1.0, np.nan), one_tick(1.0, 1.0)
    theirs["price"] = np.array([0x7FF8000000000123], np.uint64).view(np.float64)

    assert ours.tobytes() != theirs.tobytes()
    assert digest_of(ours) == digest_of(theirs)


def test_of_minutes_taken_together_the_first_tells_how() -> None:
    tape = Tape(BarBuilder([CASH]), 7)
    tape.feed_up(OPEN_NS - SECOND_NS)
    tape.close_through(OPEN_NS + 2 * MINUTE_NS + 2 * SECOND_NS)
    first, second = tape.take_minutes()

    assert first.publication["marks"] == [
        ["begin", 7, 0, 2 * SECOND_NS],
        ["feed_up", 7, OPEN_NS - SECOND_NS],
        ["close_through", 7, OPEN_NS + 2 * MINUTE_NS + 2 * SECOND_NS, False],
    ]
    assert second.publication["marks"] == []


def test_a_band_is_a_mark_and_holds_when_the_tape_is_run_again() -> None:
    tape = Tape(BarBuilder([CASH, CASH]))
    tape.limit_prices(np.array([[90.0, 110.0], [0.0, np.inf]]))
    tape.feed_up(OPEN_NS - SECOND_NS)
    ticks = ticks_of([(1.0, 100.0, 1), (2.0, 120.0, 2), (61.0, 100.0, 3)])
    tape.add(ticks)
    tape.close_through(at(62.0))
    [(minute, publication)] = tape.take_minutes()
    kept = json.loads(json.dumps(publication))

    assert kept["marks"][1] == ["limit_prices", 0, [[90.0, 110.0], None]]
    assert_same([minute], [one.minute for one in replayed([CASH, CASH], [kept], ticks)])
    assert minute.bars["high"].tolist() == [100.0]


def test_ticks_that_are_known_are_a_mark_and_hold_when_the_tape_is_run_again() -> None:
    tape = Tape(BarBuilder([CASH, CASH]))
    tape.know_ticks([5, 0])
    tape.feed_up(OPEN_NS - SECOND_NS)
    ticks = ticks_of([(1.0, 100.0, 1), (2.0, 100.01, 2), (61.0, 100.0, 3)])
    tape.add(ticks)
    tape.close_through(at(62.0))
    [(minute, publication)] = tape.take_minutes()
    kept = json.loads(json.dumps(publication))

    assert kept["marks"][1] == ["know_ticks", 0, [5, 0]]
    assert_same([minute], [one.minute for one in replayed([CASH, CASH], [kept], ticks)])
    assert minute.bars["high"].tolist() == [100.0]


def test_a_day_without_bands_has_no_mark_of_them() -> None:
    tape = Tape(BarBuilder([CASH]))
    tape.limit_prices(np.array([[0.0, np.inf]]))
    tape.close_through(at(62.0))

    assert [mark[0] for mark in tape.take_minutes()[0].publication["marks"]] == [  # type: ignore[attr-defined]
        "begin",
        "close_through",
    ]


def test_a_minute_that_the_ticks_do_not_finish_is_none() -> None:
    tape = Tape(BarBuilder([CASH]))
    tape.add(ticks_of([(1.0, 100.0, 1), (61.0, 100.0, 2)]))
    [(_, publication)] = tape.take_minutes()

    assert [one.minute for one in replayed([CASH], [publication], one_tick(1.0))] == [None]


def test_a_mark_that_nobody_makes_is_refused() -> None:
    publication: Publication = {"marks": [["begin", 0, 0, 0], ["guess", 0]], "ticks": 0}

    with pytest.raises(InvariantBroken, match="guess"):
        list(replayed([CASH], [publication], one_tick(1.0)))
