"""The dated table of NSE trading hours (market.md 2): hours by class, closures, special days.

Literals only, IST, each with its source; `session.py` decides what they mean. A new circular is a
new row here and nowhere else; a row that has ruled a day is never edited afterwards.
"""

from enum import StrEnum
from typing import NamedTuple

from core.types import SessionClass

Window = tuple[str, str]  # IST, closed on the left: ("09:15", "15:30")


class SessionKind(StrEnum):
    """What sort of day a session is."""

    REGULAR = "REGULAR"
    FULL_WEEKEND = "FULL_WEEKEND"
    TWO_PART = "TWO_PART"
    MUHURAT = "MUHURAT"
    OUTAGE = "OUTAGE"
    ALWAYS_OPEN = "ALWAYS_OPEN"


class Phase(StrEnum):
    """Windows of a trading day; only CONTINUOUS makes strategy bars."""

    PRE_OPEN = "PRE_OPEN"
    CONTINUOUS = "CONTINUOUS"
    CLOSING_AUCTION = "CLOSING_AUCTION"
    POST_CLOSE = "POST_CLOSE"


class Hours(NamedTuple):
    """Hours of one class from `first_day` until its next row. None: there is no such window."""

    first_day: str
    continuous: Window
    source: str
    pre_open: Window | None = None
    closing_auction: Window | None = None
    post_close: Window | None = None
    confirmed: bool = True


class SpecialDay(NamedTuple):
    """A day that departs from the weekday rule, for every NSE class; it wins over a closure.

    Empty `parts`: the ordinary hours of the class on that date, held on a day off.
    """

    kind: SessionKind
    source: str
    parts: tuple[Window, ...] = ()
    confirmed: bool = True


# --- cover of live use -------------------------------------------------------------------------

# Closures are known from the first to the last of these days, both included.
FIRST_COVERED_DAY = "2024-01-01"
LAST_COVERED_DAY = "2026-12-31"

# --- hours -------------------------------------------------------------------------------------

_OLD = "market.md 2: NSE cash since the pre-open of 2010-10-18"
_AUCTION = "NSE CMTR73362 of 2026-03-18, CMTR74466 of 2026-05-29, FAOP74467"
_PRE_OPEN = "the same circulars as from 2026-08-03; pre-open: NSE circular of 2026-07-01"
_DECEMBER = "SEBI 2026-10-15 as cited by aion-indian-market-calendar 1.6.0, no other source"

# Until 2010-10-18 only the continuous hours are known, and imported data asks for nothing else.
_CASH_BEFORE_AUCTION = (
    Hours("0001-01-01", ("09:15", "15:30"), "taken for all older data (cli.md 3)"),
    Hours(
        "2010-10-18",
        ("09:15", "15:30"),
        _OLD,
        pre_open=("09:00", "09:15"),
        post_close=("15:40", "16:00"),
    ),
)

# Oldest first. The pre-open ends with its match: from 2026-09-07 orders are taken to 09:10 and
# matched to 09:12; before, they were taken to 09:08 and the rest to 09:15 was match and buffer.
HOURS: dict[SessionClass, tuple[Hours, ...]] = {
    SessionClass.CASH: (
        *_CASH_BEFORE_AUCTION,
        Hours(
            "2026-08-03",
            ("09:15", "15:30"),
            _AUCTION,
            pre_open=("09:00", "09:15"),
            post_close=("15:50", "16:00"),
        ),
        Hours(
            "2026-09-07",
            ("09:15", "15:30"),
            _PRE_OPEN,
            pre_open=("09:00", "09:12"),
            post_close=("15:50", "16:00"),
        ),
    ),
    SessionClass.CASH_AUCTION: (
        *_CASH_BEFORE_AUCTION,
        Hours(
            "2026-08-03",
            ("09:15", "15:15"),
            _AUCTION,
            pre_open=("09:00", "09:15"),
            closing_auction=("15:15", "15:35"),
            post_close=("15:50", "16:00"),
        ),
        Hours(
            "2026-09-07",
            ("09:15", "15:15"),
            _PRE_OPEN,
            pre_open=("09:00", "09:12"),
            closing_auction=("15:15", "15:35"),
            post_close=("15:50", "16:00"),
        ),
        Hours(
            "2026-12-07",
            ("09:15", "15:30"),
            _DECEMBER,
            pre_open=("09:00", "09:12"),
            closing_auction=("15:30", "15:40"),
            post_close=("15:50", "16:00"),
            confirmed=False,
        ),
    ),
    SessionClass.DERIVATIVES: (
        Hours("0001-01-01", ("09:15", "15:30"), "market.md 2: hours of the cash market"),
        Hours("2026-08-03", ("09:15", "15:40"), _AUCTION),
        Hours("2026-12-07", ("09:15", "15:45"), _DECEMBER, confirmed=False),
    ),
}

# --- special days ------------------------------------------------------------------------------

_RECOVERY_PARTS = (("09:15", "10:00"), ("11:30", "12:30"))
_EVENING = (("18:15", "19:15"),)

# "bars" and "daily" as source: the session is in recorded 1m bars or exchange end-of-day files.
SPECIAL_DAYS: dict[str, SpecialDay] = {
    "2015-02-28": SpecialDay(SessionKind.FULL_WEEKEND, "Union Budget; bars of four shares"),
    "2019-10-27": SpecialDay(SessionKind.MUHURAT, "Diwali; daily", _EVENING),
    "2020-02-01": SpecialDay(SessionKind.FULL_WEEKEND, "Union Budget; daily"),
    "2020-11-14": SpecialDay(SessionKind.MUHURAT, "Diwali; daily", _EVENING),
    # Halted at 11:43, resumed in the afternoon; the first part keeps its planned end.
    "2021-02-24": SpecialDay(
        SessionKind.OUTAGE,
        "exchange outage; bars to 11:43 and 15:45-16:59",
        (("09:15", "15:30"), ("15:45", "17:00")),
    ),
    "2021-11-04": SpecialDay(SessionKind.MUHURAT, "Diwali; bars", _EVENING),
    "2022-10-24": SpecialDay(SessionKind.MUHURAT, "Diwali; bars, daily", _EVENING),
    "2023-11-12": SpecialDay(SessionKind.MUHURAT, "Diwali; bars, daily", _EVENING),
    # The broker's sample reply says 09:15-12:30; the bars run the whole day.
    "2024-01-20": SpecialDay(SessionKind.FULL_WEEKEND, "full trading day; bars, daily"),
    "2024-03-02": SpecialDay(
        SessionKind.TWO_PART, "disaster-recovery drill; bars, daily", _RECOVERY_PARTS
    ),
    # Some reports have 11:45-12:40 as its second part; the bars do not.
    "2024-05-18": SpecialDay(
        SessionKind.TWO_PART, "disaster-recovery drill; bars, daily", _RECOVERY_PARTS
    ),
    "2024-11-01": SpecialDay(
        SessionKind.MUHURAT,
        "Diwali; pandas_market_calendars 5.5.0 NSE, daily",
        (("18:00", "19:00"),),
    ),
    "2025-02-01": SpecialDay(SessionKind.FULL_WEEKEND, "Union Budget; general knowledge"),
    "2025-10-21": SpecialDay(
        SessionKind.MUHURAT,
        "Diwali; pandas_market_calendars 5.5.0 NSE",
        (("13:45", "14:45"),),
    ),
    "2026-02-01": SpecialDay(SessionKind.FULL_WEEKEND, "Union Budget; NSE CMTR72349"),
    "2026-11-08": SpecialDay(
        SessionKind.MUHURAT,
        "Diwali; date from NSE FAOP71777, hours from one source only",
        _EVENING,
        confirmed=False,
    ),
}

# --- weekday closures --------------------------------------------------------------------------

# 2024 and 2025: general knowledge, equal to pandas_market_calendars 5.5.0 ("NSE") and
# exchange_calendars 4.13.2 ("XBOM"). 2026: NSE circulars of 2025-12-12 and 2026-01-09 (adds
# 01-15), equal to both as well. A closure with a Muhurat evening stands in both tables.
# fmt: off
WEEKDAY_CLOSURES: frozenset[str] = frozenset({
    "2024-01-22", "2024-01-26", "2024-03-08", "2024-03-25", "2024-03-29", "2024-04-11",
    "2024-04-17", "2024-05-01", "2024-05-20", "2024-06-17", "2024-07-17", "2024-08-15",
    "2024-10-02", "2024-11-01", "2024-11-15", "2024-11-20", "2024-12-25",

    "2025-02-26", "2025-03-14", "2025-03-31", "2025-04-10", "2025-04-14", "2025-04-18",
    "2025-05-01", "2025-08-15", "2025-08-27", "2025-10-02", "2025-10-21", "2025-10-22",
    "2025-11-05", "2025-12-25",

    "2026-01-15", "2026-01-26", "2026-03-03", "2026-03-26", "2026-03-31", "2026-04-03",
    "2026-04-14", "2026-05-01", "2026-05-28", "2026-06-26", "2026-09-14", "2026-10-02",
    "2026-10-20", "2026-11-10", "2026-11-24", "2026-12-25",
})
# fmt: on
