"""The certificate of a day: its ticks and marks run again, compared with what was recorded.

Decides what is taken as given, what is computed, and whether a day is green. No recorded result is
read to compute one; a result is what `comparison.py` compares last of all. `certify_day` is what
the evening and the command call; it reads the stores, writes one file and changes nothing else.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from core.errors import DataError, StoreFailed
from core.ports import DecidedBar, EventKind, LedgerEvent, MarketStore
from core.session import day_text, ist_text
from core.types import NEVER_NS, REPAIRED, Market, MinuteSpan, Records, SessionClass
from daemon.floor import Floor
from daemon.fuse import blown_in, off_in
from daemon.intake.tape import Replayed, digest_of, mark_count, replayed, tick_counts
from daemon.proof.comparison import LAYERS, Difference, Layer, Row, first_difference, known_to
from daemon.proof.evidence import Evidence, evidence_of
from daemon.proof.layered import layers_of
from daemon.proof.recipe import frame_of, instruments_of, sessions_of, setups_of, terms_of
from daemon.rerun import Redone, recorded_bars, redo
from providers.dataset import DataOptions, trusted
from providers.replay import ReplayProvider
from stores.chain import canonical_json
from stores.files import DiskFiles
from stores.ledger_reader import open_read_only
from stores.memory import decided_bar_of
from strategies.identity import code_digest

FOLDER = "certificates"
GREEN, RED = "green", "red"
RESULTS = ("signal", "refusal", "breaker", "order", "fill", "trade")
# What may be recorded in part: strategy bars of Minutes whose process was killed between ledger and
# market store are not written, and bars of Minutes leave the ledger after some days.
PARTIAL = ("minute", "bar", "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What was given, what follows from it, and the first recorded thing that does not."""

    day: int
    identity: Row
    given: Row
    computed: dict[str, Row]  # by layer: rows and their digest
    difference: Difference | None

    @property
    def verdict(self) -> str:
        return GREEN if self.difference is None else RED

    @property
    def digest(self) -> str:
        """Of all that follows from the inputs alone: equal in a copy without recorded results."""
        parts = [self.day, self.identity, self.given, self.computed]
        return sha256(canonical_json(parts, "certificate").encode()).hexdigest()

    def content(self) -> bytes:
        """The bytes of its file."""
        difference = None if self.difference is None else asdict(self.difference)
        told = {
            "day": day_text(self.day),
            "identity": self.identity,
            "given": self.given,
            "computed": self.computed,
            "certificate": self.digest,
            "verdict": self.verdict,
            "difference": difference,
        }
        plain = json.loads(canonical_json(told, "certificate"))  # one null for all that is NaN
        return (json.dumps(plain, indent=2, ensure_ascii=False) + "\n").encode()


def certify_day(directory: Path, day: int, store: MarketStore) -> Certificate:
    """Certify `day`, which is closed, and keep the certificate. Called by the store's owner.

    Raises DataError where too little of the day is left, StoreFailed.
    """
    with closing(open_read_only(directory)) as ledger:
        evidence = evidence_of(day, ledger, store)
    certificate = certified(evidence)
    DiskFiles().replace(certificate_path(directory, day), certificate.content())
    return certificate


def certificate_path(directory: Path, day: int) -> Path:
    return directory / FOLDER / f"{day_text(day)}.json"


def kept_certificate(directory: Path, day: int) -> Row | None:
    """What the file of a day says, None if there is none. Raises StoreFailed."""
    path = certificate_path(directory, day)
    content = DiskFiles().read(path)
    if content is None:
        return None
    try:
        kept = json.loads(content)
        if kept["verdict"] in (GREEN, RED):
            return dict(kept)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreFailed(f"{path.name} is no certificate: {error}") from error
    raise StoreFailed(f"{path.name} is no certificate")


def certified(evidence: Evidence) -> Certificate:
    """The day computed again and compared, layer by layer."""
    again = Again(evidence)
    again.require_enough()
    again.run()
    ours = again.layers()
    return Certificate(
        day=evidence.day,
        identity=_identity(evidence),
        given=again.given(),
        computed={
            name: {"rows": len(ours[name].rows), "sha256": ours[name].digest}
            for name in LAYERS
            if name in ours
        },
        difference=_difference(evidence, ours, again.symbols),
    )


def _identity(evidence: Evidence) -> Row:
    starts = [one.payload for one in evidence.starts]
    return {
        "source": starts[0]["source"],
        "mode": starts[0]["mode"],
        "scope": starts[0]["scope"],
        "setup": starts[0]["setup"],
        "code": [one["code"] for one in starts],
        "code_digest": [one["code_digest"] for one in starts],
        "certified_by": code_digest(
            kind for book in evidence.recipe["books"] for _, kind, _ in book["strategies"]
        ),
    }


# --- computing -----------------------------------------------------------------------------------


class Again:
    """One day run again. Reads `evidence.steps[n][0]`, ticks, bars and opening; no result."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        code = str(evidence.opened.payload["code_digest"])  # whoever ran it: its snapshot is read
        self._setups = setups_of(evidence.recipe, code)
        self._frame = frame_of(evidence.recipe, evidence.day)
        self._floor = Floor(self._setups, evidence.seen)
        self.symbols = self._floor.symbols
        self.ticks: list[tuple[int, int, str]] = []
        self.minutes: list[tuple[int, Records]] = []
        self.decisions: list[tuple[str, DecidedBar]] = []
        self.results: list[LedgerEvent] = []
        self.opening: LedgerEvent | None = None  # None: taken as given
        self.closed: LedgerEvent | None = None
        self.used_ticks = 0

    def require_enough(self) -> None:
        """Raises DataError unless the day is closed and what it was made of is still there."""
        evidence, expected = self.evidence, self._frame.minutes
        day, minutes = day_text(evidence.day), evidence.before + len(evidence.minutes)
        if evidence.closed is None and minutes < expected:
            raise DataError(f"{day} is not closed: {minutes} of {expected} Minutes")
        if any(tick_counts(evidence.publications)) and not len(evidence.ticks):
            raise DataError(f"the ticks of {day} are not kept any more")
        if self._floor.needs_history and not self._has_history:
            raise DataError(
                f"the history of {day} is not in the market store, and one of its strategies keeps"
                " its state to itself"
            )

    def run(self) -> None:
        """From the opening to the close, or to the first Minute that the ticks do not give."""
        evidence = self.evidence
        self.opening = self._opened_again()
        history = self._history() if self._floor.needs_history else ()
        self._floor.restore_opening(evidence.opened, history)
        minutes = iter(self._minutes())
        for step in evidence.steps:
            given = step[0]
            bars = None
            if given.kind is EventKind.MINUTE:
                bars = next(minutes, None)
                if bars is None:
                    return
                self.minutes.append((int(str(given.payload["close_ns"])), bars))
            again = redo(self._floor, self._frame, given, blown_in(step[1:]), bars)
            self.results += again.results
            self.decisions += self._decided(again)
        if evidence.recipe["end_ns"] != NEVER_NS:
            self.results += self._floor.finish()
        self.closed = self._floor.close_day(self._frame.close_ns)

    def _decided(self, again: Redone) -> Iterator[tuple[str, DecidedBar]]:
        """Strategy bars with what was said on them; at once, since strategies reuse their rows."""
        for book in again.done:
            for decision in (one for step in book.steps for one in step.decisions):
                name = book.desk.strategies[decision.strategy].name
                for bar, signal in zip(decision.bars, decision.signals, strict=True):
                    symbol = self.symbols[int(bar["instrument"])]
                    yield symbol, decided_bar_of(name, bar, signal)

    def layers(self) -> dict[str, Layer]:
        """By name. Ticks of imported bars and an opening that is given make none."""
        return layers_of(
            ticks=self.ticks,
            minutes=self.minutes,
            symbols=self.symbols,
            decisions=self.decisions,
            results=self.results,
            opening=self.opening,
            closed=self.closed,
        )

    def given(self) -> Row:
        """How many of each kind were taken as given."""
        evidence = self.evidence
        from_ticks = bool(evidence.publications)
        bars = np.concatenate([bars for _, bars in self.minutes]) if self.minutes else None
        repaired = 0 if bars is None else int(np.count_nonzero(bars["quality"] & REPAIRED))
        kinds = [step[0].kind for step in evidence.steps]
        return {
            "runs": len(evidence.starts),
            "ticks": len(evidence.ticks) if from_ticks else 0,
            "ticks in no Minute": len(evidence.ticks) - self.used_ticks if from_ticks else 0,
            "imported bars": 0 if from_ticks or bars is None else len(bars),
            "repaired bars": repaired,
            "publication marks": mark_count(evidence.publications),
            "Minutes before a takeover": evidence.before,
            "late Minutes": [one.payload["late"] for one in evidence.minutes].count(True),
            "commands": kinds.count(EventKind.COMMAND),
            "strategies that failed": sum(len(blown_in(step[1:])) for step in evidence.steps),
            "doubts": kinds.count(EventKind.DOUBT),
            "broker reports": kinds.count(EventKind.BROKER_REPORT),
            "target touches": kinds.count(EventKind.TARGET_TOUCHED),
            "history bars": 0 if self.opening is None else len(evidence.history),
            "opening states": "given" if self.opening is None else "computed",
            "opening account": sha256(evidence.opened.blob or b"").hexdigest(),
        }

    @property
    def _has_history(self) -> bool:
        """Whether all that the strategies were warmed with is stored, and nothing else was."""
        opened = self.evidence.opened.payload
        return not self.evidence.before and len(self.evidence.history) == opened["history_bars"]

    def _history(self) -> Iterator[MinuteSpan]:
        recipe = self.evidence.recipe
        instruments, base_ns = instruments_of(recipe), recipe["base_ns"]
        always_open = instruments[0].session_class is SessionClass.ALWAYS_OPEN
        market = Market.ALWAYS_OPEN if always_open else Market.NSE
        options = DataOptions(base_ns=base_ns, market=market)
        dataset = trusted(instruments, self.evidence.history, options)
        return ReplayProvider(dataset, terms_of(recipe)).day_spans()

    def _opened_again(self) -> LedgerEvent | None:
        """The opening out of the stored history; None where that lies elsewhere."""
        if not self._has_history:
            return None
        day, opened = self.evidence.day, self.evidence.opened
        floor = Floor(self._setups)
        return floor.open_day(day, self._history(), opened.ts_ns, off_in(opened))

    def _minutes(self) -> Sequence[Records]:
        """The bars of each Minute: out of the ticks, or as imported."""
        evidence = self.evidence
        if not evidence.publications:
            return _imported(evidence)
        sessions = sessions_of(evidence.recipe, evidence.day)
        found: list[Records] = []
        for minute, one in zip(
            evidence.minutes, replayed(sessions, evidence.publications, evidence.ticks), strict=True
        ):
            self.ticks.append(_told(minute, one, evidence.ticks))
            self.used_ticks += self.ticks[-1][1]
            if one.minute is not None and len(found) == len(self.ticks) - 1:
                found.append(one.minute.bars)
        return found


def _told(minute: LedgerEvent, one: Replayed, ticks: Records) -> tuple[int, int, str]:
    rows = ticks[one.first_tick : one.end_tick]
    return int(str(minute.payload["close_ns"])), len(rows), digest_of(rows)


def _imported(evidence: Evidence) -> list[Records]:
    """Stored bars by Minute; where none are stored any more, those of the ledger."""
    if not len(evidence.bars):
        if any(one.blob is None for one in evidence.minutes):
            raise DataError(f"the bars of {day_text(evidence.day)} are not kept any more")
        return [recorded_bars(one) for one in evidence.minutes]
    closes = [int(str(one.payload["close_ns"])) for one in evidence.minutes]
    bars = evidence.bars[evidence.bars["open_ns"] >= evidence.opened.ts_ns]
    edges = np.searchsorted(bars["open_ns"], closes)
    return [part.copy() for part in np.split(bars, edges)[: len(closes)]]


# --- comparing -----------------------------------------------------------------------------------


def _difference(
    evidence: Evidence, ours: Mapping[str, Layer], symbols: Sequence[str]
) -> Difference | None:
    """The first thing recorded that does not follow, from cause to effect."""
    if len(evidence.altered):
        return _altered_tick(evidence, symbols)
    theirs = _recorded(evidence, symbols)
    results = [name for name in RESULTS if theirs[name].rows]
    if not results and any(ours[name].rows for name in RESULTS):
        return Difference("signal", "no result of the day is recorded", "", "results", None)
    for name in (one for one in LAYERS if one in ours):
        if name not in theirs:
            return Difference(name, "end of the day", "", "there is one", None)
        computed, recorded = ours[name], theirs[name]
        if name in PARTIAL:
            computed = known_to(recorded, computed)
        if (found := first_difference(computed, recorded)) is not None:
            return found
    if evidence.broken:
        return Difference("ledger", evidence.broken, "", "a whole chain", "a broken one")
    return None


def _recorded(evidence: Evidence, symbols: Sequence[str]) -> dict[str, Layer]:
    """What the day left as its results."""
    minutes = evidence.minutes
    closes = [int(str(one.payload["close_ns"])) for one in minutes]
    return layers_of(
        ticks=[
            (close_ns, count, str(one["digest"]))
            for close_ns, one, count in zip(
                closes, evidence.publications, tick_counts(evidence.publications), strict=False
            )
        ],
        minutes=[
            (close_ns, recorded_bars(one))
            for close_ns, one in zip(closes, minutes, strict=True)
            if one.blob is not None
        ],
        symbols=symbols,
        decisions=[
            (symbol, one)
            for symbol, decided in zip(symbols, evidence.decisions, strict=True)
            for one in decided
        ],
        results=[event for step in evidence.steps for event in step[1:]],
        opening=evidence.opened,
        closed=evidence.closed,
    )


def _altered_tick(evidence: Evidence, symbols: Sequence[str]) -> Difference:
    """Names the tick. What it was is not known: only that its checksum is of another row."""
    number = int(evidence.altered[0])
    tick = evidence.ticks[number]
    traded, more = ist_text(int(tick["exch_ns"])), len(evidence.altered) - 1
    row = (
        f"{symbols[int(tick['instrument'])]} {traded} seq {int(tick['seq'])},"
        f" tick {number + 1} of the day" + (f" and {more} more" if more else "")
    )
    told = {name: tick[name].item() for name in ("price", "quantity", "volume", "recv_ns")}
    values = ", ".join(f"{name} {value}" for name, value in told.items())
    return Difference("tick", row, "", values, "another row: its checksum does not fit this one")
