"""Task 2: Minutes, commands and what a broker tells through the books; ledger first, then the
broker, then the page.

One Minute is one transaction, and so is whatever comes between two of them. What the ledger has not
taken is never sent.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import assert_never

import structlog

from core.crashpoints import crashpoint
from core.errors import StoreFailed
from core.events import (
    Cancel,
    FillBooked,
    Modify,
    Released,
    SignalDecided,
    Submit,
    TradeClosed,
    Tripped,
)
from core.orders import OrderRole, OrderState, OrderType
from core.ports import (
    BarProvider,
    Broker,
    BrokerReport,
    Ledger,
    LedgerEvent,
    MarketStore,
    ReportKind,
)
from core.targets import Touched
from core.types import Command, MinuteSpan, Refusal, TradingState
from daemon.commands import NO_PROCESS, Asked, NotObeyed, Obeyed, Operator
from daemon.floor import Done, Floor
from daemon.fuse import Blown
from daemon.intake.doubts import Doubts
from daemon.intake.lateness import Lateness
from daemon.intake.tape import Publication
from daemon.orders.calls import called
from daemon.orders.traffic import OrderTraffic, Told
from daemon.pulse.meters import Meters, Pulse
from daemon.scanner import Scanner
from stores.owner import Owner

SETTLE_S = 2.5  # at the end: of the five in which a stop has to be through

log = structlog.get_logger()


class Trading:
    """Feeds every book from a provider of resampled Minutes until the provider ends.

    Args:
        brokers: where the orders of each book on paper go, by its name.
        traffic: of the main book where its fills are told.
        held: time that waits for its readers does so while something is decided and kept.
        lateness: None where the market waits for us, so that no Minute is ever late.
    """

    def __init__(
        self,
        *,
        floor: Floor,
        ledger: Ledger,
        ledger_owner: Owner,
        store: MarketStore,
        store_owner: Owner,
        brokers: Mapping[str, Broker],
        scanner: Scanner,
        operator: Operator | None = None,
        lateness: Lateness | None = None,
        meters: Meters | None = None,
        publications: dict[int, Publication] | None = None,
        doubts: Doubts | None = None,
        traffic: OrderTraffic | None = None,
        held: Callable[[], AbstractContextManager[None]] = nullcontext,
        alert: Callable[[str], None] | None = None,
    ) -> None:
        """`publications`: how Minutes came about, by their close; taken out when decided.
        `alert`: takes what a person must look at."""
        self._alert = alert
        self._floor = floor
        self._lateness = lateness
        self._ledger = ledger
        self._ledger_owner = ledger_owner
        self._store = store
        self._store_owner = store_owner
        self._brokers = brokers
        self._traffic = traffic
        self._held = held
        self._scanner = scanner
        self._operator = operator or Operator()
        self._meters = meters or Meters()
        self.pulse = Pulse()
        self._publications = {} if publications is None else publications
        self._doubts = doubts or Doubts(floor.symbols, floor.doubts)
        self.minutes = 0
        self.last_minute_ns: int | None = None

    async def run(self, provider: BarProvider) -> None:
        """Every Minute of the provider; before each, the HALT file is looked for."""
        await self._obey_file()
        self._watch_targets()
        spans = aiter(provider.spans())
        try:
            while (span := await self._next(spans)) is not None:
                await self._obey_file()
                await self.minute(span)
            await self._settle()
        finally:
            self.pulse.idle = True

    async def _next(self, spans: AsyncIterator[MinuteSpan]) -> MinuteSpan | None:
        """The next Minute, after every command and all that was told before it; None: there is
        none."""
        coming = asyncio.ensure_future(anext(spans, None))
        coming.add_done_callback(self._operator.stir)
        try:
            while True:
                await self._obey_waiting()
                if (told := self._told()) is not None:
                    await self.told(told)
                    continue
                if coming.done():
                    return coming.result()
                self.pulse.idle = True
                await self._operator.stirred()
                self.pulse.idle = False
        finally:
            coming.cancel()

    async def minute(self, span: MinuteSpan) -> None:
        """Decide, remember, send, show: in this order."""
        with self._held():
            await self._minute(span)

    async def _minute(self, span: MinuteSpan) -> None:
        close_ns = int(span.close_ns[0])
        late = self._lateness is not None and self._lateness.of(close_ns)
        publication = self._publications.pop(close_ns, None)
        begun_s = time.perf_counter()
        doubts = self._floor.doubt(self._doubts.changes(close_ns, self._floor.doubts))
        done, events = self._floor.minute(span, late=late, publication=publication)
        self._meters.decision.add(time.perf_counter() - begun_s)
        await self.remember([*doubts, *events])
        await self.send(done)
        self._meters.decided(done[0].effects)  # of the main book
        await self._keep_decisions(done)
        self.minutes += 1
        self.last_minute_ns = close_ns
        show(self._scanner, span, done)
        self._tell(done)
        log_failures((one.desk.name, blown) for one in done for blown in one.blown)

    # --- what a broker, or a tick at a target, tells ---------------------------------------------

    def _told(self) -> Told | None:
        return None if self._traffic is None else self._traffic.take()

    async def told(self, told: Told) -> None:
        """Decide, remember, send, show: as a Minute. Raises StoreFailed."""
        with self._held():
            match told:
                case BrokerReport():
                    done, events = self._floor.reported(told)
                case Touched(instrument, price, ts_ns):
                    symbol = self._floor.symbols[instrument]
                    done, events = self._floor.touched(symbol, price, ts_ns)
                case _:
                    assert_never(told)
            crashpoint("broker.report.before")
            await self.remember(events)
            crashpoint("broker.report.after")
            await self.send(done)
            self._meters.decided(done[0].effects)
            show(self._scanner, None, done)
            self._tell(done)
            if isinstance(told, BrokerReport) and told.kind is ReportKind.REJECTED:
                log.error("order_refused", order_id=told.order_id, reason=told.reason)

    async def _settle(self) -> None:
        """No Minute follows: what was asked of a broker is answered first, unless that takes long;
        then the next start finds out."""
        until_s = asyncio.get_running_loop().time() + SETTLE_S
        while self._traffic is not None and not self._is_settled(self._traffic):
            if (told := self._traffic.take()) is not None:
                await self.told(told)
                continue
            try:
                async with asyncio.timeout_at(until_s):
                    await self._operator.stirred()
            except TimeoutError:
                log.warning("orders_unsettled", orders=list(self._floor.main.engine.orders))
                return

    def _is_settled(self, traffic: OrderTraffic) -> bool:
        """Nothing is on its way, and what works is a stop that waits for its price."""
        orders = self._floor.main.engine.orders.values()
        waits = all(
            one.state is OrderState.OPEN and one.type is OrderType.STOP_MARKET for one in orders
        )
        return traffic.is_idle and waits

    def _watch_targets(self) -> None:
        if self._traffic is not None:
            self._traffic.targets.arm(self._floor.main.engine.holdings.positions)

    # --- the operator ----------------------------------------------------------------------------

    async def _obey_waiting(self) -> None:
        while (waiting := self._operator.take()) is not None:
            asked, answer = waiting
            outcome: Obeyed | NotObeyed = NotObeyed("the daemon stops: outcome unknown", True)
            try:
                outcome = await self.obey(asked)
            finally:
                if not answer.done():  # whoever asked may have gone
                    answer.set_result(outcome)

    async def _obey_file(self) -> None:
        user = self._operator.halted_by()
        if user is not None and self._floor.main.commanded is not TradingState.HALTED:
            await self.obey(Asked(Command.HALT, user, NO_PROCESS))

    async def obey(self, asked: Asked) -> Obeyed:
        """Decide, remember, send: as a Minute. Every book obeys. Raises StoreFailed."""
        with self._held():
            done, events = self._floor.obey(asked.command, asked.user, asked.pid)
            await self.remember(events)
            await self.send(done)
        state, main = self._floor.main.state, done[0]
        self._meters.decided(main.effects)
        self._tell(done)
        log.info(
            "command_obeyed",
            command=asked.command.name.lower(),
            user=asked.user,
            pid=asked.pid,
            trading_state=state.name,
        )
        taken_back = [one.order.role for one in main.effects if isinstance(one, Cancel)]
        return Obeyed(
            state=state,
            exits=sum(isinstance(one, Submit | Modify) for one in main.effects),
            cancelled=taken_back.count(OrderRole.ENTRY),
            released=tuple(
                one.breaker.name.lower() for one in main.effects if isinstance(one, Released)
            ),
        )

    # --- what a step leads to --------------------------------------------------------------------

    def _tell(self, done: Sequence[Done]) -> None:
        """Log what was done; a breaker that tripped is also for a person at once."""
        log_effects(done)
        for effect in done[0].effects:  # of the main book: no other has breakers
            if isinstance(effect, Tripped) and self._alert is not None:
                name, advice = effect.breaker.name.lower(), advice_on(effect.breaker)
                self._alert(f"{name} has tripped: {effect.reason}; {advice}")

    async def remember(self, events: list[LedgerEvent]) -> None:
        """One transaction. Raises StoreFailed: then nothing is sent and the process stops."""
        begun_s = time.perf_counter()
        await self._ledger_owner.run(self._ledger.append, events)
        self._meters.commit.add(time.perf_counter() - begun_s)
        self.pulse.turns += 1

    async def send(self, done: Sequence[Done]) -> None:
        """Hand on what each book asks for. A broker that tells its fills answers later, and is not
        waited for; what one on paper takes is remembered as acknowledged."""
        events: list[LedgerEvent] = []
        for one in done:
            if one.desk.setup.fills_are_told:
                assert self._traffic is not None
                self._traffic.send(one.effects)
                self._watch_targets()
            else:
                events += one.desk.acknowledged(await self._taken(one))
        if events:
            await self.remember(events)

    async def _taken(self, one: Done) -> list[Submit]:
        """The new orders of a book on paper that its broker took."""
        taken: list[Submit] = []
        for submit in one.submits:
            answer = await called(self._brokers[one.desk.name], submit)
            if answer.kind is ReportKind.ACKNOWLEDGED:
                taken.append(submit)
            else:
                log.error("order_refused", order_id=answer.order_id, reason=answer.reason)
        return taken

    async def _keep_decisions(self, done: Sequence[Done]) -> None:
        """Strategy bars with their gates, for "why no trade"; the store may fail, trading not."""
        decisions = [
            (one.desk.strategies[decision.strategy].name, decision)
            for one in done
            for step in one.steps
            for decision in step.decisions
        ]
        if not decisions:
            return

        def write() -> None:
            for name, decision in decisions:
                self._store.append_decisions(name, decision.bars, decision.signals)
            self._store.commit()

        try:
            await self._store_owner.run(write)
        except StoreFailed as error:
            self._meters.stored(failure=str(error))
            log.error("market_store_failed", reason=str(error))


def show(scanner: Scanner, span: MinuteSpan | None, done: Sequence[Done]) -> None:
    """Tell the scanner what a Minute brought to each book, or what came between two of them."""
    if span is not None:
        close_ns, symbols = int(span.close_ns[0]), done[0].desk.symbols
        marks = zip(span.bars["instrument"].tolist(), span.bars["close"].tolist(), strict=True)
        for number, close in marks:
            scanner.marked(symbols[number], close, close_ns)
    for one in done:
        _show_bars(scanner, one)
        _show_effects(scanner, one)
        for blown in one.blown:
            scanner.switched_off(blown.strategy)


def _show_bars(scanner: Scanner, one: Done) -> None:
    desk = one.desk
    for decision in (decision for step in one.steps for decision in step.decisions):
        seen = desk.bars_seen[decision.strategy]
        name = desk.strategies[decision.strategy].name
        bars = decision.bars
        columns = (bars[one].tolist() for one in ("instrument", "open_ns", "close_ns"))
        for number, opened, closed in zip(*columns, strict=True):
            scanner.bar_closed(name, desk.symbols[number], opened, closed, int(seen[number]))


def _show_effects(scanner: Scanner, one: Done) -> None:
    for effect in one.effects:
        match effect:
            case SignalDecided(signal):
                scanner.signal_decided(signal)
            case FillBooked(fill, position):
                scanner.position_changed(fill.strategy, fill.instrument, position)
            case TradeClosed(trade):
                scanner.trade_closed(trade)
            case _:
                pass  # orders are in the ledger; the page shows positions


def log_effects(done: Sequence[Done]) -> None:
    """What a person who reads the log wants to know."""
    for book, effect in ((one.desk.name, effect) for one in done for effect in one.effects):
        match effect:
            case SignalDecided(signal):
                log.info(
                    "signal_decided",
                    book=book,
                    strategy=signal.strategy,
                    instrument=signal.instrument,
                    kind=signal.kind,
                    side=signal.side.name,
                    status=signal.status.name,
                    refusal=signal.refusal.name.lower() if signal.refusal else None,
                    quantity=signal.quantity,
                )
            case FillBooked(fill, _):
                log.info(
                    "order_filled",
                    book=book,
                    order_id=fill.order_id,
                    instrument=fill.instrument,
                    side=fill.side.name,
                    quantity=fill.quantity,
                    price=fill.price,
                )
            case TradeClosed(trade):
                log.info(
                    "trade_closed",
                    book=book,
                    strategy=trade.strategy,
                    instrument=trade.instrument,
                    reason=trade.exit_reason.name,
                    net_paise=trade.net_paise,
                )
            case Tripped(order_id, reason, breaker):
                log.error(
                    "breaker_tripped",
                    book=book,
                    breaker=breaker.name.lower(),
                    order_id=order_id,
                    reason=reason,
                    advice=advice_on(breaker),
                )
            case Released(breaker):
                log.info("breaker_released", book=book, breaker=breaker.name.lower())
            case _:
                pass


def advice_on(breaker: Refusal) -> str:
    """What a person is to do about one that has tripped."""
    ends = "it ends with the day" if breaker is Refusal.DAY_LOSS else "then tradingd resume"
    return f"see {breaker.name.lower()} under 'Breakers' in docs/runbook.md; {ends}"


def log_failures(failures: Iterable[tuple[str, Blown]]) -> None:
    """Strategies, with their book, that a person must look at."""
    for book, blown in failures:
        log.error(
            "strategy_failed",
            book=book,
            strategy=blown.strategy,
            reason=blown.reason,
            trace=blown.trace or None,
        )
