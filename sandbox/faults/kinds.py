"""Everything that can be made to go wrong at the local exchange: the catalogue.

One constant for each fault, with the name that a person types and what may follow it. Says nothing
of when a fault is on (`faults.py`) nor of how it is done (wherever the constant is asked for).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Amount:
    """A number after the name."""

    default: float
    unit: str
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Word:
    """A word after the name: one of `offered`, or any where none is."""

    default: str
    offered: tuple[str, ...] = ()
    told: str = ""  # what stands for it in a list


@dataclass(frozen=True, slots=True)
class Kind:
    """One fault. `reports`: the field reports that it stands for, e.g. F1; empty for none."""

    name: str
    reports: str
    says: str
    value: Amount | Word | None = None


CATALOGUE: dict[str, Kind] = {}


def _kind(name: str, reports: str, says: str, value: Amount | Word | None = None) -> Kind:
    assert name not in CATALOGUE
    CATALOGUE[name] = Kind(name, reports, says, value)
    return CATALOGUE[name]


def _seconds(default: float) -> Amount:
    return Amount(default, "s", 0.25, 3_600.0)


def _share(default: float) -> Amount:
    return Amount(default, "share", 0.0, 1.0)


# --- connections of the feed: seconds are those of the market ------------------------------------

DROP = _kind("drop", "F1 F22", "the line is cut (1006) so long after it was opened", _seconds(60))
CLOSE = _kind(
    "close",
    "",
    "the connection is closed with this code a minute after it was opened",
    Word("1011", ("1000", "1001", "1008", "1009", "1011", "1012", "1013")),
)
REFUSE = _kind("refuse", "", "a connection is cut before it is answered")
HANG = _kind("hang", "F2", "a handshake is never answered")
FREEZE = _kind("freeze", "F2", "connected, then nothing: no frame, no answer, no pong")
MUTE = _kind("mute", "F10", "subscriptions are taken and nothing is told; pings go on")
FORBID = _kind("forbid", "F4", "authorize says yes, the handshake 403")
FORBID_FIRST = _kind(
    "forbid-first", "F13", "so many handshakes 403, then all is well", Amount(5, "", 1, 10_000)
)
SLOW_HANDSHAKE = _kind("slow-handshake", "F11", "the 101 comes so much later", _seconds(3))
CONNECTIONS = _kind(
    "connections", "F26", "one connection more than so many: 403", Amount(1, "", 0, 100)
)
ASTRAY = _kind("astray", "", "the authorised address leads nowhere")
LAG = _kind("lag", "", "everything is told so much later", _seconds(3))

# --- what is subscribed, and what the market does ------------------------------------------------

IGNORE = _kind(
    "ignore",
    "F16",
    "these symbols are ignored in a subscription; the last of each where none is named",
    Word("", (), "A+B"),
)
FAILED = _kind(
    "failed", "F26", "more keys than so many: refused by a text frame", Amount(0, "", 0, 5_000)
)
OUTAGE = _kind(
    "outage", "F19", "the feed tells nothing of this segment, or of this symbol", Word("NSE_EQ")
)
QUIET = _kind("quiet", "F9", "nothing trades: pings only")
HALT = _kind("halt", "", "market info says that the market is closed")

# --- frames --------------------------------------------------------------------------------------

OMIT = _kind("omit", "F12", "packets of depth alone, and packets without depth", _share(0.3))
CONFLATE = _kind("conflate", "F24", "a frame in so much time", _seconds(2))
GHOST = _kind(
    "ghost", "F24", "so long after a reconnect the old connection still sends, late", _seconds(30)
)
REPEAT_SNAPSHOT = _kind(
    "repeat-snapshot", "F23", "a snapshot comes so many times", Amount(3, "", 2, 100)
)
DUPLICATE = _kind("duplicate", "", "frames that come twice", _share(0.05))
REORDER = _kind("reorder", "", "frames that come after the next one", _share(0.05))
LATE = _kind("late", "", "a frame in twenty comes so much later", _seconds(30))
TRUNCATE = _kind("truncate", "", "frames cut off in the middle", _share(0.01))
FLIP_BITS = _kind("flip-bits", "", "frames with three bits flipped", _share(0.01))
OVERSIZE = _kind("oversize", "", "every minute a frame of so many MB", Amount(2, "MB", 0.1, 64))
UNKNOWN = _kind("unknown", "", "fields and modes of a later version")
STRANGER = _kind("stranger", "", "frames with an instrument that was never subscribed")
BAD_PRICE = _kind(
    "bad-price",
    "",
    "a frame in twenty comes first with an impossible price",
    Word("zero", ("zero", "negative", "tenfold", "nan")),
)
VOLUME_BACK = _kind("volume-back", "", "after a frame one whose volume has fallen", _share(0.05))

# --- REST ----------------------------------------------------------------------------------------

HTML = _kind("html", "F7", "a page instead of JSON", Word("403", ("403", "429", "502")))
THROTTLE = _kind("throttle", "", "429 to every question")
EXPIRE = _kind(
    "expire",
    "F8",
    "tokens end and their connections are cut; this one is taken then, or one of a new login",
    Word("", (), "TOKEN"),
)
STALE_INTRADAY = _kind("stale-intraday", "F17", "intraday candles of the last working day")
PERTURB = _kind("perturb", "F18", "intraday candles that differ from historical ones", _share(0.1))
NO_MASTER = _kind("no-master", "F20", "403 instead of the list of instruments")

DATA_FAULTS = tuple(CATALOGUE.values())

# --- order calls: place, modify and cancel, which have a host of their own -----------------------

UNANSWERED = _kind(
    "unanswered",
    "F15",
    "so many order calls are taken and never answered",
    Amount(1, "", 1, 10_000),
)
LATE_ANSWER = _kind("late-answer", "F15", "order calls are answered so much later", _seconds(10))
ORDER_ANSWER = _kind(
    "order-answer",
    "F19",
    "order calls are answered with this; all but the first are taken all the same",
    Word("500", ("500", "taken-500", "taken-html", "taken-empty", "taken-wrong-id")),
)
ORDER_401 = _kind("order-401", "F5", "401 to order calls, all else works")
ORDER_429 = _kind("order-429", "", "429 to order calls, all else works")
BLACK_HOLE = _kind("black-hole", "F6", "order calls are neither taken nor answered")

# --- the book and the stream of updates ----------------------------------------------------------

MUTE_UPDATES = _kind("mute-updates", "F3", "the stream of updates tells nothing")
DROP_UPDATES = _kind(
    "drop-updates", "F3", "the stream is cut so long after it was opened", _seconds(60)
)
LATE_UPDATES = _kind("late-updates", "F3", "updates come so much later", _seconds(10))
DOUBLE_UPDATES = _kind("double-updates", "F14", "every update comes twice")
LOST_ACK = _kind("lost-ack", "", "that an order is open is never told")
ACK_AFTER_FILL = _kind("ack-after-fill", "", "that an order was open is told after its end")
STALE_BOOK = _kind(
    "stale-book", "F3", "orders and trades are read as they were so long before", _seconds(30)
)

# --- what becomes of orders ----------------------------------------------------------------------

REJECT = _kind(
    "reject",
    "F25",
    "every order is rejected with this text",
    Word("funds", ("funds", "band", "freeze", "closed", "intraday")),
)
PARTIAL = _kind("partial", "", "an order trades in so many parts at least", Amount(3, "", 2, 1_000))
OVERFILL = _kind(
    "overfill", "", "an order trades so many shares too much", Amount(1, "", 1, 10_000)
)
FILL_CANCELLED = _kind(
    "fill-cancelled", "", "so long after its cancel an order trades", _seconds(1)
)
CANCEL_UNASKED = _kind(
    "cancel-unasked",
    "F21",
    "so long after it was opened an order is cancelled unasked",
    _seconds(5),
)
SQUARE_OFF = _kind("square-off", "F21", "the broker closes intraday positions when this begins")
BY_HAND = _kind(
    "by-hand",
    "",
    "when this begins so many of the first share are bought by another hand",
    Amount(10, "shares", 1, 100_000),
)
