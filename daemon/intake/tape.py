"""What the bar builder was told and when, beside the ticks, so that its life can be run again.

Decides what a Minute's publication says of itself in the ledger: every operation between two ticks
with its place among the stored ticks of the day, and a digest of the ticks themselves. Builds no
bar and judges no tick: `BarBuilder` does.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np

from core.bands import NO_BAND
from core.errors import InvariantBroken
from core.minutes import BarBuilder, ClosedMinute
from core.repair import Given, repaired
from core.session import MINUTE_NS, Session
from core.types import BAR, Bools, Float64s, Int64s, Records

Mark = list[object]  # [operation, ticks of the day before it, its arguments ...]
Publication = dict[str, object]  # marks, ticks, digest: in the payload of the MINUTE
CANDLE = ["instrument", "open", "high", "low", "close", "volume"]  # the rest follows


class TapedMinute(NamedTuple):
    """A finished Minute and how it came about."""

    minute: ClosedMinute
    publication: Publication


class Tape:
    """A BarBuilder that notes whatever it is told; used in its place.

    Args:
        ticks_before: ticks of the day that an earlier process has stored; ours are counted on.
    """

    def __init__(self, builder: BarBuilder, ticks_before: int = 0) -> None:
        self._builder = builder
        self._ticks = ticks_before
        self._digest = sha256()
        self._marks: list[Mark] = []
        self._note("begin", builder.after_ns, builder.grace_ns)

    def limit_prices(self, bands: Float64s) -> None:
        """Not noted where there is no band: most days have none."""
        told = [[low, high] if high < np.inf else None for low, high in bands.tolist()]
        if any(told):
            self._note("limit_prices", told)
            self._builder.limit_prices(bands)

    def know_ticks(self, ticks_paise: Sequence[int]) -> None:
        """Not noted where none is known: that of recorded data is not."""
        if any(ticks_paise):
            self._note("know_ticks", list(ticks_paise))
            self._builder.know_ticks(ticks_paise)

    def feed_up(self, now_ns: int, instruments: Sequence[int] = ()) -> None:
        self._note("feed_up", now_ns, *_named(instruments))
        self._builder.feed_up(now_ns, instruments)

    def feed_down(self, instruments: Sequence[int] = ()) -> None:
        self._note("feed_down", *_named(instruments))
        self._builder.feed_down(instruments)

    def add(self, ticks: Records) -> None:
        """Whoever calls this hands the same ticks to the store, in the same order."""
        self._digest.update(tick_bytes(ticks))
        self._ticks += len(ticks)
        self._builder.add(ticks)

    def count_strangers(self, ticks: Records) -> None:
        """Ticks of instruments that were never subscribed: in no bar and in no store."""
        self._builder.add(ticks)

    def close_through(self, now_ns: int, *, gap: bool = False) -> None:
        self._note("close_through", now_ns, gap)
        self._builder.close_through(now_ns, gap=gap)

    def end_session(self, *, gap: bool = False) -> None:
        self._note("end_session", gap)
        self._builder.end_session(gap=gap)

    def take_minutes(self) -> list[TapedMinute]:
        """As the builder's; of Minutes taken together the first one tells how."""
        taken = []
        for minute in self._builder.take_minutes():
            publication: Publication = {
                "marks": self._marks,
                "ticks": self._ticks,
                "digest": self._digest.hexdigest(),
            }
            self._marks, self._digest = [], sha256()
            taken.append(TapedMinute(minute, publication))
        return taken

    def in_session(self, now_ns: int) -> Bools:
        return self._builder.in_session(now_ns)

    @property
    def counts(self) -> dict[str, int]:
        return self._builder.counts

    @property
    def counts_by_instrument(self) -> Int64s:
        return self._builder.counts_by_instrument

    def _note(self, operation: str, *arguments: object) -> None:
        self._marks.append([operation, self._ticks, *arguments])


def _named(instruments: Sequence[int]) -> list[list[int]]:
    """As the last argument of a mark; none where all are meant."""
    return [list(instruments)] if instruments else []


def given_mark(given: Given) -> Publication:
    """What a publication says of the broker's candles: they are taken as given."""
    if not given.holds:
        return {}
    return {"candles": given.candles[CANDLE].tolist(), "quiet": list(given.quiet)}


def tick_bytes(ticks: Records) -> bytes:
    """What a digest covers: the rows as they are, but one NaN for all of them."""
    unknown = np.isnan(ticks["price"])
    if unknown.any():
        ticks = ticks.copy()
        ticks["price"][unknown] = np.nan
    return ticks.tobytes()


def digest_of(ticks: Records) -> str:
    """The digest of a publication whose ticks are these."""
    return sha256(tick_bytes(ticks)).hexdigest()


# --- the other way round -------------------------------------------------------------------------


class Replayed(NamedTuple):
    """What one publication gives when the tape is run again."""

    first_tick: int  # its ticks are those from here ...
    end_tick: int  # ... up to here, among the ticks of the day
    minute: ClosedMinute | None  # None: the builder had not finished another one by then


def replayed(
    sessions: Sequence[Session | None], publications: Sequence[Publication], ticks: Records
) -> Iterator[Replayed]:
    """The Minutes of a day out of its ticks, and of nothing but these.

    Args:
        sessions: one per instrument.
        publications: as recorded, in order.
        ticks: TICK rows of the day as stored, in order.
    """
    builder, place = BarBuilder(sessions), 0
    waiting: list[ClosedMinute] = []
    for publication in publications:
        first = place
        for operation, before, *arguments in _marks_of(publication):
            if operation == "begin":
                after_ns, grace_ns = arguments
                builder = BarBuilder(sessions, grace_ns=grace_ns, after_ns=after_ns)
                first = place = before
                waiting = []
            builder.add(ticks[place:before])
            place = before
            _tell(builder, operation, arguments)
        end = int(str(publication["ticks"]))
        builder.add(ticks[place:end])
        place = end
        waiting += builder.take_minutes()
        yield Replayed(first, end, _repaired(waiting.pop(0), publication) if waiting else None)


def _repaired(minute: ClosedMinute, publication: Publication) -> ClosedMinute:
    rows, quiet = publication.get("candles", []), publication.get("quiet", [])
    assert isinstance(rows, list)
    assert isinstance(quiet, list)
    candles: Records = np.zeros(len(rows), BAR)
    for name, values in zip(CANDLE, zip(*rows, strict=True), strict=bool(rows)):
        candles[name] = values
    candles["open_ns"] = minute.close_ns - MINUTE_NS
    return minute._replace(bars=repaired(minute.bars, Given(candles, tuple(quiet))))


def tick_counts(publications: Sequence[Publication]) -> list[int]:
    """How many ticks each publication speaks of: those since the one before."""
    counts, place = [], 0
    for publication in publications:
        begins = [before for name, before, *_ in _marks_of(publication) if name == "begin"]
        place = begins[-1] if begins else place
        end = int(str(publication["ticks"]))
        counts.append(end - place)
        place = end
    return counts


def mark_count(publications: Sequence[Publication]) -> int:
    return sum(len(_marks_of(one)) for one in publications)


def _marks_of(publication: Publication) -> Sequence[tuple[str, int, *tuple[Any, ...]]]:
    marks = publication["marks"]
    assert isinstance(marks, list)
    return marks


def _tell(builder: BarBuilder, operation: str, arguments: Sequence[Any]) -> None:
    match operation, arguments:
        case "begin", _:
            pass
        case "limit_prices", [bands]:
            builder.limit_prices(np.array([band or NO_BAND for band in bands]))
        case "know_ticks", [ticks_paise]:
            builder.know_ticks(ticks_paise)
        case "feed_up", [now_ns, *named]:
            builder.feed_up(now_ns, *named)
        case "feed_down", [*named]:
            builder.feed_down(*named)
        case "close_through", [now_ns, gap]:
            builder.close_through(now_ns, gap=bool(gap))
        case "end_session", [gap]:
            builder.end_session(gap=bool(gap))
        case _:
            raise InvariantBroken(f"no builder was ever told {operation} {arguments}")
