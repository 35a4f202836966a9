"""One simulated day (or two) through the real daemon: killed, refused and commanded on the way.

A life is one process, from its start to its end or its death. What dies leaves what the disk model
says; the next life starts from that. Who fills, counts and remembers outside the daemon (the
exchange's tape, what was acknowledged, what was delivered) survives here.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from backtest.run import session_terms
from core.errors import StoreFailed
from core.ports import Clock, FeedItem, MarketStore
from core.types import (
    Command,
    Instrument,
    Market,
    Records,
)
from daemon.bootstrap import Daemon
from daemon.commands import Asked, Obeyed
from daemon.lock import StateLock
from daemon.plan import Plan
from daemon.sources import Source
from providers.replay import SessionTerms
from stores.ledger import SqliteLedger
from stores.views import RowOrder
from strategies.registry import settings_of
from strategies.settings import RiskSettings, resolve
from tests.faults.crashpoints import watched
from tests.faults.disk import Disk, left_after_kill
from tests.faults.scenario import (
    MAX_LIVES,
    NO_DAY,
    OPERATOR,
    SHADOW_TERMS,
    TERMS,
    Plot,
    Scenario,
    World,
)
from tests.faults.seams import (
    Exchange,
    FailingDuckStore,
    KeptStore,
    SimulatedOwner,
    TapeSource,
    WatchedLedger,
)
from tests.faults.tape import Fault
from tests.virtual_loop import VirtualLoop, run_virtual


class Killed(BaseException):
    """The process is gone. Not an Exception: nothing in the daemon may survive it."""


class Life:
    """One process. `live` runs it; `dead` says that it was killed on the way."""

    def __init__(
        self,
        world: World,
        plot: Plot,
        number: int,
        source_of: "Callable[[Life, SessionTerms], Source]" = TapeSource,
    ) -> None:
        self.world = world
        self._source_of = source_of
        self.plot = plot
        self.dead = False
        self.head = 0
        self.minutes = 0  # remembered in this life
        self.more = asyncio.Event()  # set at each of them
        self.clock: Clock | None = None
        self.loop = VirtualLoop(world.scenario.seed * 1_000 + number)
        self.left: Path | None = None  # what the disk holds after a kill
        self._number = number
        self._disk = Disk([*plot.commits], [*plot.replaces])
        self._passed: Counter[str] = Counter()
        self._frames = 0
        self._stop: asyncio.Event | None = None
        self._daemon: Daemon | None = None
        self._asking: set[asyncio.Task[None]] = set()
        self._open_ns = 0

    def live(self) -> bool:
        """Run until the days are done (True), or until it stops, fails or is killed."""
        self.world.delivered.append([])
        with watched(self._at):
            try:
                return bool(run_virtual(self.loop, self._run()))
            except BaseException as error:
                if self.dead:
                    return False  # whatever it was wrapped in on its way up
                if isinstance(error, StoreFailed) and self._disk.met:
                    return False  # exit 70, and the supervisor starts it again
                raise
            finally:
                for met in self._disk.met:
                    self.note(f"disk {met}", "")

    async def _run(self) -> bool:
        """As `cli/run_commands.py`: lock, open, each day, close."""
        self._stop = asyncio.Event()
        random = np.random.default_rng((self.world.scenario.seed, self._number))
        self._daemon = daemon = Daemon(
            self._plan(),
            self.world.directory,
            ledger_owner=SimulatedOwner(random),
            store_owner=SimulatedOwner(),
            open_store=self._open_store,
            open_ledger=self._open_ledger,
            open_broker=partial(Exchange, self),
        )
        with ExitStack() as held:
            held.enter_context(StateLock(self.world.directory))
            try:
                await daemon.open()
                if daemon.record.closed is not None:
                    await self._evening(daemon.record.day)
                while (day := await daemon.choose_day(None)) != NO_DAY:
                    assert day is not None
                    if not (await daemon.play(day, self._stop)).complete:
                        return False
                    await self._evening(day)
                return True
            finally:
                for task in self._asking:
                    task.cancel()
                await asyncio.gather(*self._asking, return_exceptions=True)
                await daemon.close()

    async def _evening(self, day: int) -> None:
        assert self._daemon is not None
        on_duckdb = self.world.scenario.on_duckdb  # a store in memory has nothing to archive
        if on_duckdb and self._daemon.evening.was_missed(day):
            await self._daemon.evening.follow(day, self._stop)

    def _plan(self) -> Plan:
        risk, settings = resolve(RiskSettings(), settings_of("pixity")(), TERMS)
        _, shadow = resolve(RiskSettings(), settings_of("ema_cross")(), SHADOW_TERMS)
        market_risk = risk.for_market(Market.NSE)
        terms = session_terms(market_risk)
        return Plan(
            mode="paper",
            source=self._source_of(self, terms),
            strategies=(("pixity", "pixity", settings),),
            shadows=(("trial", (("cross", "ema_cross", shadow),)),),
            risk=market_risk,
            terms=terms,
        )

    def _open_ledger(self, directory: Path, order: RowOrder) -> SqliteLedger:
        return WatchedLedger(self, directory, order, self._disk)

    def _open_store(self, path: Path, instruments: Sequence[Instrument]) -> MarketStore:
        if self.world.scenario.on_duckdb:
            return FailingDuckStore(self, path, instruments)
        return KeptStore(self)

    # --- what happens to it ----------------------------------------------------------------------

    def note(self, kind: str, what: str) -> None:
        at_ns = 0 if self.clock is None else self.clock.now_ns()
        self.world.faults.append(Fault(at_ns, kind, f"life {self._number}: {what}"))

    def _at(self, name: str) -> None:
        """A crash point was reached."""
        if self.dead:
            return
        self.world.reached[name] += 1
        self._passed[name] += 1
        if self.plot.die_at == (name, self._passed[name]):
            self.die(name)

    def die(self, where: str) -> None:
        self.dead = True
        self.world.died_at[where] += 1
        self.left = self.world.directory.with_name(f"life-{self._number + 1}")
        left = left_after_kill(
            self.world.directory,
            self.left,
            self.world.random,
            synced=self._disk.synced,
            in_commit=self.plot.torn,
        )
        self.note("kill", f"{where}, log {left}")
        raise Killed(where)

    def acknowledge(self, head: tuple[int, str], minutes: int) -> None:
        """The ledger has said that it holds this, with so many Minutes more."""
        self.minutes += minutes
        self.more.set()
        if not self.dead:
            self.head = head[0]
            self.world.acknowledged[head[0]] = head[1]
            if self.clock is not None:
                self.world.appended_ns.append((head[0], self.clock.now_ns()))

    def delivered(self, item: FeedItem) -> None:
        """The daemon reads a frame: the moment at which people and signals interfere."""
        self.world.delivered[-1].append(item)
        self._frames += 1
        if self._daemon is not None:
            for name, waiting in self._daemon.vitals.queues.items():
                self.world.most_waiting[name] = max(self.world.most_waiting[name], waiting())
        self._command(item.recv_ns)
        if self._frames == self.plot.stop_at_frame and self._stop is not None:
            self.note("sigterm", f"frame {self._frames}")
            self._stop.set()
        if self.plot.die_at == ("frame", self._frames) and not self.dead:
            self.die("frame")

    def _command(self, now_ns: int) -> None:
        for number, (after_ns, command) in enumerate(self.world.scenario.commands):
            if after_ns <= now_ns and number not in self.world.obeyed and not self._asking:
                task = asyncio.get_running_loop().create_task(self._ask(number, command))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)

    async def _ask(self, number: int, command: Command) -> None:
        await self.obeyed(command)
        if not self.dead:
            self.world.obeyed.add(number)
            self.note("command", command.name.lower())

    async def obeyed(self, command: Command) -> None:
        """Command until the daemon has obeyed."""
        assert self._daemon is not None
        while not isinstance(await self._daemon.operator.ask(Asked(command, OPERATOR, 1)), Obeyed):
            pass

    # --- the market store ------------------------------------------------------------------------

    def bars_in_hand(self, bars: Records) -> None:
        if len(bars):
            self._open_ns = int(bars["open_ns"][-1])

    def store_commits(self) -> None:
        """Raises StoreFailed while the scenario's disk takes no market data."""
        if any(first <= self._open_ns < end for first, end in self.world.scenario.store_fails):
            raise StoreFailed("market.duckdb: commit failed: No space left on device")


def play(scenario: Scenario, folder: Path) -> World:
    """Every life of the scenario, until its days are done."""
    world = World(scenario, folder / "life-0", np.random.default_rng(scenario.seed))
    plots = [*scenario.lives, *[Plot()] * MAX_LIVES]
    for number, plot in enumerate(plots[:MAX_LIVES]):
        life = Life(world, plot, number)
        if life.live():
            return world
        if plot == Plot():
            raise AssertionError(f"seed {scenario.seed}: undone by a life that nothing happened to")
        if life.left is not None:
            shutil.rmtree(world.directory)
            world.directory = life.left
    raise AssertionError(f"seed {scenario.seed}: not done after {MAX_LIVES} lives")
