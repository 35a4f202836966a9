"""Why a day on paper and its backtest differ: row by row, each difference with its cause.

Pure. A cause is named only where the day was given something that explains the difference, else it
is `unexplained`, which is for a person. What comes after a difference may follow from it: an
account that entered once more or less has other cash, limits and cooldowns from then on.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from core.session import ist_text
from core.types import Refusal

Row = Mapping[str, object]
Key = tuple[object, ...]

SIGNAL_KEY = ("bar_close_ns", "strategy", "instrument", "bar_open_ns", "kind", "side")
SIGNAL_VALUES = ("status", "refusal", "close", "atr", "vwap")
TRADE_KEY = ("signal_bar_open_ns", "strategy", "instrument", "kind", "side")
TRADE_VALUES = (
    *("quantity", "entry_ns", "entry_price", "exit_ns", "exit_price", "exit_reason"),
    *("bars_held", "gross_paise", "fees_paise", "net_paise", "mae", "mfe"),
)


class Cause(StrEnum):
    """What the paper day had that a backtest of its bars does not."""

    OPERATOR = "operator"  # a command: halt, reduce, flatten; also a failed readiness
    DOUBT = "doubt"  # of feed, clock or instrument: entries were off
    GAP = "gap"  # minutes without a bar, or with a part of one
    LATE = "late"  # Minutes handled too late to act on
    OFF = "off"  # the strategy raised and was switched off: no backtest runs it either
    OBSERVE = "observe"  # everything was decided, nothing sent
    BREAKER = "breaker"  # of a live book: latched by what a broker told, or did not
    FILLS = "fills"  # a broker's: at other prices and times than paper's, in parts, or none
    HOURS = "hours"  # a session that recorded data does not have: unconfirmed, accepted
    SETUP = "setup"  # another configuration or version took the day over in its middle
    WARM_UP = "warm-up"  # the history is not what the day was opened with any more
    CARRIED = "carried"  # cash, cooldown or a position, over the night
    FOLLOWS = "follows"  # from an earlier difference of the day
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A stretch of the day in which an instrument was in doubt; None: all were."""

    after_ns: int
    through_ns: int
    instrument: str | None

    def covers(self, now_ns: int, instrument: object) -> bool:
        known = self.instrument is None or self.instrument == instrument
        return known and self.after_ns < now_ns <= self.through_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a day was given besides its bars. Times are when each began to matter."""

    open_ns: int = 0
    commands_ns: Sequence[int] = ()
    doubts: Sequence[Doubtful] = ()
    late_ns: Sequence[int] = ()  # closes of Minutes handled late
    gaps_ns: Mapping[str, int] = field(default_factory=dict)  # instrument: its first gap
    off: frozenset[str] = frozenset()  # strategies
    tripped_ns: Sequence[int] = ()  # when a broker told what halts the account
    is_told: bool = False  # by a broker, what was filled
    observes: bool = False
    never_closes: bool = False
    other_hours: bool = False
    other_history: bool = False
    other_setup: bool = False
    carries: bool = False

    def told(self) -> dict[str, object]:
        """As it stands in the report."""
        return {
            "commands": len(self.commands_ns),
            "doubts": len(self.doubts),
            "late_minutes": len(self.late_ns),
            "instruments_with_gaps": sorted(self.gaps_ns),
            "strategies_off": sorted(self.off),
            "breakers_tripped": len(self.tripped_ns),
            "fills_are_told": self.is_told,
            "observes": self.observes,
            "other_hours": self.other_hours,
            "other_history": self.other_history,
            "other_setup": self.other_setup,
            "carries": self.carries,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not the same on both sides; "-" where a side has none."""

    at_ns: int
    what: str  # signal or trade
    strategy: str
    instrument: str
    paper: str
    backtest: str
    cause: Cause

    def text(self, side: str = "paper") -> str:
        """In a line; `side` names who traded the day."""
        return (
            f"{ist_text(self.at_ns)[11:16]} {self.instrument} {self.strategy} {self.what}:"
            f" {side} {self.paper}, backtest {self.backtest} ({self.cause})"
        )


def differences(
    paper: Mapping[str, Sequence[Row]], backtest: Mapping[str, Sequence[Row]], given: Given
) -> list[Difference]:
    """Every difference of "signals" and "trades", in order of time."""
    found: list[Difference] = []
    signals = list(_unequal(paper["signals"], backtest["signals"], SIGNAL_KEY, SIGNAL_VALUES))
    trades = list(_unequal(paper["trades"], backtest["trades"], TRADE_KEY, TRADE_VALUES))
    said = {_trade_key(one.row) for one in signals}
    for one in sorted([*signals, *trades], key=lambda one: (one.at_ns, one.what)):
        direct = _of_signal(one, given) if one.what == "signal" else _of_trade(one, given, said)
        found.append(
            Difference(
                at_ns=one.at_ns,
                what=one.what,
                strategy=str(one.row["strategy"]),
                instrument=str(one.row["instrument"]),
                paper=one.told(one.paper),
                backtest=one.told(one.backtest),
                cause=direct or _of_account(given, follows=bool(found)),
            )
        )
    return found


def tally(found: Sequence[Difference]) -> dict[str, int]:
    """How many differences each cause made, the most frequent first."""
    return {str(cause): count for cause, count in Counter(one.cause for one in found).most_common()}


# --- causes --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """The two sides of one key; `changed`: the first column that is not equal."""

    what: str
    at_ns: int
    paper: Row | None
    backtest: Row | None
    changed: str

    @property
    def row(self) -> Row:
        row = self.paper or self.backtest
        assert row is not None
        return row

    def told(self, side: Row | None) -> str:
        if side is None:
            return "-"
        if self.what == "trade":
            net = int(str(side["net_paise"])) / 100
            return (
                f"{side['side']} {side['quantity']} @ {side['entry_price']}"
                f" to {side['exit_price']} {side['exit_reason']}, Rs {net:,.2f}"
            )
        refusal = f" {side['refusal']}" if side["refusal"] else ""
        other = self.changed not in ("", "status", "refusal")
        value = f" {self.changed} {side[self.changed]}" if other else ""
        return f"{side['kind']} {side['side']} {side['status']}{refusal}{value}"


def _of_signal(one: Pair, given: Given) -> Cause | None:
    if one.row["strategy"] in given.off:
        return Cause.OFF
    refusal = one.paper["refusal"] if one.paper is not None else None
    if refusal == "late":
        return Cause.LATE
    if refusal == "gap":
        return Cause.GAP
    if refusal == "observe":
        return Cause.OBSERVE
    if refusal == "state":
        if any(doubt.covers(one.at_ns, one.row["instrument"]) for doubt in given.doubts):
            return Cause.DOUBT
        return _since(given.commands_ns, one.at_ns, Cause.OPERATOR) or _since(
            given.tripped_ns, one.at_ns, Cause.BREAKER
        )
    if refusal is not None and Refusal[str(refusal).upper()] > Refusal.OBSERVE:
        return Cause.BREAKER  # those behind it are asked of a live book alone
    if one.changed in ("status", "refusal"):
        return None  # the same event, answered by another state of the account
    return _of_bars(one, given)


def _of_trade(one: Pair, given: Given, said: set[Key]) -> Cause | None:
    """`said`: keys of signals that differ; their trades follow from them."""
    paper, row = one.paper, one.row
    if paper is not None and int(str(paper["entry_ns"])) < given.open_ns:
        return Cause.CARRIED
    if row["strategy"] in given.off:
        return Cause.OFF
    if given.never_closes and one.backtest is not None and one.backtest["exit_reason"] == "FORCED":
        return Cause.CARRIED  # its data ends at midnight, the position does not
    if _trade_key(row) in said:
        return None
    # Without a paper trade an ACTED entry was taken back: by an operator, or by a real broker.
    is_out_early = paper is None or paper["exit_reason"] == "FLATTEN"
    until_ns = int(str(row["exit_ns"]))
    if is_out_early and (cause := _since(given.commands_ns, until_ns, Cause.OPERATOR)):
        return cause
    if given.is_told:
        return Cause.FILLS
    if not is_out_early and one.changed == "quantity":
        return None
    return _of_bars(one, given) or _since(given.late_ns, until_ns, Cause.LATE)


def _of_bars(one: Pair, given: Given) -> Cause | None:
    """What a strategy or the exchange saw was not the same."""
    until_ns = int(str(one.row.get("exit_ns", one.at_ns)))
    gap_ns = given.gaps_ns.get(str(one.row["instrument"]))
    if gap_ns is not None and gap_ns < until_ns:
        return Cause.GAP
    if given.other_hours:
        return Cause.HOURS
    if given.other_setup:
        return Cause.SETUP
    return Cause.WARM_UP if given.other_history else None


def _of_account(given: Given, *, follows: bool) -> Cause:
    """The account stood otherwise: for an earlier difference, or from the beginning."""
    if follows:
        return Cause.FOLLOWS
    if given.other_setup:
        return Cause.SETUP
    return Cause.CARRIED if given.carries else Cause.UNEXPLAINED


def _since(times_ns: Sequence[int], now_ns: int, cause: Cause) -> Cause | None:
    return cause if any(one <= now_ns for one in times_ns) else None


# --- rows ----------------------------------------------------------------------------------------


def _unequal(
    paper: Sequence[Row], backtest: Sequence[Row], key: Sequence[str], values: Sequence[str]
) -> Iterator[Pair]:
    """The pairs of one table that differ. A key that stands twice is paired in its order."""
    what = "signal" if key is SIGNAL_KEY else "trade"
    ours, theirs = _numbered(paper, key), _numbered(backtest, key)
    for one in [*ours, *(one for one in theirs if one not in ours)]:
        left, right = ours.get(one), theirs.get(one)
        changed = ""
        if left is not None and right is not None:
            changed = next((name for name in values if left[name] != right[name]), "")
            if not changed:
                continue
        row = left or right
        assert row is not None
        at_ns = int(str(row["bar_close_ns" if what == "signal" else "entry_ns"]))
        yield Pair(what, at_ns, left, right, changed)


def _numbered(rows: Sequence[Row], key: Sequence[str]) -> dict[Key, Row]:
    count: Counter[Key] = Counter()
    numbered: dict[Key, Row] = {}
    for row in rows:
        one = tuple(row[name] for name in key)
        numbered[*one, count[one]] = row
        count[one] += 1
    return numbered


def _trade_key(row: Row) -> Key:
    bar_ns = row["signal_bar_open_ns"] if "signal_bar_open_ns" in row else row["bar_open_ns"]
    return (bar_ns, *(row[name] for name in TRADE_KEY[1:]))
