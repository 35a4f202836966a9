"""Task 2: Minutes and commands through the books; ledger first, then the broker, then the page.

One Minute is one transaction, and so is a command between two of them. What the ledger has not
taken is never sent.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

import structlog

from core.crashpoints import crashpoint
from core.errors import StoreFailed
from core.events import Cancel, FillBooked, SignalDecided, Step, Submit, TradeClosed
from core.orders import OrderRole
from core.ports import BarProvider, Broker, Ledger, LedgerEvent, MarketStore, ReportKind
from core.types import Command, MinuteSpan, TradingState
from daemon.commands import NO_PROCESS, Asked, NotObeyed, Obeyed, Operator
from daemon.desk import Desk
from daemon.floor import Done, Floor
from daemon.fuse import Blown
from daemon.intake.doubts import Doubts
from daemon.intake.lateness import Lateness
from daemon.intake.tape import Publication
from daemon.pulse.meters import Meters, Pulse
from daemon.scanner import Scanner
from stores.owner import Owner

log = structlog.get_logger()


class Trading:
    """Feeds every book from a provider of resampled Minutes until the provider ends.

    Args:
        brokers: where the orders of each book go, by its name.
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
    ) -> None:
        """`publications`: how Minutes came about, by their close; taken out when decided."""
        self._floor = floor
        self._lateness = lateness
        self._ledger = ledger
        self._ledger_owner = ledger_owner
        self._store = store
        self._store_owner = store_owner
        self._brokers = brokers
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
        spans = aiter(provider.spans())
        try:
            while (span := await self._next(spans)) is not None:
                await self._obey_file()
                await self.minute(span)
        finally:
            self.pulse.idle = True

    async def _next(self, spans: AsyncIterator[MinuteSpan]) -> MinuteSpan | None:
        """The next Minute, after every command that came before it; None: there is none."""
        coming = asyncio.ensure_future(anext(spans, None))
        coming.add_done_callback(self._operator.stir)
        try:
            while True:
                await self._obey_waiting()
                if coming.done():
                    return coming.result()
                self.pulse.idle = True
                await self._operator.stirred()
                self.pulse.idle = False
        finally:
            coming.cancel()

    async def minute(self, span: MinuteSpan) -> None:
        """Decide, remember, send, show: in this order."""
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
        log_effects(done)
        log_failures((one.desk.name, blown) for one in done for blown in one.blown)

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
        if user is not None and self._floor.main.state is not TradingState.HALTED:
            await self.obey(Asked(Command.HALT, user, NO_PROCESS))

    async def obey(self, asked: Asked) -> Obeyed:
        """Decide, remember, send: as a Minute. Every book obeys. Raises StoreFailed."""
        done, events = self._floor.obey(asked.command, asked.user, asked.pid)
        await self.remember(events)
        await self.send(done)
        state, main = self._floor.main.state, done[0]
        self._meters.decided(main.effects)
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
            exits=len(main.submits),
            cancelled=taken_back.count(OrderRole.ENTRY),
        )

    # --- what a step leads to --------------------------------------------------------------------

    async def remember(self, events: list[LedgerEvent]) -> None:
        """One transaction. Raises StoreFailed: then nothing is sent and the process stops."""
        begun_s = time.perf_counter()
        await self._ledger_owner.run(self._ledger.append, events)
        self._meters.commit.add(time.perf_counter() - begun_s)
        self.pulse.turns += 1

    async def send(self, done: Sequence[Done]) -> None:
        """Hand new orders to each book's broker; what it takes is remembered as acknowledged."""
        events: list[LedgerEvent] = []
        for one in done:
            taken: list[Submit] = []
            for submit in one.submits:
                crashpoint("broker.submit.before")
                answer = await self._brokers[one.desk.name].submit(submit.order)
                crashpoint("broker.submit.after")
                if answer.kind is ReportKind.ACKNOWLEDGED:
                    taken.append(submit)
                else:
                    log.error("order_refused", order_id=answer.order_id, reason=answer.reason)
            events += one.desk.acknowledged(taken)
        if events:
            await self.remember(events)

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


def show(scanner: Scanner, span: MinuteSpan, done: Sequence[Done]) -> None:
    """Tell the scanner what a Minute brought to each book."""
    close_ns, symbols = int(span.close_ns[0]), done[0].desk.symbols
    marks = zip(span.bars["instrument"].tolist(), span.bars["close"].tolist(), strict=True)
    for number, close in marks:
        scanner.marked(symbols[number], close, close_ns)
    for one in done:
        _show_steps(scanner, one.desk, one.steps)
        for blown in one.blown:
            scanner.switched_off(blown.strategy)


def _show_steps(scanner: Scanner, desk: Desk, steps: Sequence[Step]) -> None:
    for step in steps:
        for decision in step.decisions:
            seen = desk.bars_seen[decision.strategy]
            name = desk.strategies[decision.strategy].name
            bars = decision.bars
            columns = (bars[one].tolist() for one in ("instrument", "open_ns", "close_ns"))
            for number, opened, closed in zip(*columns, strict=True):
                scanner.bar_closed(name, desk.symbols[number], opened, closed, int(seen[number]))
        for effect in step.effects:
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
            case _:
                pass


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
