"""What a simulated day is to be, and what the world outside keeps of it: plain values."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from core.ports import FeedItem
from core.session import MINUTE_NS, Session, recorded_session
from core.types import (
    Command,
    Instrument,
    InstrumentId,
    Records,
    SessionClass,
)
from tests.datasets import LIVELY
from tests.faults.tape import Fault, Tape

SYMBOLS = ("ALFA", "BETA", "GAMMA")
INSTRUMENTS = tuple(Instrument(InstrumentId(s), s, SessionClass.CASH) for s in SYMBOLS)
SESSION_MINUTES = 90
FIRST_DAY = 20_660  # Sunday 2026-07-26, so that day 1 is a Monday
NO_DAY = 99_999  # the next day when there is none
SPEED = 60.0  # market seconds per virtual second: a slow disk then costs minutes of market
TERMS = (*LIVELY, "last_entry_minutes=20", "square_off_minutes=10")
SHADOW_TERMS = ("timeframe=5m", "warmup_bars=10", "cooldown_bars=2")
MAX_DAILY_LOSS_PAISE = 90_000  # as in LIVELY
MAX_LIVES = 60
OPERATOR = "simulated"


def session_on(day: int) -> Session:
    """A short day, so that many can be simulated: it opens as any other and closes early."""
    session = recorded_session(day, SessionClass.CASH)
    assert session is not None
    opens_ns = session.open_ns
    return replace(session, parts=((opens_ns, opens_ns + SESSION_MINUTES * MINUTE_NS),), around=())


# --- what is planned -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plot:
    """What befalls one life. `die_at` is a crash point and which passing of it, or a frame."""

    die_at: tuple[str, int] | None = None
    torn: bool = False  # the kill comes inside the commit that was just made
    stop_at_frame: int | None = None  # SIGTERM
    commits: tuple[str, ...] = ()  # how the ledger's commits end, in order (`disk.Disk`)
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A seed, unfolded: days, wire, what befalls each life, and when the operator speaks."""

    seed: int
    tapes: dict[int, Tape]  # by day, in order
    lives: tuple[Plot, ...] = ()  # one after the other; later lives are left in peace
    commands: tuple[tuple[int, Command], ...] = ()  # (close_ns of the Minute before, command)
    store_fails: tuple[tuple[int, int], ...] = ()  # spans of open_ns whose bars it does not take
    on_duckdb: bool = False

    @property
    def days(self) -> tuple[int, ...]:
        return tuple(self.tapes)


# --- what is kept --------------------------------------------------------------------------------


@dataclass(slots=True)
class Shelf:
    """What a market store in memory keeps over a kill: what it had committed."""

    ticks: list[Records] = field(default_factory=list)
    bars: list[tuple[int, Records]] = field(default_factory=list)
    decided: list[tuple[str, Records, Records]] = field(default_factory=list)


@dataclass(slots=True)
class World:
    """Everything outside the process, over all its lives."""

    scenario: Scenario
    directory: Path
    random: np.random.Generator
    faults: list[Fault] = field(default_factory=list)  # those of the process; the tape has its own
    reached: Counter[str] = field(default_factory=Counter)  # crash points, over all lives
    died_at: Counter[str] = field(default_factory=Counter)
    submitted: list[tuple[str, int]] = field(default_factory=list)  # order id, head at that moment
    acknowledged: dict[int, str] = field(default_factory=dict)  # event number: hash
    appended_ns: list[tuple[int, int]] = field(default_factory=list)  # head, market time
    delivered: list[list[FeedItem]] = field(default_factory=list)  # per life
    most_waiting: Counter[str] = field(default_factory=Counter)  # by queue
    shelf: Shelf = field(default_factory=Shelf)
    obeyed: set[int] = field(default_factory=set)  # numbers of commands that were answered
