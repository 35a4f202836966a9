"""Simulated days by the seed: each played with faults, checked, and compared with two other runs.

`python -m tests.faults.campaign --days 300` plays that many and prints figures (`make soak`).
"""

import argparse
import hashlib
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import structlog

from core.ports import Clock, EventKind
from core.types import BAR, Command
from daemon.clocks import VirtualClock
from daemon.ingest import Ingest
from daemon.intake.doubts import Doubts
from daemon.memory.journal import doubt_of
from providers.live import DayFrame
from providers.replay import SessionTerms
from stores.chain import canonical_json
from stores.ledger_reader import LEDGER_FILE
from tests.daemon.days import Told, told
from tests.faults.checker import Bar, Evidence, violations
from tests.faults.crashpoints import places
from tests.faults.scenario import (
    FIRST_DAY,
    INSTRUMENTS,
    MAX_DAILY_LOSS_PAISE,
    SESSION_MINUTES,
    SYMBOLS,
    Plot,
    Scenario,
    World,
    session_on,
)
from tests.faults.seams import TapeSource
from tests.faults.tape import Fault, Tape, tape_of
from tests.faults.world import Life, play

MINUTE_NS = 60_000_000_000
CRITICAL = 50  # level: the log of a day that goes wrong is long
MEMORY = Path("/dev/shm")  # where files cost no disk; what a crash leaves is modelled anyway
MINUTE = (EventKind.MINUTE,)
INPUTS = (EventKind.MINUTE, EventKind.COMMAND, EventKind.DOUBT)
TOLD = ("broker.modify", "broker.cancel", "broker.report")  # no broker on paper is asked, or tells
POINTS = tuple(name for name, _ in places() if not name.startswith(TOLD))
AT_FIRST = ("ledger.create", "market.create")  # reached by a first life only
UNANSWERED = ("ledger.commit.after", "ledger.runner_state.after")  # a crash may tear that commit
PASSINGS = {"ledger.commit": 15, "market.commit": 15, "ledger.runner": 8, "files": 3, "broker": 2}
AT_LAST = ("market.checkpoint", "ledger.drop_blobs", "market.drop_ticks")  # in the evening


# --- what a seed means ---------------------------------------------------------------------------


def scenario_of(seed: int) -> Scenario:
    """Days, wire, lives and commands of `seed`; neighbours share the crash points among them."""
    random = np.random.default_rng((seed, 0))
    on_duckdb = seed % 3 == 0
    tapes = _tapes(seed, days=2 if seed % 5 == 4 else 1)
    open_ns = session_on(min(tapes)).open_ns
    return Scenario(
        seed=seed,
        tapes=tapes,
        lives=tuple(_lives(random, seed, on_duckdb)),
        commands=tuple(_commands(random, open_ns)) if seed % 4 == 1 else (),
        store_fails=tuple(_store_fails(random, open_ns)) if seed % 3 != 1 else (),
        on_duckdb=on_duckdb,
    )


def _tapes(seed: int, *, days: int) -> dict[int, Tape]:
    return {
        day: tape_of(seed * 10 + day - FIRST_DAY, session_on(day), len(INSTRUMENTS))
        for day in range(FIRST_DAY + 1, FIRST_DAY + 1 + days)
    }


def _lives(random: np.random.Generator, seed: int, on_duckdb: bool) -> Iterator[Plot]:
    """Two to six lives that end badly: mostly by a kill, at points that the seeds share out."""
    possible = [name for name in POINTS if on_duckdb or not name.startswith("market.")]
    count = int(random.integers(3, 7))
    chosen = [possible[(seed // 3 * 4 + number) % len(possible)] for number in range(count)]
    chosen.sort(key=_place_in_day)
    for name in chosen:
        if not name.startswith((*AT_FIRST, *AT_LAST)):
            yield from _other_end(random)
        nth = 1 if random.random() < 0.3 else int(random.integers(1, 1 + _passings(name)))
        torn = name in UNANSWERED and random.random() < 0.7
        yield Plot((name, nth), torn=torn, commits=_commits(random, name))


def at_every_point(*, first: bool) -> Scenario:
    """One death at each crash point: when a life first passes it, or some time later.

    An evening that died behind its backup counts as held, so the points there take a day each.
    """
    lives = []
    for name in sorted(POINTS, key=_place_in_day):
        commits = ("ok", "ok", "full") * 8 if name.startswith("ledger.retry") else ()
        lives.append(Plot((name, 1 if first else _passings(name)), commits=commits))
    return Scenario(seed=0, tapes=_tapes(0, days=5), lives=tuple(lives), on_duckdb=True)


def _place_in_day(name: str) -> int:
    """What only a first life passes comes first, the evening last."""
    evening = [place for place, start in enumerate(AT_LAST) if name.startswith(start)]
    return 1 + evening[0] if evening else -name.startswith(AT_FIRST)


def _passings(name: str) -> int:
    """How often a life of a few Minutes may be expected to pass a point, at least."""
    return next((many for start, many in PASSINGS.items() if name.startswith(start)), 1)


def _other_end(random: np.random.Generator) -> Iterator[Plot]:
    """Now and then a life that ends in another way than at a crash point."""
    match int(random.integers(0, 8)):
        case 0:
            yield Plot(("frame", int(random.integers(1, 200))))
        case 1:
            yield Plot(stop_at_frame=int(random.integers(1, 200)))
        case 2:
            yield Plot(commits=("ok",) * int(random.integers(1, 15)) + ("full", "full"))
        case 3:
            yield Plot(replaces=("ok",) * int(random.integers(0, 3)) + ("full",))
        case _:
            pass


def _commits(random: np.random.Generator, name: str) -> tuple[str, ...]:
    """How the ledger's commits end in a life that is to die at `name`."""
    if not name.startswith("ledger.retry") and random.random() < 0.5:
        return ()
    how = "full" if random.random() < 0.5 else "unanswered"
    return ("ok",) * int(random.integers(1, 12)) + (how,) + ("ok",) * 10 + (how,)


def _commands(random: np.random.Generator, open_ns: int) -> Iterator[tuple[int, Command]]:
    """A halt that is lifted again, perhaps with everything sold meanwhile."""
    minute = int(random.integers(1, SESSION_MINUTES // 2))
    yield open_ns + minute * MINUTE_NS, Command.HALT
    if random.random() < 0.5:
        yield open_ns + (minute + 2) * MINUTE_NS, Command.FLATTEN
    yield open_ns + (minute + int(random.integers(3, 15))) * MINUTE_NS, Command.RESUME


def _store_fails(random: np.random.Generator, open_ns: int) -> Iterator[tuple[int, int]]:
    first_ns = open_ns + int(random.integers(1, SESSION_MINUTES - 10)) * MINUTE_NS
    yield first_ns, first_ns + int(random.integers(1, 8)) * MINUTE_NS


# --- one seed ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a seed."""

    scenario: Scenario
    world: World
    told: list[Told]
    broken: list[str]

    @property
    def faults(self) -> list[Fault]:
        wire = [fault for tape in self.scenario.tapes.values() for fault in tape.faults]
        return sorted([*wire, *self.world.faults], key=lambda one: one.at_ns)

    @property
    def digest(self) -> str:
        """Of everything that was remembered, in every life, and of everything that went wrong."""
        parts = [*map(str, self.told), *map(str, self.faults), str(self.world.submitted)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def report(self) -> str:
        """What a person needs to see it again: seed, first broken promise, schedule of faults."""
        lines = [f"seed {self.scenario.seed}: {one}" for one in self.broken[:10]]
        lines += [f"  {fault.at_ns} {fault.kind}: {fault.what}" for fault in self.faults]
        return "\n".join(lines)


def played(scenario: Scenario) -> Played:
    """Play it with its faults, check what it left, and compare it with runs without them."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        world = play(scenario, folder / "faulty")
        found = told(world.directory)
        broken = violations(evidence_of(world))
        if not broken:
            undisturbed = play(replace(scenario, lives=(), commands=()), folder / "undisturbed")
            broken += differences("I8", found, told(undisturbed.directory))
        if not broken:
            again = replayed(scenario, found, folder / "replayed")
            broken += differences("I9", found, again)
            if _of(INPUTS, found) != _of(INPUTS, again):
                broken.append("I9: the replay had other inputs")
    return Played(scenario, world, found, broken)


def played_seed(seed: int) -> Played:
    return played(scenario_of(seed))


def differences(what: str, ours: Sequence[Told], theirs: Sequence[Told]) -> list[str]:
    """The first event in which two runs differ; of runs with other inputs their Minutes alone.

    Commands and doubts take effect before the next Minute that is decided, and which one that is
    depends on how long the ledger took for those before.
    """
    if _of(INPUTS, ours) != _of(INPUTS, theirs):
        ours, theirs = _of(MINUTE, ours), _of(MINUTE, theirs)
    for mine, other in zip(ours, theirs, strict=False):
        if mine != other:
            return [f"{what}: {_short(mine)}\n    other run: {_short(other)}"]
    if len(ours) != len(theirs):
        return [f"{what}: {len(ours)} events, the other run has {len(theirs)}"]
    return []


def _of(kinds: Sequence[EventKind], events: Sequence[Told]) -> list[Told]:
    return [one for one in events if one[0] in kinds]


def _short(one: Told) -> str:
    kind, key, payload, blob = one
    bars = "" if kind is not EventKind.MINUTE else str(np.frombuffer(blob or b"", BAR))
    return f"{kind} {key} {canonical_json(payload, 'event')[:600]} {bars}"


def evidence_of(world: World) -> Evidence:
    tapes = world.scenario.tapes
    sessions = {day: session_on(day) for day in world.scenario.days}
    return Evidence(
        ledger=world.directory / LEDGER_FILE,
        sessions={day: (one.open_ns, one.close_ns) for day, one in sessions.items()},
        symbols=SYMBOLS,
        honest={key: bar for tape in tapes.values() for key, bar in _bars(tape)},
        outages=tuple(outage for tape in tapes.values() for outage in tape.outages),
        dirty=frozenset(key for tape in tapes.values() for key in tape.dirty),
        unstored=world.scenario.store_fails,
        submitted=world.submitted,
        acknowledged=world.acknowledged,
        appended_ns=world.appended_ns,
        most_waiting=world.most_waiting,
        max_daily_loss_paise=MAX_DAILY_LOSS_PAISE,
    )


def _bars(tape: Tape) -> Iterator[tuple[tuple[int, int], Bar]]:
    for row in tape.bars:
        bar = Bar(*row.item())
        yield (bar.instrument, bar.open_ns), bar


# --- the same day from its recorded inputs -------------------------------------------------------


class _Gate(VirtualClock):
    """Lets a Minute come once the one before is remembered and the commands between are obeyed."""

    def __init__(self, start_ns: int, life: Life, inputs: Sequence[Told]) -> None:
        super().__init__(start_ns)
        self._life = life
        self._inputs = deque(inputs)
        self._given = life.minutes  # those of an earlier day among them
        self.doubts: Doubts | None = None  # those of ingest, once it runs

    async def sleep_until(self, when_ns: int) -> None:
        while self._life.minutes < self._given:
            self._life.more.clear()
            await self._life.more.wait()
        while (one := self._inputs.popleft())[0] is not EventKind.MINUTE:
            if one[0] is EventKind.COMMAND:
                await self._life.obeyed(Command[one[1].upper()])
            else:
                self._doubt(one[2])
        self._given += 1
        await super().sleep_until(when_ns)

    def _doubt(self, payload: dict[str, object]) -> None:
        assert self.doubts is not None
        doubt = doubt_of(payload["doubt"], payload["instrument"], SYMBOLS)
        if payload["open"]:
            self.doubts.open(doubt, str(payload["reason"]))
        else:
            self.doubts.close(doubt)


class _InputsSource(TapeSource):
    """Recorded Minutes, commands and doubts, in their order."""

    def __init__(self, found: Sequence[Told], life: Life, terms: SessionTerms) -> None:
        super().__init__(life, terms)
        self._inputs: dict[int, list[Told]] = {}
        day = 0
        for one in found:
            if one[0] is EventKind.DAY_OPENED:
                day = int(one[1])
            elif one[0] in INPUTS:
                self._inputs.setdefault(day, []).append(one)

    def clock(self, frame: DayFrame, after_ns: int) -> Clock:
        return _Gate(frame.open_ns, self._life, self._inputs[frame.day])

    async def feed(self, ingest: Ingest, frame: DayFrame, clock: Clock, after_ns: int) -> None:
        assert isinstance(clock, _Gate)
        clock.doubts, ingest.doubts = ingest.doubts, Doubts()  # its own store does not fail
        await ingest.run_minutes(
            frame.span(int(key), np.frombuffer(blob or b"", BAR).copy())
            for kind, key, _, blob in self._inputs[frame.day]
            if kind is EventKind.MINUTE
        )


def replayed(scenario: Scenario, found: Sequence[Told], folder: Path) -> list[Told]:
    """What a daemon remembers that is given the recorded inputs, and meets no fault."""
    quiet = replace(scenario, lives=(), commands=(), on_duckdb=False)
    world = World(quiet, folder, np.random.default_rng(scenario.seed))
    if not Life(world, Plot(), 0, partial(_InputsSource, found)).live():
        raise AssertionError(f"seed {scenario.seed}: the replay of its inputs did not end")
    return told(folder)


# --- many seeds ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Figures:
    """What a campaign amounts to."""

    days: int = 0
    lives: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    died_at: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def add(self, one: Played) -> None:
        self.days += len(one.scenario.days)
        self.lives += len(one.world.delivered)
        self.faults.update(fault.kind for fault in one.faults)
        self.died_at += one.world.died_at
        self.results.update(kind for kind, *_ in one.told)
        if one.broken:
            self.broken.append(one.report())

    def lines(self) -> Iterator[str]:
        a_day = self.faults.total() / self.days
        yield f"{self.days} days, {self.lives} lives, {a_day:.1f} faults a day"
        yield f"faults: {_counted(self.faults)}"
        yield f"died at: {_counted(self.died_at)}"
        yield f"remembered: {_counted(self.results)}"
        yield f"violations: {len(self.broken)}"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--days", type=int, default=300, help="simulated days to play at least")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    asked = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(CRITICAL))
    figures, seed, started_s = Figures(), asked.seed, perf_counter()
    while figures.days < asked.days:
        figures.add(played_seed(seed))
        seed += 1
    print("\n".join([*figures.lines(), *figures.broken]))
    print(f"{(perf_counter() - started_s) / figures.days:.2f} s a day")
    return 1 if figures.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
