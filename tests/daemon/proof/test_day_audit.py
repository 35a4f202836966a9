"""In the evening the stored bars of a day are held against the broker's candles."""

import asyncio

import numpy as np
import structlog

from core.audit import BarAudit
from core.session import MINUTE_NS, SECOND_NS, recorded_session
from core.types import BAR, Instrument, InstrumentId, Records, SessionClass
from daemon.clocks import VirtualClock
from daemon.proof import day_audit
from daemon.proof.day_audit import Witness, audit_day
from providers.candles import KnownCandles
from tests.market import DAY

SESSION = recorded_session(DAY, SessionClass.CASH)
assert SESSION is not None
INSTRUMENTS = [Instrument(InstrumentId(s), s, SessionClass.CASH) for s in "ABC"]
SESSIONS = [SESSION, SESSION, None]
COUNTS = ("equal", "differ", "missing")


def days_bars(minutes: int = 375) -> Records:
    bars: Records = np.zeros(3 * minutes, BAR)
    assert SESSION is not None
    bars["open_ns"] = np.repeat(SESSION.open_ns + MINUTE_NS * np.arange(minutes), 3)
    bars["instrument"] = np.tile(np.arange(3), minutes)
    for name in ("open", "high", "low", "close"):
        bars[name] = 100.0
    return bars


def audited(ours: Records, theirs: Records) -> dict[str, BarAudit]:
    assert SESSION is not None
    clock = VirtualClock(SESSION.close_ns + 60 * SECOND_NS)
    witness = Witness(DAY, {}, KnownCandles(clock, lambda: theirs))
    asyncio.run(audit_day(witness, ours, INSTRUMENTS, SESSIONS))
    return witness.audits


def test_a_day_that_is_equal_is_so_for_every_bar_with_a_session() -> None:
    audits = audited(days_bars(), days_bars())

    assert (750, 0, 0) == tuple(getattr(audits["candles"], one) for one in COUNTS)
    assert {"candles"} == day_audit.told(audits).keys()
    assert ["candles: 750 equal, 0 differ, 0 missing"] == day_audit.lines(audits)


def test_what_differs_is_counted_and_the_first_of_it_told() -> None:
    theirs = days_bars()
    theirs["high"][[4, 7]] = 100.25
    with structlog.testing.capture_logs() as logs:
        audits = audited(days_bars()[:-30], theirs)
    [line] = [log for log in logs if log["event"] == "bars_differ"]

    assert ("candles", "B", "high", 100.0, 100.25) == tuple(
        line[name] for name in ("against", "instrument", "field", "ours", "theirs")
    )
    assert (728, 2, 20) == tuple(getattr(audits["candles"], one) for one in COUNTS)


def test_candles_outside_the_session_are_nobodys() -> None:
    theirs = np.concatenate([days_bars(), days_bars(380)[-15:]]).view(BAR)

    assert 0 == audited(days_bars(), theirs)["candles"].missing


def test_candles_of_another_day_say_nothing_of_this_one() -> None:
    theirs = days_bars()
    theirs["open_ns"] -= 24 * 60 * MINUTE_NS

    assert 0 == audited(days_bars(), theirs)["candles"].compared


def test_without_candles_there_is_nothing_to_be_held_against() -> None:
    witness = Witness(DAY, {}, None)
    asyncio.run(audit_day(witness, days_bars(), INSTRUMENTS, SESSIONS))

    assert {} == witness.audits
    assert [] == day_audit.lines(witness.audits)
