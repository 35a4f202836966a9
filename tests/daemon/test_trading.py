"""Decide, remember, send, show: in this order, and nothing is sent that is not remembered."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace

import pytest
import structlog

from core.book import MAIN_BOOK
from core.errors import StoreFailed
from core.orders import Order
from core.ports import BrokerReport, EventKind, LedgerEvent, ReportKind
from core.types import MinuteSpan, Records, minute_of
from daemon.floor import floor_of
from daemon.plan import Plan, Strategies
from daemon.scanner import Scanner
from daemon.trading import Trading
from providers.replay import ReplayProvider
from stores.memory import MemoryLedger, MemoryMarketStore
from stores.owner import InlineOwner
from tests.daemon.days import replay_plan
from tests.datasets import LIVELY, MARKETS, generated, request_on

REQUEST = request_on(generated("week", seed=2), *LIVELY)
DAY = MARKETS["week"][0][1]


class WitnessBroker:
    """Takes every order, or answers as told, and notes what the ledger held when it was asked."""

    def __init__(self, ledger: MemoryLedger, kind: ReportKind = ReportKind.ACKNOWLEDGED) -> None:
        self.asked: list[Order] = []
        self.states: list[object] = []
        self._ledger = ledger
        self._kind = kind

    async def submit(self, order: Order) -> BrokerReport:
        self.asked.append(order)
        known = {row["order_id"]: row["state"] for row in self._ledger.rows("orders")}
        self.states.append(known.get(order.order_id))
        return BrokerReport(self._kind, order.order_id, order.created_ns, "as told")

    async def modify(self, order: Order) -> BrokerReport:
        raise AssertionError("nothing is modified on paper")

    async def cancel(self, order_id: str) -> BrokerReport:
        raise AssertionError("the simulated exchange cancels inside the Minute")

    async def book(self) -> Sequence[Order]:
        return self.asked

    async def reports(self) -> AsyncIterator[BrokerReport]:
        for report in ():
            yield report


class RefusingLedger(MemoryLedger):
    """Fails from the first order on."""

    def append(self, events: Sequence[LedgerEvent]) -> int:
        if any(event.kind is EventKind.ORDER for event in events):
            raise StoreFailed("disk full")
        return super().append(events)


class RefusingStore(MemoryMarketStore):
    def append_decisions(self, strategy: str, bars: Records, decisions: Records) -> None:
        raise StoreFailed("disk full")


class Bench:
    """One book and everything around it in memory, warmed up and standing before the open."""

    def __init__(
        self,
        ledger: MemoryLedger | None = None,
        store: MemoryMarketStore | None = None,
        answer: ReportKind = ReportKind.ACKNOWLEDGED,
        shadows: tuple[tuple[str, Strategies], ...] = (),
    ) -> None:
        plan: Plan = replace(replay_plan(REQUEST), shadows=shadows)
        instruments = plan.source.instruments
        self.provider = ReplayProvider(REQUEST.dataset, plan.terms)
        self.floor = floor_of(plan)
        self.ledger = ledger if ledger is not None else MemoryLedger()
        self.ledger.append([self.floor.open_day(DAY, self.provider.day_spans(to_day=DAY - 1), 0)])
        self.broker = WitnessBroker(self.ledger, answer)
        self.shadows = {book: WitnessBroker(self.ledger) for book, _ in shadows}
        self.scanner = Scanner(
            [
                (book, name, own.timeframe, own.warmup_bars)
                for book, strategies in plan.books
                for name, _, own in strategies
            ],
            [(one.symbol, one.id) for one in instruments],
        )
        self.trading = Trading(
            floor=self.floor,
            ledger=self.ledger,
            ledger_owner=InlineOwner(),
            store=store or MemoryMarketStore(instruments),
            store_owner=InlineOwner(),
            brokers={MAIN_BOOK: self.broker, **self.shadows},
            scanner=self.scanner,
        )

    def minutes(self) -> Iterator[MinuteSpan]:
        for span in self.provider.day_spans(DAY, DAY):
            for index in range(len(span.close_ns)):
                yield self.floor.resampler.resample(minute_of(span, index))

    def play(self) -> None:
        async def main() -> None:
            for span in self.minutes():
                await self.trading.minute(span)

        asyncio.run(main())


@pytest.fixture(scope="module")
def played() -> Bench:
    bench = Bench()
    bench.play()
    return bench


def test_the_intent_is_in_the_ledger_when_the_broker_is_asked(played: Bench) -> None:
    roles = {order.role.name for order in played.broker.asked}

    assert roles >= {"ENTRY", "STOP", "TARGET"}
    assert {*played.broker.states} == {"INTENDED"}


def test_every_intent_is_sent_once(played: Bench) -> None:
    intents = [
        one.event.key
        for one in played.ledger.events(kinds=[EventKind.ORDER])
        if one.event.payload["state"] == "INTENDED"
    ]

    assert [order.order_id for order in played.broker.asked] == intents
    assert len({*intents}) == len(intents)


def test_one_minute_is_one_input_and_its_results(played: Bench) -> None:
    kinds = [one.event.kind for one in played.ledger.events()]

    assert kinds.count(EventKind.MINUTE) == played.trading.minutes == 375
    assert played.trading.last_minute_ns == int(list(played.minutes())[-1].close_ns[0])


def test_an_acknowledgement_is_recorded_after_the_order_was_taken(played: Bench) -> None:
    changes = [
        (one.event.key, one.event.payload["state"])
        for one in played.ledger.events(kinds=[EventKind.ORDER])
    ]
    entry = next(key for key, _ in changes if key.endswith("-E"))

    assert [state for key, state in changes if key == entry] == ["INTENDED", "OPEN", "FILLED"]


def test_the_page_knows_the_days_signals_and_trades(played: Bench) -> None:
    assert played.scanner.trades == len(played.ledger.rows("trades")) > 0
    decided = [row for row in played.ledger.rows("signals") if row["status"] != "SUPPRESSED"]
    assert played.scanner.signals == len(decided)


def test_a_ledger_that_fails_means_that_nothing_is_sent() -> None:
    bench = Bench(RefusingLedger())

    with pytest.raises(StoreFailed, match="disk full"):
        bench.play()

    assert bench.broker.asked == []
    assert bench.ledger.rows("orders") == []


def test_an_order_that_is_not_taken_stays_unacknowledged_and_is_told() -> None:
    bench = Bench(answer=ReportKind.REJECTED)
    with structlog.testing.capture_logs() as logs:
        bench.play()
    states = {row["state"] for row in bench.ledger.rows("orders")}

    assert "OPEN" not in states
    assert any(log["event"] == "order_refused" and log["reason"] == "as told" for log in logs)


def test_decisions_that_cannot_be_kept_do_not_stop_trading(played: Bench) -> None:
    bench = Bench(store=RefusingStore(REQUEST.dataset.instruments))
    with structlog.testing.capture_logs() as logs:
        bench.play()

    assert bench.ledger.head() == played.ledger.head()
    assert {log["event"] for log in logs} >= {"market_store_failed", "signal_decided"}


def test_an_order_goes_to_the_broker_of_its_own_book() -> None:
    own = REQUEST.settings.model_copy(update={"sl_mult": 3.0})
    bench = Bench(shadows=(("trial", (("twin", "pixity", own),)),))
    bench.play()
    asked = {"main": bench.broker.asked, "trial": bench.shadows["trial"].asked}
    intended = {
        book: [row["order_id"] for row in bench.ledger.rows("orders", None, book)] for book in asked
    }

    assert all(asked.values())
    assert {book: [one.order_id for one in orders] for book, orders in asked.items()} == intended
