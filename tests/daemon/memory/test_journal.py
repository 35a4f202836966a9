"""Every effect becomes one ledger event that its projection accepts and can be read back from."""

from dataclasses import replace

import numpy as np
import pytest

from core.events import (
    Cancel,
    Effect,
    Fill,
    FillBooked,
    OrderChanged,
    Position,
    SignalDecided,
    Submit,
    TradeClosed,
)
from core.orders import Order, OrderRole, OrderState, OrderType
from core.ports import EventKind
from core.types import (
    BAR,
    ExitReason,
    OrderId,
    Refusal,
    Side,
    Signal,
    SignalId,
    SignalStatus,
    Trade,
)
from daemon.memory.journal import minute_event, result_event, result_events, signal_row
from stores.chain import canonical_json
from stores.memory import MemoryLedger
from stores.views import VIEWS
from tests.market import DAY, at, bar, span_of

SIGNAL = Signal(
    signal_id=SignalId("a" * 64),
    strategy="pixity",
    instrument="TCS",
    kind="TREND",
    side=Side.BUY,
    bar_open_ns=at("09:15"),
    bar_close_ns=at("09:30"),
    close=100.0,
    atr=2.0,
    vwap=float("nan"),
    confidence=0.5,
    status=SignalStatus.ACTED,
    refusal=Refusal.NONE,
    value=float("nan"),
    limit=float("nan"),
    quantity=250,
    features=(1.0, 2.0),
)
ORDER = Order(
    order_id=OrderId("a" * 24 + "-E"),
    signal_id=SIGNAL.signal_id,
    strategy="pixity",
    instrument="TCS",
    role=OrderRole.ENTRY,
    type=OrderType.MARKET,
    side=Side.BUY,
    quantity=250,
    price=0.0,
    created_ns=at("09:30"),
    updated_ns=at("09:30"),
)
FILL = Fill(
    order_id=ORDER.order_id,
    fill_id="1",
    strategy="pixity",
    instrument="TCS",
    side=Side.BUY,
    quantity=250,
    price=100.05,
    value_paise=2_501_250,
    fees_paise=3_034,
    ts_ns=at("09:30"),
)
POSITION = Position(
    strategy="pixity",
    instrument="TCS",
    side=Side.BUY,
    quantity=250,
    entry_price=100.05,
    stop=98.0,
    target=104.0,
    entry_ns=at("09:30"),
    signal_id=SIGNAL.signal_id,
)
TRADE = Trade(
    strategy="pixity",
    instrument="TCS",
    side=Side.BUY,
    quantity=250,
    signal_id=SIGNAL.signal_id,
    kind="TREND",
    signal_bar_open_ns=at("09:15"),
    entry_ns=at("09:30"),
    entry_price=100.05,
    exit_ns=at("09:40"),
    exit_price=104.0,
    exit_reason=ExitReason.TARGET,
    bars_held=0,
    gross_paise=98_750,
    fees_paise=8_268,
    net_paise=90_482,
    r=1.80964,
    mae=0.5,
    mfe=3.95,
)
EFFECTS: list[tuple[Effect, EventKind, str]] = [
    (SignalDecided(SIGNAL), EventKind.SIGNAL, SIGNAL.signal_id),
    (Submit(ORDER), EventKind.ORDER, ORDER.order_id),
    (OrderChanged(replace(ORDER, state=OrderState.OPEN)), EventKind.ORDER, ORDER.order_id),
    (FillBooked(FILL, POSITION), EventKind.FILL, ORDER.order_id),
    (Cancel(replace(ORDER, state=OrderState.CANCELLED)), EventKind.ORDER, ORDER.order_id),
    (TradeClosed(TRADE), EventKind.TRADE, SIGNAL.signal_id),
]


@pytest.mark.parametrize(("effect", "kind", "key"), EFFECTS)
def test_an_effect_is_one_event_of_its_kind_under_its_key(
    effect: Effect, kind: EventKind, key: str
) -> None:
    event = result_event(effect, at("09:31"), DAY)

    assert (event.ts_ns, event.kind, event.key) == (at("09:31"), kind, key)
    assert event.payload["day"] == DAY
    assert canonical_json(event.payload, "any") != ""


def test_a_ledger_takes_the_events_of_a_step_and_shows_their_rows() -> None:
    ledger = MemoryLedger()
    ledger.append(result_events([effect for effect, _, _ in EFFECTS], at("09:31"), DAY))
    [signal], [order], [trade] = (ledger.rows(name) for name in ("signals", "orders", "trades"))

    assert (signal["side"], signal["status"], signal["refusal"]) == ("BUY", "ACTED", None)
    assert signal["vwap"] is None
    assert (order["role"], order["type"], order["state"]) == ("ENTRY", "MARKET", "CANCELLED")
    assert (trade["side"], trade["exit_reason"], trade["net_paise"]) == ("BUY", "TARGET", 90_482)
    assert [set(row) for row in (signal, order, trade)] == [
        set(VIEWS[name]) for name in ("signals", "orders", "trades")
    ]


def test_signals_that_follow_each_other_are_one_event_and_keep_their_place() -> None:
    first, second, third = (SIGNAL._replace(instrument=name) for name in ("INFY", "SBIN", "TCS"))
    said = [SignalDecided(first), Submit(ORDER), SignalDecided(second), SignalDecided(third)]
    events = result_events(said, at("09:31"), DAY)
    ledger = MemoryLedger()
    ledger.append(events)

    assert [event.kind for event in events] == ["SIGNAL", "ORDER", "SIGNAL"]
    assert [row["instrument"] for row in ledger.rows("signals")] == ["INFY", "SBIN", "TCS"]


def test_a_fill_sets_the_position_it_leaves_and_clears_it_when_flat() -> None:
    ledger = MemoryLedger()
    ledger.append(result_events([Submit(ORDER), FillBooked(FILL, POSITION)], at("09:31"), DAY))
    opened = ledger.rows("positions")
    flat = FillBooked(replace(FILL, fill_id="2", side=Side.SELL), None)
    ledger.append([result_event(flat, at("09:40"), DAY)])

    assert [(row["side"], row["quantity"], row["stop"]) for row in opened] == [("BUY", 250, 98.0)]
    assert ledger.rows("positions") == []


def test_a_refusal_is_recorded_by_its_name_with_value_and_limit() -> None:
    refused = SIGNAL._replace(
        status=SignalStatus.REFUSED, refusal=Refusal.MAX_ENTRIES, value=10.0, limit=10.0
    )
    row = signal_row(refused, DAY)

    assert (row["refusal"], row["value"], row["limit_value"]) == ("max_entries", 10.0, 10.0)


def test_a_minute_carries_its_bars_bit_for_bit() -> None:
    span = span_of([bar("09:15", 100, 101, 99, 100.5)])
    first = span._replace(close_ns=span.close_ns[:1])
    event = minute_event(first, DAY, late=True)

    assert (event.ts_ns, event.kind) == (at("09:16"), EventKind.MINUTE)
    assert event.payload == {"day": DAY, "close_ns": at("09:16"), "bars": 1, "late": True}
    assert np.array_equal(np.frombuffer(event.blob or b"", BAR), span.bars)
