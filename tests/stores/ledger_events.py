"""Ledger events of one small round trip, as the daemon writes them."""

from core.ports import EventKind, LedgerEvent

DAY = 20_657  # 2026-07-23
DAY_NS = 86_400_000_000_000
OPEN_NS = DAY * DAY_NS + 3 * 3_600_000_000_000 + 45 * 60_000_000_000  # 09:15 IST
MINUTE_NS = 60_000_000_000

POSITION: dict[str, object] = {
    "strategy": "pixity",
    "instrument": "RELIANCE",
    "side": "BUY",
    "quantity": 250,
    "entry_price": 100.05,
    "stop": 98.0,
    "target": 104.0,
    "entry_ns": OPEN_NS + MINUTE_NS,
    "signal_id": "a" * 64,
    "book": "main",
}


def event(kind: EventKind, key: str = "", /, **payload: object) -> LedgerEvent:
    return LedgerEvent(OPEN_NS, kind, key, payload)


def minute(number: int, blob: bytes = b"bars") -> LedgerEvent:
    close_ns = OPEN_NS + number * MINUTE_NS
    return LedgerEvent(close_ns, EventKind.MINUTE, str(close_ns), {"late": False}, blob)


def signal(**changes: object) -> LedgerEvent:
    payload: dict[str, object] = {
        "strategy": "pixity",
        "instrument": "RELIANCE",
        "kind": "TREND",
        "side": "BUY",
        "bar_open_ns": OPEN_NS,
        "bar_close_ns": OPEN_NS + 15 * MINUTE_NS,
        "close": 100.0,
        "atr": 2.0,
        "vwap": float("nan"),
        "status": "ACTED",
        "refusal": None,
        "signal_id": "a" * 64,
        "confidence": 0.5,
        "value": float("nan"),
        "limit_value": float("nan"),
        "quantity": 250,
        "day": DAY,
        "book": "main",
    }
    row = payload | changes
    return event(EventKind.SIGNAL, "signal", names=list(row), rows=[list(row.values())])


def order(state: str = "INTENDED", role: str = "E", **changes: object) -> LedgerEvent:
    order_id = f"{'a' * 24}-{role}"
    payload: dict[str, object] = {
        "order_id": order_id,
        "signal_id": "a" * 64,
        "strategy": "pixity",
        "instrument": "RELIANCE",
        "role": role,
        "type": "MARKET",
        "side": "BUY",
        "quantity": 250,
        "price": 0.0,
        "state": state,
        "created_ns": OPEN_NS,
        "updated_ns": OPEN_NS,
        "day": DAY,
        "book": "main",
    }
    return event(EventKind.ORDER, order_id, **(payload | changes))


def fill(role: str = "E", fill_id: str = "1", **changes: object) -> LedgerEvent:
    payload: dict[str, object] = {
        "order_id": f"{'a' * 24}-{role}",
        "fill_id": fill_id,
        "instrument": "RELIANCE",
        "side": "BUY",
        "quantity": 250,
        "price": 100.05,
        "value_paise": 2_501_250,
        "fees_paise": 3_034,
        "ts_ns": OPEN_NS + MINUTE_NS,
        "day": DAY,
        "book": "main",
    }
    return event(EventKind.FILL, fill_id, **(payload | changes))


def trade(**changes: object) -> LedgerEvent:
    payload: dict[str, object] = {
        "strategy": "pixity",
        "instrument": "RELIANCE",
        "side": "BUY",
        "quantity": 250,
        "signal_id": "a" * 64,
        "kind": "TREND",
        "signal_bar_open_ns": OPEN_NS,
        "entry_ns": OPEN_NS + MINUTE_NS,
        "entry_price": 100.05,
        "exit_ns": OPEN_NS + 5 * MINUTE_NS,
        "exit_price": 104.0,
        "exit_reason": "TARGET",
        "bars_held": 0,
        "gross_paise": 98_750,
        "fees_paise": 8_268,
        "net_paise": 90_482,
        "r": 1.80964,
        "mae": 0.5,
        "mfe": 3.95,
        "day": DAY,
        "book": "main",
    }
    return event(EventKind.TRADE, "trade", **(payload | changes))


def round_trip() -> list[list[LedgerEvent]]:
    """The steps of a day with one trade: each list is one append."""
    return [
        [event(EventKind.RUN_START, "paper")],
        [minute(1), signal(), order()],
        [order("FILLED"), fill(position=POSITION), order(role="S")],
        [minute(2, b"")],
        [minute(3), order("FILLED", role="S"), fill("S", side="SELL", position=None), trade()],
        [event(EventKind.DAY_CLOSED, "day")],
    ]
