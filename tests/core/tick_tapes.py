"""Ticks as tests write them: seconds after the open, price, volume of the day."""

from collections.abc import Sequence

import numpy as np

from core.minutes import BarBuilder, ClosedMinute
from core.session import MINUTE_NS, SECOND_NS, Session, live_session, parse_day
from core.types import TICK, Records, SessionClass

DAY = parse_day("2026-08-05")


def session_of(session_class: SessionClass, day: int = DAY) -> Session:
    session = live_session(day, session_class)
    assert session is not None
    return session


CASH = session_of(SessionClass.CASH)  # 09:15 to 15:30
AUCTION = session_of(SessionClass.CASH_AUCTION)  # 09:15 to 15:15
OPEN_NS = CASH.open_ns
SNAPSHOT_NS = OPEN_NS + 10 * MINUTE_NS  # where tests of a running day connect

Row = tuple[float, float, int]  # seconds after 09:15, price, volume of the day


def ticks_of(
    rows: Sequence[Row], *, instrument: int = 0, quantity: int = 1, delay_s: float = 0.1
) -> Records:
    ticks: Records = np.zeros(len(rows), TICK)
    for tick, (after_s, price, volume) in zip(ticks, rows, strict=True):
        tick["instrument"] = instrument
        tick["exch_ns"] = OPEN_NS + round(after_s * SECOND_NS)
        tick["recv_ns"] = tick["exch_ns"] + round(delay_s * SECOND_NS)
        tick["price"], tick["quantity"], tick["volume"] = price, quantity, volume
    return ticks


def one_tick(after_s: float, price: float = 100.0, volume: int = 1, **fields: object) -> Records:
    tick = ticks_of([(after_s, price, volume)])
    for name, value in fields.items():
        tick[name] = value
    return tick


def builder(sessions: Sequence[Session | None] = (CASH,), *, up_s: float = -60.0) -> BarBuilder:
    built = BarBuilder(sessions)
    built.feed_up(OPEN_NS + round(up_s * SECOND_NS))
    return built


def at(after_s: float) -> int:
    return OPEN_NS + round(after_s * SECOND_NS)


def bar_of(minute: ClosedMinute, instrument: int = 0) -> tuple[float, float, float, float, int]:
    bar = minute.bars[minute.bars["instrument"] == instrument][0]
    return bar.open, bar.high, bar.low, bar.close, bar.volume


def first_minute(built: BarBuilder) -> ClosedMinute:
    built.close_through(at(62))
    return built.take_minutes()[0]
