"""Puts the daemon together and runs its days: the only place that wires live things.

The start is always the same: lock, stores, chain, the day's recorded Minutes run again, history,
then ingest. A first start has nothing to run again.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from brokers.paper import PaperBroker
from core.book import MAIN_BOOK
from core.errors import ConfigError, StoreFailed
from core.ports import Broker, Clock, Ledger, MarketStore
from core.session import day_text, ist_text
from core.types import NEVER_NS, Instrument
from daemon.commands import Operator
from daemon.dashboard.source import LiveSource
from daemon.day_queries import StoredDay
from daemon.evening import Evening
from daemon.floor import Floor, floor_of
from daemon.ingest import FeedFacts, Ingest
from daemon.intake.doubts import Doubts
from daemon.intake.lateness import Lateness
from daemon.intake.repair import repairer_of
from daemon.intake.space import Space
from daemon.memory.start import Start, open_market, read_ledger
from daemon.orders.our_side import LedgerSide
from daemon.orders.reconciliation import Reconciliation
from daemon.orders.reconciling import reconciliation_of, run_orders
from daemon.orders.traffic import OrderTraffic
from daemon.orders.wiring import traffic_of
from daemon.plan import DayOutcome, Plan, Standing
from daemon.proof.day_audit import Witness
from daemon.pulse.vitals import Vitals
from daemon.questions import Questions
from daemon.rerun import DayRecord
from daemon.scanner import DaemonFacts, Scanner, snapshot
from daemon.shown import daemon_facts
from daemon.state import State
from daemon.supervisor import DayTasks, supervise, unless_stopped
from daemon.trading import Trading, log_failures
from daemon.which_day import closed_days, next_day, wanted_day
from providers.live import DayFrame, LiveProvider, day_frame
from providers.resampling import ResamplingProvider
from stores.ledger import SqliteLedger
from stores.market import MARKET_FILE, DuckMarketStore
from stores.owner import Owner, OwnerThread
from stores.views import RowOrder

OpenStore = Callable[[Path, Sequence[Instrument]], MarketStore]
OpenLedger = Callable[[Path, RowOrder], Ledger]
OpenBroker = Callable[[Callable[[], int]], Broker]  # given the clock of a day

log = structlog.get_logger()


class Daemon:
    """One state directory, opened; `play` runs a day, `close` leaves everything in order.

    The caller holds the lock of the directory.
    """

    def __init__(
        self,
        plan: Plan,
        directory: Path,
        *,
        ledger_owner: Owner | None = None,
        store_owner: Owner | None = None,
        open_store: OpenStore = open_market,
        open_ledger: OpenLedger = SqliteLedger,
        open_broker: OpenBroker = PaperBroker,
        vitals: Vitals | None = None,
    ) -> None:
        self.plan = plan
        self.vitals = vitals or Vitals()
        self.standing = Standing()  # written by the cycle, shown here
        self._open_store = open_store
        self._open_ledger = open_ledger
        self._open_broker = open_broker
        self._directory = directory
        self._ledger_owner = ledger_owner or OwnerThread("ledger")
        self._store_owner = store_owner or OwnerThread("market-store")
        self._ledger: Ledger | None = None
        self._store: MarketStore | None = None
        self._record = DayRecord(None, None, [])
        instruments = plan.source.instruments
        self._scanner = Scanner(
            [
                (book, name, own.timeframe, own.warmup_bars)
                for book, strategies in plan.books
                for name, _, own in strategies
            ],
            [(one.symbol, one.id) for one in instruments],
        )
        self._facts = FeedFacts()
        self._frame: DayFrame | None = None
        self._clock: Clock | None = None
        self._trading: Trading | None = None
        self._done_before = 0  # Minutes of the day handled by an earlier process
        self.floor: Floor | None = None
        self.operator = Operator(directory)
        self.source = LiveSource(self.snapshot)
        self.questions = Questions(lambda: self._store, self._store_owner)
        self.queries = StoredDay(
            instruments=instruments,
            frame=lambda: self._frame,
            strategies=lambda: self.floor.strategies if self.floor else [],
            store=lambda: self._store,
            store_owner=self._store_owner,
            ledger_rows=self.day_rows,
            directory=directory,
        )

    # --- open and close -------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the stores and read what the last day left. Raises StoreFailed, ConfigError."""
        plan = self.plan
        self.vitals.step("ledger")
        order = RowOrder(
            tuple(name for name, _, _ in plan.all_strategies),
            tuple(one.symbol for one in plan.source.instruments),
        )
        self._ledger = await self._ledger_owner.run(self._open_ledger, self._directory, order)
        self._record, seen = await self._ledger_owner.run(
            read_ledger, self._ledger, plan, self._directory
        )
        self.vitals.step("market store")
        self._store = await self._store_owner.run(
            self._open_store, self._directory / MARKET_FILE, plan.source.instruments
        )
        self.floor = floor_of(plan, seen)

    async def close(self) -> None:
        """Flush and close both stores. Raises StoreFailed for the ledger alone."""
        try:
            if self._ledger is not None:
                await self._ledger_owner.run(self._ledger.close)
        finally:
            try:
                if self._store is not None:
                    await self._store_owner.run(self._store.close)
            except StoreFailed as error:  # the bars are in the ledger, and the stop is orderly
                log.error("market_store_failed", reason=str(error))
            self._ledger_owner.close()
            self._store_owner.close()

    async def relist(self, now_ns: int) -> None:
        """Go by the list of this morning: ticks and hours may be others than yesterday's.

        Between two days alone. Raises BrokerError, ConfigError; then yesterday's stay.
        """
        assert self.floor is not None
        source = self.plan.source
        listed = await source.relisted(now_ns)
        if listed == source.instruments:
            return
        for new, old in zip(listed, source.instruments, strict=True):
            if (new.id, new.symbol) != (old.id, old.symbol):
                raise ConfigError(
                    f"{old.symbol} ({old.id}) is {new.symbol} ({new.id}) today: restart to trade it"
                )
        source.instruments = listed
        seen = {one for desk in self.floor.desks for one in desk.engine.seen}
        self.floor = floor_of(self.plan, seen)  # its account is that of the last day's closing

    # --- which day ------------------------------------------------------------------------------

    async def choose_day(self, wanted: int | None) -> int | None:
        """The day to play; None when `wanted` is complete already. Raises ConfigError."""
        assert self._ledger is not None
        if wanted is None:
            return next_day(self._record, self.plan.source)
        closed = await self._ledger_owner.run(closed_days, self._ledger)
        return wanted_day(self._record, wanted, closed, self._directory)

    # --- a day ----------------------------------------------------------------------------------

    def prepare(self, day: int) -> DayFrame:
        """Take `day` as the one to be shown and played. Raises ConfigError without a session."""
        source = self.plan.source
        self._frame = day_frame(
            day, source.sessions(day), self.plan.terms, source.base_ns, source.end_ns(day)
        )
        if not self._frame.minutes:
            raise ConfigError(f"{day_text(day)} has no session")
        self._clock = self._trading = None
        return self._frame

    async def play(self, day: int, stop: asyncio.Event | None = None) -> DayOutcome:
        """Run `day` from where it stands to its end, or until `stop`."""
        assert self._ledger is not None
        assert self._store is not None
        assert self.floor is not None
        source, floor = self.plan.source, self.floor
        frame, start = self.prepare(day), self._start()
        self._done_before = self._record.minutes if self._record.is_under_way else 0
        if not await unless_stopped(start.fetch_history(self._record, day), stop):
            return await self._ledger_owner.run(self._outcome, day, False)
        self._record = await start.stand(self._record, day, frame)
        self._done_before, after_ns = self._record.minutes, self._record.last_close_ns
        for _, blown in floor.blown:
            self._scanner.switched_off(blown.strategy)
        log_failures(floor.blown)
        clock = source.clock(frame, after_ns)
        self._clock = clock
        traffic = traffic_of(self.plan, floor, clock, self.operator.stir)
        live = LiveProvider()
        doubts = Doubts(floor.symbols, floor.doubts)
        reconciliation = self._reconciliation(traffic, clock, frame, doubts)
        self._facts = FeedFacts(minutes=self._done_before, doubts=doubts)
        ingest = Ingest(
            clock=clock,
            store=self._store,
            owner=self._store_owner,
            live=live,
            frame=frame,
            facts=self._facts,
            meters=self.vitals.meters,
            is_live=source.is_live,
            space=Space(self._directory, doubts),
            repairer=repairer_of(
                source.candles(frame, clock), clock, self.plan.repair_wait_ns, floor.held
            ),
            traffic=traffic,
        )
        trading = self._trading_of(floor, clock, ingest, traffic)
        self.vitals.playing(
            trading.pulse,
            ingest.lagged,
            opened_ns=frame.open_ns,
            minutes=lambda: live.waiting,
            ledger=lambda: self._ledger_owner.waiting,
            market_store=lambda: self._store_owner.waiting,
        )
        self._trading = trading
        state = State(
            scanner=self._scanner,
            facts=self.facts,
            now_ns=self.now_ns,
            ledger=self._ledger,
            owner=self._ledger_owner,
            source=self.source,
        )
        log.info("day_opened", day=day_text(day), minutes=frame.minutes, after=_ist(after_ns))
        provider = ResamplingProvider(live, floor.resampler)
        tasks = DayTasks(
            ingest=source.feed(ingest, frame, clock, after_ns),
            trading=trading.run(provider),
            state=state.run(),
            end_intake=live.close,
            orders=None if traffic is None else run_orders(traffic, reconciliation, floor, clock),
        )
        self.vitals.started(f"playing {day_text(day)}")
        await supervise(tasks, stop)
        complete = self._done_before + trading.minutes == frame.minutes
        if complete:
            await self._close_day(floor, trading, frame)
        state.refresh()
        await state.write()
        outcome = await self._ledger_owner.run(self._outcome, day, complete)
        log.info("day_complete" if complete else "day_left", day=day_text(day))
        return outcome

    def _reconciliation(
        self, traffic: OrderTraffic | None, clock: Clock, frame: DayFrame, doubts: Doubts
    ) -> Reconciliation | None:
        """Of the account that the main book is told its fills of; None: it is on paper."""
        self.standing.reconciled = None
        if traffic is None:
            return None
        assert self._ledger is not None
        assert self.floor is not None
        ours = LedgerSide(self.floor, self._ledger, self._ledger_owner, clock.now_ns)
        return reconciliation_of(
            traffic,
            self.floor,
            ours,
            clock,
            frame,
            doubts,
            self.standing,
            self.vitals,
            self._record.steps,
        )

    def _trading_of(
        self, floor: Floor, clock: Clock, ingest: Ingest, traffic: OrderTraffic | None
    ) -> Trading:
        """Task 2 of the day."""
        assert self._ledger is not None
        assert self._store is not None
        is_live = self.plan.source.is_live
        return Trading(
            floor=floor,
            ledger=self._ledger,
            ledger_owner=self._ledger_owner,
            store=self._store,
            store_owner=self._store_owner,
            brokers=self._brokers(clock, floor),
            scanner=self._scanner,
            operator=self.operator,
            lateness=Lateness(clock, self.plan.late_ns) if is_live else None,
            meters=self.vitals.meters,
            alert=self.vitals.status,
            publications=ingest.publications,
            doubts=ingest.doubts,
            traffic=traffic,
            held=clock.held,
        )

    async def _close_day(self, floor: Floor, trading: Trading, frame: DayFrame) -> None:
        """One transaction: a day whose data has ended is never seen without its end."""
        has_end = self.plan.source.end_ns(frame.day) != NEVER_NS
        ending = floor.finish() if has_end else []
        closed = floor.close_day(frame.close_ns)
        await trading.remember([*ending, closed])
        self._record = DayRecord(self._record.opened, closed, [])

    def _brokers(self, clock: Clock, floor: Floor) -> dict[str, Broker]:
        """By book, of those on paper."""
        brokers: dict[str, Broker] = {desk.name: PaperBroker(clock.now_ns) for desk in floor.desks}
        return brokers | {MAIN_BOOK: self._open_broker(clock.now_ns)}

    @property
    def evening(self) -> Evening:
        """What follows a closed day."""
        assert isinstance(self._ledger, SqliteLedger)
        assert isinstance(self._store, DuckMarketStore)  # one in memory has no evenings
        return Evening(
            directory=self._directory,
            plan=self.plan,
            ledger=self._ledger,
            ledger_owner=self._ledger_owner,
            store=self._store,
            store_owner=self._store_owner,
            witness=self._witness(),
        )

    def _witness(self) -> Witness | None:
        """Of the day that was played last by this process."""
        if self._frame is None or self._clock is None:
            return None
        candles = self.plan.source.told_candles(self._frame, self._clock)
        return Witness(self._frame.day, self._facts.audits, candles)

    @property
    def record(self) -> DayRecord:
        """The last day in the ledger, as it was when it was opened here, or closed."""
        return self._record

    def _start(self) -> Start:
        assert self._ledger is not None
        assert self._store is not None
        assert self.floor is not None
        return Start(
            plan=self.plan,
            floor=self.floor,
            scanner=self._scanner,
            ledger=self._ledger,
            ledger_owner=self._ledger_owner,
            store=self._store,
            store_owner=self._store_owner,
            vitals=self.vitals,
        )

    def _outcome(self, day: int, complete: bool) -> DayOutcome:
        assert self._ledger is not None
        assert self._frame is not None
        signals = self._ledger.rows("signals", day, MAIN_BOOK)
        trades = self._ledger.rows("trades", day, MAIN_BOOK)
        return DayOutcome(
            day=day,
            complete=complete,
            minutes=self._done_before + (self._trading.minutes if self._trading else 0),
            minutes_expected=self._frame.minutes,
            signals=len(signals),
            entries=sum(row["status"] == "ACTED" for row in signals),
            trades=len(trades),
            net_paise=sum(int(str(row["net_paise"])) for row in trades),
        )

    async def day_rows(
        self, view: str, day: int | None, book: str = MAIN_BOOK
    ) -> list[dict[str, object]]:
        """A projection's rows of a day, or of all days, in one book."""
        if self._ledger is None:
            raise StoreFailed("the ledger is not open")
        return await self._ledger_owner.run(self._ledger.rows, view, day, book)

    # --- what is shown --------------------------------------------------------------------------

    def now_ns(self) -> int:
        """Market time; before the day's clock runs, its open."""
        if self.standing.now_ns is not None:
            return self.standing.now_ns()
        assert self._frame is not None
        return self._frame.open_ns if self._clock is None else self._clock.now_ns()

    def snapshot(self) -> dict[str, object]:
        """What the page shows; from `prepare` on."""
        return snapshot(self._scanner, self.facts(), self.now_ns())

    def day_pnl_paise(self) -> int:
        return self._scanner.day_pnl_paise

    def facts(self) -> DaemonFacts:
        """How the daemon stands, for the page."""
        assert self.floor is not None
        assert self._frame is not None
        return daemon_facts(
            self.plan,
            self.floor,
            self._frame,
            self._facts,
            self.standing,
            now_ns=self.now_ns(),
            has_begun=self._clock is not None,
            scanner=self._scanner,
        )


def _ist(ns: int) -> str | None:
    return ist_text(ns) if ns else None
