"""The engine: an entry's whole life as effects, in the order in which it must be recorded."""

from dataclasses import dataclass

import numpy as np
import pytest

from core.advance import closing_in
from core.bars import Resampler
from core.book import Book
from core.engine import Engine
from core.errors import InvariantBroken
from core.events import (
    Cancel,
    Commanded,
    Effect,
    EventsRaised,
    FillBooked,
    MinutePassed,
    OrderAcknowledged,
    OrderChanged,
    SignalDecided,
    Submit,
)
from core.orders import OrderState, OrderType
from core.session import MINUTE_NS
from core.types import (
    Command,
    ExitReason,
    OrderId,
    Refusal,
    Side,
    SignalId,
    SignalStatus,
    TradingState,
)
from tests.market import (
    BUY,
    FIVE_MINUTES_NS,
    SELL,
    Played,
    Scripted,
    at,
    bar,
    book_of,
    flat,
    holdings_of,
    play,
    span_of,
)

ENTRY = {(0, at("09:15")): BUY}


def story(effects: list[Effect]) -> list[str]:
    """Effects in short: what, and which order in which state."""
    told = []
    for effect in effects:
        match effect:
            case Submit(order) | Cancel(order) | OrderChanged(order):
                told.append(f"{type(effect).__name__} {order.role.value} {order.state.value}")
            case FillBooked(fill, position):
                told.append(
                    f"FillBooked {fill.order_id[-1]} {'flat' if position is None else 'open'}"
                )
            case _:
                told.append(type(effect).__name__)
    return told


def by_minute(played: Played) -> list[list[str]]:
    return [story(step.effects) for step in played.steps if step.effects]


ENTERED = [
    "OrderChanged E FILLED",
    "FillBooked E open",
    "Submit S INTENDED",
    "Submit T INTENDED",
]


def test_an_entry_that_is_stopped_is_told_from_signal_to_trade() -> None:
    played = play(span_of([*flat("09:15", "10:00"), bar("09:30", 100, 100, 97, 98)]), ENTRY)

    assert [
        ["SignalDecided", "Submit E INTENDED"],
        ENTERED,
        ["OrderChanged S FILLED", "FillBooked S flat", "Cancel T CANCELLED", "TradeClosed"],
    ] == by_minute(played)


def test_a_target_takes_the_stop_back() -> None:
    played = play(span_of([*flat("09:15", "10:00"), bar("09:30", 100, 104, 99, 103)]), ENTRY)

    assert [
        "OrderChanged T FILLED",
        "FillBooked T flat",
        "Cancel S CANCELLED",
        "TradeClosed",
    ] == by_minute(played)[-1]


def test_a_time_stop_takes_the_bracket_back_before_it_sends_its_order() -> None:
    played = play(span_of(flat("09:15", "10:00")), ENTRY, terms={"time_stop_bars": 2})

    assert [
        ["SignalDecided", "Submit E INTENDED"],
        ENTERED,
        ["Cancel S CANCELLED", "Cancel T CANCELLED", "Submit X INTENDED"],
        ["OrderChanged X FILLED", "FillBooked X flat", "TradeClosed"],
    ] == by_minute(played)


def test_a_forced_exit_takes_every_order_back_and_books_one_of_its_own() -> None:
    played = play(span_of(flat("14:00", "15:05")), {(0, at("14:40")): BUY})

    assert [
        ["Cancel S CANCELLED", "Cancel T CANCELLED", "Submit Q INTENDED"],
        [
            "Cancel Q CANCELLED",
            "Submit F INTENDED",
            "OrderChanged F FILLED",
            "FillBooked F flat",
            "TradeClosed",
        ],
    ] == by_minute(played)[-2:]


def test_a_cancelled_entry_leaves_nothing_behind() -> None:
    played = play(span_of(flat("14:00", "14:45")), {(0, at("14:40")): BUY})

    assert ["Cancel E CANCELLED"] == by_minute(played)[-1]
    assert not played.book.engine.orders
    assert not played.book.engine.signals


def test_fill_on_close_tells_the_whole_entry_in_the_deciding_minute() -> None:
    played = play(span_of(flat("09:15", "10:00")), ENTRY, limits={"fill_on_close": True})

    assert ["SignalDecided", "Submit E INTENDED", *ENTERED] == by_minute(played)[0]


@pytest.mark.parametrize(("side", "turn"), [(BUY, 1), (SELL, -1)])
def test_orders_carry_side_type_and_price_of_their_role(side: int, turn: int) -> None:
    played = play(span_of(flat("09:15", "09:30")), {(0, at("09:15")): side})
    entry, stop, target = (e.order for e in played.effects[:6] if isinstance(e, Submit))

    assert (Side(side), OrderType.MARKET, 250, 0.0) == (
        entry.side,
        entry.type,
        entry.quantity,
        entry.price,
    )
    assert (Side(-side), OrderType.STOP_MARKET, 100.0 - turn * 2.0) == (
        stop.side,
        stop.type,
        stop.price,
    )
    assert (Side(-side), OrderType.LIMIT, 100.0 + turn * 4.0) == (
        target.side,
        target.type,
        target.price,
    )
    assert (at("09:20"), at("09:21")) == (entry.created_ns, stop.created_ns)


def test_fills_and_trade_agree_to_the_paisa() -> None:
    played = play(
        span_of([*flat("09:15", "10:00"), bar("09:30", 100, 105, 99, 103)]),
        ENTRY,
        limits={"slippage_bps": 2.0},
    )
    entry, exit_ = (e.fill for e in played.effects if isinstance(e, FillBooked))
    (trade,) = played.trades

    assert (2_501_250, 2_601_250) == (entry.value_paise, exit_.value_paise)
    assert trade.gross_paise == exit_.value_paise - entry.value_paise
    assert trade.fees_paise == entry.fees_paise + exit_.fees_paise
    assert trade.net_paise == trade.gross_paise - trade.fees_paise
    assert trade.r == trade.net_paise / 100.0 / 500.0
    assert trade.net_paise == played.book.engine.holdings.account["realised_paise"][0]
    assert (ExitReason.TARGET, Side.BUY, 250) == (trade.exit_reason, trade.side, trade.quantity)


def test_no_order_is_working_when_a_day_has_ended() -> None:
    every = {(0, at("09:15") + i * FIVE_MINUTES_NS): (BUY, SELL)[i % 2] for i in range(75)}
    bars = [*flat("09:15", "15:06"), bar("11:02", 100, 105, 95, 100), bar("13:30", 97, 99, 96, 98)]
    played = play(span_of(bars), every, terms={"time_stop_bars": 5})
    engine = played.book.engine

    assert len(played.trades) > 5
    assert ({}, {}) == (engine.orders, engine.signals)
    ended = {e.order.order_id for e in played.effects if isinstance(e, Cancel | OrderChanged)}
    assert ended == {e.order.order_id for e in played.effects if isinstance(e, Submit)}


# --- what else may be refused --------------------------------------------------------------------


@dataclass
class Question:
    """One engine with the event of one bar, to be asked again and again."""

    engine: Engine
    event: EventsRaised

    def ask(self) -> list[Effect]:
        self.event.signals["status"] = self.event.signals["refusal"] = 0
        return self.engine.handle(self.event)

    @property
    def signal_id(self) -> SignalId:
        """The id its first event has, or would have."""
        return self.engine._ids(self.event, np.zeros(1, np.int64))[0]


def question(*, observe: bool = False, events: int = 1) -> Question:
    span = Resampler([FIVE_MINUTES_NS], MINUTE_NS, [0]).resample(span_of(flat("09:15", "09:30")))
    raised = [(1, BUY), (2, SELL), (2, BUY)][:events]
    strategy = Scripted({(0, at("09:15")): raised})
    book = book_of([strategy], holdings_of(), [FIVE_MINUTES_NS], observe=observe)
    minute = book.engine.advance(span, 0, closing_in(span))
    bars = span.strategy_bars[:1]
    signals = strategy.on_bars(bars)
    return Question(book.engine, EventsRaised(span, minute, 0, bars, signals))


def decided(effects: list[Effect]) -> list[tuple[SignalStatus, Refusal]]:
    return [(e.signal.status, e.signal.refusal) for e in effects if isinstance(e, SignalDecided)]


def test_a_second_signal_with_the_same_id_is_refused_as_duplicate() -> None:
    asked = question()
    asked.engine.seen.add(asked.signal_id)

    assert [(SignalStatus.REFUSED, Refusal.DUPLICATE)] == decided(asked.ask())
    assert not asked.engine.orders
    assert 0 == asked.engine.holdings.account["entries_today"][0]


def test_an_entry_is_remembered_as_seen() -> None:
    asked = question()
    (signal, *_) = (e.signal for e in asked.ask() if isinstance(e, SignalDecided))

    assert {signal.signal_id} == asked.engine.seen


def test_observe_refuses_last_of_all_and_sends_nothing() -> None:
    asked = question(observe=True)

    assert [(SignalStatus.REFUSED, Refusal.OBSERVE)] == decided(asked.ask())
    assert not asked.engine.orders
    asked.engine.seen.add(asked.signal_id)
    assert [(SignalStatus.REFUSED, Refusal.DUPLICATE)] == decided(asked.ask())
    asked.engine.holdings.account[0].state = 1
    assert [(SignalStatus.REFUSED, Refusal.STATE)] == decided(asked.ask())


def test_of_a_watched_instrument_an_entry_is_refused_last_of_all() -> None:
    asked = question()
    asked.engine.holdings.instruments["watched"] = True

    assert [(SignalStatus.REFUSED, Refusal.OBSERVE)] == decided(asked.ask())
    assert not asked.engine.orders


def test_a_late_minute_refuses_the_entry() -> None:
    asked = question()
    asked.engine.late = True

    assert [(SignalStatus.REFUSED, Refusal.LATE)] == decided(asked.ask())


def test_other_events_of_a_bar_are_recorded_as_suppressed_with_ids_of_their_own() -> None:
    effects = question(events=3).ask()
    signals = [e.signal for e in effects if isinstance(e, SignalDecided)]

    assert [
        (SignalStatus.ACTED, Refusal.NONE),
        (SignalStatus.SUPPRESSED, Refusal.NONE),
        (SignalStatus.SUPPRESSED, Refusal.NONE),
    ] == decided(effects)
    assert [("FIRST", Side.BUY), ("SECOND", Side.SELL), ("SECOND", Side.BUY)] == [
        (s.kind, s.side) for s in signals
    ]
    assert 3 == len({s.signal_id for s in signals})
    assert [250, 0, 0] == [s.quantity for s in signals]
    assert all(np.isnan(s.value) for s in signals[1:])


# --- commands ------------------------------------------------------------------------------------


def commanded(
    command: Command, after: str, *, fill_on_close: bool = False, **terms: float
) -> list[list[str]]:
    """What happens from `command` on, given once the Minute that ends at `after` is over."""
    span = Resampler([FIVE_MINUTES_NS], MINUTE_NS, [0]).resample(span_of(flat("09:15", "10:00")))
    strategy = Scripted({(0, at(clock)): [(1, BUY)] for clock in ("09:15", "09:45")})
    holdings = holdings_of(limits={"fill_on_close": fill_on_close}, terms=terms)
    book = book_of([strategy], holdings, [FIVE_MINUTES_NS])
    told: list[list[str]] = []
    for step in book.run(span):
        if told and step.effects:
            told.append(story(step.effects))
        if step.close_ns == at(after):
            told.append(story(book.engine.handle(Commanded(command, step.close_ns))))
    return told


def test_flatten_sends_a_position_to_the_market_and_it_fills_at_the_next_open() -> None:
    given, filled, refused = commanded(Command.FLATTEN, "09:21")

    assert ["Cancel S CANCELLED", "Cancel T CANCELLED", "Submit K INTENDED"] == given
    assert ["OrderChanged K FILLED", "FillBooked K flat", "TradeClosed"] == filled
    assert ["SignalDecided"] == refused


def test_flatten_fills_at_the_next_open_whatever_fill_on_says() -> None:
    given, filled, refused = commanded(Command.FLATTEN, "09:20", fill_on_close=True)

    assert ["Cancel S CANCELLED", "Cancel T CANCELLED", "Submit K INTENDED"] == given
    assert ["OrderChanged K FILLED", "FillBooked K flat", "TradeClosed"] == filled
    assert ["SignalDecided"] == refused


def test_flatten_takes_a_pending_entry_back() -> None:
    given, refused = commanded(Command.FLATTEN, "09:20")

    assert (["Cancel E CANCELLED"], ["SignalDecided"]) == (given, refused)


def test_flatten_leaves_a_pending_exit_its_first_reason() -> None:
    given, filled, *_ = commanded(Command.FLATTEN, "09:30", time_stop_bars=2)

    assert [] == given
    assert ["OrderChanged X FILLED", "FillBooked X flat", "TradeClosed"] == filled


@pytest.mark.parametrize("command", [Command.HALT, Command.REDUCE])
def test_a_halt_refuses_entries_and_touches_no_order(command: Command) -> None:
    given, *later = commanded(command, "09:21", time_stop_bars=2)

    assert [] == given
    assert [
        ["Cancel S CANCELLED", "Cancel T CANCELLED", "Submit X INTENDED"],
        ["OrderChanged X FILLED", "FillBooked X flat", "TradeClosed"],
        ["SignalDecided"],
    ] == later


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ([Command.HALT], TradingState.HALTED),
        ([Command.REDUCE], TradingState.REDUCING),
        ([Command.FLATTEN], TradingState.REDUCING),
        ([Command.HALT, Command.REDUCE], TradingState.HALTED),
        ([Command.HALT, Command.FLATTEN], TradingState.HALTED),
        ([Command.REDUCE, Command.HALT], TradingState.HALTED),
        ([Command.HALT, Command.RESUME], TradingState.ACTIVE),
        ([Command.FLATTEN, Command.RESUME], TradingState.ACTIVE),
    ],
)
def test_only_resume_loosens_the_state(given: list[Command], state: TradingState) -> None:
    asked = question()
    for command in given:
        assert [] == asked.engine.handle(Commanded(command, at("09:16")))

    assert state == asked.engine.holdings.account["state"][0]
    refused = state is not TradingState.ACTIVE
    assert [Refusal.STATE if refused else Refusal.NONE] == [r for _, r in decided(asked.ask())]


# --- acknowledgements ----------------------------------------------------------------------------


def working() -> tuple[Book, OrderId]:
    asked = question()
    asked.ask()
    (order_id,) = asked.engine.orders
    return Book("x", [], asked.engine, [FIVE_MINUTES_NS]), order_id


def test_an_acknowledged_order_is_open() -> None:
    book, order_id = working()
    (effect,) = book.engine.handle(OrderAcknowledged(order_id, at("09:21")))

    assert isinstance(effect, OrderChanged)
    assert (OrderState.OPEN, at("09:21")) == (effect.order.state, effect.order.updated_ns)
    assert OrderState.OPEN is book.engine.orders[order_id].state


def test_an_acknowledgement_after_the_end_changes_nothing() -> None:
    book, _ = working()

    assert [] == book.engine.handle(OrderAcknowledged(OrderId("gone-E"), at("09:21")))


def test_an_acknowledged_order_fills_as_any_other() -> None:
    asked = question()
    asked.ask()
    (order_id,) = asked.engine.orders
    asked.engine.handle(OrderAcknowledged(order_id, at("09:20")))
    minute = asked.engine.advance(
        asked.event.span, asked.event.minute + 1, closing_in(asked.event.span)
    )

    assert ENTERED == story(asked.engine.handle(MinutePassed(asked.event.span, minute)))


def test_a_fill_of_an_order_that_is_not_working_is_a_bug() -> None:
    asked = question()
    asked.ask()
    asked.engine.orders.clear()
    minute = asked.engine.advance(
        asked.event.span, asked.event.minute + 1, closing_in(asked.event.span)
    )
    with pytest.raises(InvariantBroken, match="-E, which is not a working order"):
        asked.engine.handle(MinutePassed(asked.event.span, minute))


def test_a_position_is_seen_from_its_fill_to_its_exit() -> None:
    bars = [*flat("09:15", "10:00"), bar("09:30", 100, 100, 97, 98)]
    span = Resampler([FIVE_MINUTES_NS], MINUTE_NS, [0]).resample(span_of(bars))
    book = book_of([Scripted({(0, at("09:15")): [(1, BUY)]})], holdings_of(), [FIVE_MINUTES_NS])
    seen = {}
    for step in book.run(span):
        position = book.engine.position_of(0)
        seen[step.close_ns] = None if position is None else (position.entry_price, position.stop)

    assert None is seen[at("09:20")]  # pending
    assert (100.0, 98.0) == seen[at("09:21")] == seen[at("09:30")]
    assert None is seen[at("09:31")]


@pytest.mark.parametrize(("side", "prices"), [(BUY, [97.95, 104.05]), (SELL, [102.05, 95.95])])
def test_a_bracket_goes_to_the_tick_away_from_the_entry(side: int, prices: list[float]) -> None:
    played = play(span_of(flat("09:15", "09:30")), {(0, at("09:15")): side}, atr=2.01)
    orders = [e.order for e in played.effects if isinstance(e, Submit)]

    assert prices == [order.price for order in orders[1:3]]
