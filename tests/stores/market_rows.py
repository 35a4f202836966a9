"""Instruments, ticks, bars and decisions for the tests of the market store."""

import numpy as np

from core.types import (
    BAR,
    STRATEGY_BAR,
    TICK,
    Instrument,
    InstrumentId,
    Records,
    SessionClass,
    record,
)

MINUTE_NS = 60_000_000_000
DAY = 20_657  # 2026-07-23
DAY_NS = 86_400_000_000_000
OPEN_NS = DAY * DAY_NS + 225 * MINUTE_NS  # 09:15 IST

TCS = Instrument(InstrumentId("NSE_EQ|INE467B01029"), "TCS", SessionClass.CASH_AUCTION)
INFY = Instrument(InstrumentId("NSE_EQ|INE009A01021"), "INFY", SessionClass.CASH)
ETH = Instrument(InstrumentId("ETHUSDT"), "ETHUSDT", SessionClass.ALWAYS_OPEN)
INSTRUMENTS = (TCS, INFY, ETH)


def bars(*rows: tuple[int, int, float], day: int = DAY, quality: int = 0) -> Records:
    """BAR rows of (instrument number, minute of the session, close)."""
    made = np.zeros(len(rows), BAR)
    for place, (number, minute, close) in enumerate(rows):
        made[place] = (
            number,
            quality,
            OPEN_NS + (day - DAY) * DAY_NS + minute * MINUTE_NS,
            close - 0.5,
            close + 1.0,
            close - 1.0,
            close,
            1_000 + minute,
        )
    return made


def ticks(count: int, first_seq: int = 0) -> Records:
    made = np.zeros(count, TICK)
    seq = first_seq + np.arange(count)
    made["instrument"] = seq % len(INSTRUMENTS)
    made["connection"] = 1
    made["exch_ns"] = OPEN_NS + seq * 1_000_000 - seq % 7
    made["recv_ns"] = OPEN_NS + seq * 1_000_000
    made["price"] = 100.0 + seq / 20
    made["quantity"] = -1
    made["volume"] = seq * 10
    made["seq"] = seq
    return made


DECISION = record(
    [
        ("count", "i1"),
        ("kind", "i1", (4,)),
        ("side", "i1", (4,)),
        ("status", "i1"),
        ("refusal", "i1"),
        ("close", "f8"),
        ("atr", "f8"),
        ("vwap", "f8"),
        ("confidence", "f8"),
        ("value", "f8"),
        ("limit", "f8"),
        ("quantity", "i8"),
        ("features", "f8", (2,)),
        ("gate_value", "f8", (3,)),
        ("gate_threshold", "f8", (3,)),
        ("gate_passed", "?", (3,)),
    ]
)


def decisions(count: int) -> tuple[Records, Records]:
    """Strategy bars of the second instrument and what a strategy made of them."""
    closed, decided = np.zeros(count, STRATEGY_BAR), np.zeros(count, DECISION)
    closed["instrument"] = 1
    closed["open_ns"] = OPEN_NS + np.arange(count) * 15 * MINUTE_NS
    closed["close_ns"] = closed["open_ns"] + 15 * MINUTE_NS
    closed["close"] = 100.0 + np.arange(count)
    closed["day"] = DAY
    decided["count"] = 1
    decided["kind"][:, 0] = 2
    decided["atr"] = 2.0
    decided["vwap"] = np.nan
    decided["limit"] = 500.0
    decided["features"] = [0.25, np.nan]
    decided["gate_value"][:, 1] = np.arange(count)
    decided["gate_passed"][:, 2] = True
    return closed, decided
