"""A live day at the sandbox in virtual time: real loopback sockets, the daemon in mode live.

The exchange, every life of the daemon and every timer go by one loop's time, which jumps when no
line has anything to read. A kill drops the daemon's tasks at a crash point and leaves what the disk
then held; the exchange goes on, and the next life starts on that.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from backtest.run import session_terms
from core.ports import EventKind
from core.session import SECOND_NS, at_ist, parse_day
from core.types import Command, Instrument, InstrumentId, Market, TradingState
from daemon.bootstrap import Daemon
from daemon.commands import Asked, NotObeyed, Obeyed
from daemon.lock import StateLock
from daemon.plan import LIVE, NO_ACCOUNT, DayOutcome, Plan
from daemon.upstox.orders import UpstoxOrders
from daemon.upstox.source import UpstoxSource
from providers.upstox.rest import UpstoxRest
from sandbox.accounts import Accounts
from sandbox.faults.schedule import Faults, fault_of
from sandbox.market.exchange import Exchange, hours
from sandbox.market.universe import SHARES
from sandbox.market.world import GeneratedWorld, World
from sandbox.orders.desk import Desk
from sandbox.orders.order import Order, Trade
from sandbox.server import Sandbox
from stores.memory import MemoryMarketStore
from stores.owner import InlineOwner
from strategies.brakes import BrakeSettings
from strategies.registry import settings_of
from strategies.settings import RiskSettings, resolve
from tests.daemon.days import copy_of_a_kill, recorded, rows
from tests.faults.crashpoints import watched
from tests.faults.exchange_days import LEAD_NS, LoopVenue
from tests.virtual_loop import run_virtual
from tests.wired_loop import WiredLoop

DAY = parse_day("2025-10-21")  # Muhurat: 13:45-14:45
LISTED = tuple(replace(one, trades_per_minute=60.0) for one in (SHARES[0], SHARES[2]))
FREQUENT = "tests.daemon.frequent:Frequent"
TERMS = (
    "timeframe=1m warmup_bars=1 time_stop_bars=2 cooldown_bars=0 max_entries_per_day=1000"
    " max_daily_loss=90000 last_entry_minutes=20 square_off_minutes=16 risk_per_trade=50"
).split()  # the exchange takes no intraday entry in its last 18 minutes

Row = dict[str, object]


class Killed(BaseException):
    """The process is gone. Not an Exception: nothing in the daemon may survive it."""


@dataclass(frozen=True, slots=True)
class Kill:
    """The end of a life: the `nth` passing of a crash point; the next begins `back_s` later."""

    at: str
    nth: int = 1
    back_s: float = 5.0


@dataclass(slots=True)
class LiveDay:
    """A day that is over: what the ledger holds, what the exchange has, what was logged."""

    directory: Path
    desk: Desk
    outcome: DayOutcome
    state: TradingState
    log: list[Row]
    plan: Plan  # of the last life, whose connections are closed
    store: MemoryMarketStore
    reached: Counter[str] = field(default_factory=Counter)  # crash points, over all lives

    def rows(self, view: str) -> list[Row]:
        """Of the ledger: signals, orders, fills, trades, positions."""
        return rows(self.directory, view, DAY)

    def notes(self, key: str) -> list[Row]:
        return [one.payload for one in recorded(self.directory, [EventKind.NOTE]) if one.key == key]

    def inputs(self, kind: EventKind) -> list[Row]:
        return [one.payload for one in recorded(self.directory, [kind])]

    def logged(self, event: str) -> list[Row]:
        return [one for one in self.log if one["event"] == event]

    @property
    def at_exchange(self) -> dict[str, Order]:
        """Its orders by tag. Raises where two carry one tag."""
        tags = Counter(one.terms.tag for one in self.desk.orders.values())
        assert [tag for tag, count in tags.items() if count > 1] == []
        return {str(one.terms.tag): one for one in self.desk.orders.values()}

    @property
    def tape(self) -> list[Trade]:
        """All that traded for us, in order."""
        return self.desk.trades

    @property
    def held(self) -> dict[str, int]:
        """What the exchange says that we hold, by symbol; flat is not there."""
        positions = self.desk.account.positions.values()
        return {one.listing.symbol: one.net for one in positions if one.net}


class Stage:
    """The world of a day while it runs, for a script that acts in it."""

    def __init__(
        self, sandbox: Sandbox, accounts: Accounts, exchange: Exchange, venue: LoopVenue
    ) -> None:
        self.sandbox = sandbox
        self.accounts = accounts
        self.exchange = exchange
        self.venue = venue
        self.desk = sandbox.orders.desk
        self.daemon: Daemon | None = None  # of the present life; None: none lives

    async def until(self, time: str) -> None:
        """Wait for a time of the day, e.g. 13:50:20."""
        minute, seconds = time[:5], time[6:] or "0"
        await self.venue.clock_of_all.sleep_until(at_ist(DAY, minute) + int(seconds) * SECOND_NS)

    async def when(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, looking every quarter of a second."""
        clock = self.venue.clock_of_all
        while not holds():
            await clock.sleep_until(clock.now_ns() + SECOND_NS // 4)

    async def command(self, command: Command) -> Obeyed | NotObeyed:
        assert self.daemon is not None
        return await self.daemon.operator.ask(Asked(command, "operator", 1))


Script = Callable[[Stage], Awaitable[None]]


async def nothing(stage: Stage) -> None:
    """The day is left in peace."""


def live_day(
    folder: Path,
    *faults: str,
    kills: Sequence[Kill] = (),
    script: Script = nothing,
    mode: str = LIVE,
    strategy: str = FREQUENT,
    assignments: Sequence[str] = (),
    brakes: BrakeSettings | None = None,
    until: str | None = None,
    world: World | None = None,
    token: Callable[[int], str] = lambda now_ns: "given",
    order_host: str | None = None,
    at: Callable[[str, Path], None] = lambda name, directory: None,
) -> LiveDay:
    """The day to its end, over as many lives as there are `kills` and one more.

    Args:
        faults: of the exchange, as `tradingd sandbox --fault` takes them.
        assignments: beside `TERMS`, as after --set.
        brakes: limits of the breakers; None: those that have one are off.
        until: the daemon is stopped then, as by SIGTERM; None: it plays to the day's end.
        token: that the daemon has at a moment.
        order_host: where orders go; None: to the sandbox, as all else.
        at: is told of each crash point, and the state directory.
    """
    reached: Counter[str] = Counter()

    async def main() -> LiveDay:
        venue = LoopVenue(hours(LISTED[0], DAY).open_ns - LEAD_NS)
        clock = venue.clock_of_all
        asked = Faults([fault_of(text) for text in faults], seed=5)
        exchange = Exchange(LISTED, world or GeneratedWorld(5, hours), hours, clock, asked)
        accounts = Accounts("given", clock.now_ns(), asked)
        sandbox = Sandbox(exchange, accounts)
        address = await sandbox.start()
        stage = Stage(sandbox, accounts, exchange, venue)
        store = MemoryMarketStore(instruments())
        stop = asyncio.Event()
        acting = asyncio.create_task(script(stage))
        stopping = asyncio.create_task(_stop_at(until, stage, stop))
        directory = folder / "life-1"
        try:
            for number, kill in enumerate((*kills, None), 1):
                life = _Life(directory, kill, reached, at)
                hosts = (order_host or address, address)
                async with _plan(
                    venue,
                    hosts,
                    mode,
                    strategy,
                    assignments,
                    lambda: token(clock.now_ns()),
                    brakes,
                ) as plan:
                    outcome = await life.live(plan, stage, store, stop)
                    last_plan = plan
                if life.left is None:
                    assert kill is None, f"{kill} was never reached"
                    break
                directory = life.left.rename(folder / f"life-{number + 1}")
                stage.daemon = None
                assert kill is not None
                await asyncio.sleep(kill.back_s)
            assert outcome is not None
            state = stage.daemon.floor.main.state
        finally:
            is_played = acting.done()
            for task in (acting, stopping):
                task.cancel()
            ended = await asyncio.gather(acting, stopping, return_exceptions=True)
            await sandbox.stop()
        for one in ended:
            if isinstance(one, Exception):
                raise one
        assert is_played, "the day ended before its script did"
        return LiveDay(directory, stage.desk, outcome, state, [], last_plan, store, reached)

    with structlog.testing.capture_logs() as log:
        day = run_virtual(WiredLoop(), main())
    day.log = list(log)
    return day


def instruments() -> tuple[Instrument, ...]:
    return tuple(
        Instrument(InstrumentId(one.key), one.symbol, one.session_class, one.tick_paise)
        for one in LISTED
    )


async def _stop_at(time: str | None, stage: Stage, stop: asyncio.Event) -> None:
    if time is not None:
        await stage.until(time)
        stop.set()


@asynccontextmanager
async def _plan(
    venue: LoopVenue,
    hosts: tuple[str, str],
    mode: str,
    strategy: str,
    assignments: Sequence[str],
    token: Callable[[], str],
    brakes: BrakeSettings | None,
) -> AsyncIterator[Plan]:
    """What one process of the daemon is given; `hosts`: that of orders, that of all else."""
    risk, settings = resolve(RiskSettings(), settings_of(strategy)(), [*TERMS, *assignments])
    market_risk = risk.for_market(Market.NSE)
    terms = session_terms(market_risk)
    calls, reads = (UpstoxRest(token, address=one) for one in hosts)
    try:
        yield Plan(
            mode=mode,
            account="TEST01" if mode == LIVE else NO_ACCOUNT,
            source=UpstoxSource(
                venue,
                reads,
                instruments(),
                terms=terms,
                history_sessions=1,
                grace_ns=2 * SECOND_NS,
                band_percent=20.0,
            ),
            strategies=(("frequent", strategy, settings),),
            risk=market_risk,
            brakes=brakes,
            terms=terms,
            orders=UpstoxOrders(calls, reads),
        )
    finally:
        await calls.close()
        await reads.close()


class _Life:
    """One process of the daemon. `left`: what the disk held when it was killed; None: it lived."""

    def __init__(
        self,
        directory: Path,
        kill: Kill | None,
        reached: Counter[str],
        at: Callable[[str, Path], None],
    ) -> None:
        self._told_of = at
        self.directory = directory
        self.left: Path | None = None
        self._kill = kill
        self._reached = reached
        self._passed = 0

    async def live(
        self, plan: Plan, stage: Stage, store: MemoryMarketStore, stop: asyncio.Event
    ) -> DayOutcome | None:
        """Play the day from where it stands; None: it was killed on the way."""
        with watched(self._at):
            try:
                return await self._played(plan, stage, store, stop)
            except BaseException:
                if self.left is None:
                    raise
                return None  # whatever it was wrapped in on its way up

    async def _played(
        self, plan: Plan, stage: Stage, store: MemoryMarketStore, stop: asyncio.Event
    ) -> DayOutcome:
        stage.daemon = daemon = Daemon(
            plan,
            self.directory,
            ledger_owner=InlineOwner(),
            store_owner=InlineOwner(),
            open_store=lambda path, ours: store,
        )
        with StateLock(self.directory):
            try:
                await daemon.open()
                day = await daemon.choose_day(DAY)
                assert day is not None
                return await daemon.play(day, stop)
            finally:
                await daemon.close()

    def _at(self, name: str) -> None:
        """A crash point is reached; a process that was killed passes none any more."""
        if self.left is not None:
            raise Killed(name)
        self._reached[name] += 1
        self._told_of(name, self.directory)
        if self._kill is None or name != self._kill.at:
            return
        self._passed += 1
        if self._passed == self._kill.nth:
            self.left = self.directory.with_name(f"{self.directory.name}-left")
            copy_of_a_kill(self.directory, self.left)
            raise Killed(name)
