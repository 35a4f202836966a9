"""All books of the process over one resampler: what is opened, fed and closed day by day.

A Minute is one input for every book, and one transaction: what it led to comes book by book, in
configured order, the main book first. Pure of I/O: the tasks bring Minutes and carry the events to
the ledger. No book ever sees another's account, and only the main one has a real broker.
"""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from core.bars import Resampler
from core.doubts import LASTING, Doubt, DoubtChange, DoubtKind
from core.events import Doubted, Effect, Step, Submit
from core.ports import BrokerReport, EventKind, LedgerEvent
from core.types import Command, MinuteSpan, Records, SignalId
from daemon.desk import Desk, DeskSetup, arrays_of, built
from daemon.fuse import Blown, Fuse, off_in
from daemon.memory.carrying import require_flat
from daemon.memory.journal import (
    command_event,
    doubt_change_of,
    doubt_event,
    doubt_of,
    minute_event,
    report_event,
    symbol_of,
    touch_event,
)
from daemon.memory.snapshot import opened, packed, unpack
from daemon.plan import Plan
from daemon.sources import groups_of
from strategies.identity import code_digest


class Done(NamedTuple):
    """What one book did in a Minute, or at a command (then without steps)."""

    desk: Desk
    steps: list[Step]
    effects: list[Effect]
    blown: list[Blown]  # strategies that failed in it

    @property
    def submits(self) -> list[Submit]:
        return [effect for effect in self.effects if isinstance(effect, Submit)]


class Floor:
    """Desks in configured order, fed together.

    Args:
        setups: one a book, the main book first; over the same instruments.
        seen: entry signal ids of earlier days; ids of two books are never equal.
    """

    def __init__(self, setups: Sequence[DeskSetup], seen: Iterable[SignalId] = ()) -> None:
        self.setups = tuple(setups)
        self._timeframes_ns = {
            timeframe_ns
            for setup in setups
            for strategy in built(setup)
            for timeframe_ns in strategy.timeframes_ns
        }
        self.resampler = self._fresh_resampler()
        known, numbered = list(seen), self.resampler.timeframes_ns.tolist()
        self.desks = tuple(Desk(setup, numbered, known) for setup in setups)
        self.main = self.desks[0]
        self.symbols = self.main.symbols
        self.code = self.main.setup.code
        self.day = -1
        self.now_ns = 0  # close of the last Minute of the day; before the first, its opening
        self.doubts: frozenset[Doubt] = frozenset()  # open now
        self._last: MinuteSpan | None = None
        self._history: dict[str, object] = {}

    @property
    def digest(self) -> str:
        """Identity of what is remembered: the books by name and order, and what each is made of."""
        text = "\n".join(f"{setup.name} {setup.digest}" for setup in self.setups)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def blown(self) -> list[tuple[str, Blown]]:
        """Book and strategy of those that are off today."""
        return [(desk.name, blown) for desk in self.desks for blown in desk.blown]

    @property
    def strategies(self) -> list[Fuse]:
        """Of all books, in configured order."""
        return [strategy for desk in self.desks for strategy in desk.strategies]

    def held(self) -> set[int]:
        """Instruments that are not flat in one of the books."""
        rows = [desk.engine.holdings.positions["status"] for desk in self.desks]
        return set(np.flatnonzero(np.logical_or.reduce(rows)).tolist())

    # --- a day ---------------------------------------------------------------------------------

    def open_day(
        self,
        day: int,
        history: Iterable[MinuteSpan],
        now_ns: int,
        awaited: Iterable[Blown] = (),
    ) -> LedgerEvent:
        """Fresh strategies, warmed by `history`; returns DAY_OPENED with the opening snapshot.

        `awaited`: strategies that the history was too much for when it was recorded.
        """
        self.doubts = frozenset(one for one in self.doubts if one.kind in LASTING)
        self.begin(day, now_ns, history, awaited)
        return self.opening()

    def begin(
        self,
        day: int,
        now_ns: int,
        history: Iterable[MinuteSpan],
        awaited: Iterable[Blown] = (),
    ) -> None:
        """Fresh strategies and bars, warmed by `history`; the accounts and doubts stay."""
        self._begin(day, now_ns)
        self._switch_off(awaited)
        first_bar_ns, bars = None, 0
        for span in history:
            if first_bar_ns is None and len(span.bars):
                first_bar_ns = int(span.bars["open_ns"][0])
            bars += len(span.bars)
            self._warm(self.resampler.resample(span))
        self._history = {"history_first_bar_ns": first_bar_ns, "history_bars": bars}

    def opening(self) -> LedgerEvent:
        """DAY_OPENED with a snapshot of how the floor stands: from here the day is run again."""
        payload: dict[str, object] = {
            "day": self.day,
            "setup": self.digest,
            "code_digest": self.code,
            **self._history,
            "off": [blown.row() for _, blown in self.blown],  # the history itself was too much
            "doubts": self._named(self.doubts),
        }
        return LedgerEvent(
            self.now_ns, EventKind.DAY_OPENED, str(self.day), payload, self._snapshot()
        )

    def close_day(self, now_ns: int) -> LedgerEvent:
        """DAY_CLOSED with what the next day starts from."""
        payload: dict[str, object] = {
            "day": self.day,
            "setup": self.digest,
            "code_digest": self.code,
            "books": {desk.name: desk.account_row() for desk in self.desks},
            "doubts": self._named(self.doubts),
        }
        return LedgerEvent(now_ns, EventKind.DAY_CLOSED, str(self.day), payload, self._snapshot())

    def minute(
        self,
        resampled: MinuteSpan,
        *,
        late: bool = False,
        publication: dict[str, object] | None = None,
        awaited: Iterable[Blown] = (),
    ) -> tuple[list[Done], list[LedgerEvent]]:
        """One Minute through every book: what each did, and the events of the transaction.

        `awaited`: strategies that failed in this Minute when it was recorded.
        """
        failed = {blown.strategy: blown for blown in awaited}
        self._last, self.now_ns = resampled, int(resampled.close_ns[0])
        done = []
        events = [minute_event(resampled, self.day, late=late, publication=publication)]
        for desk in self.desks:
            before = desk.blown
            steps, results = desk.minute(resampled, late=late, awaited=failed)
            effects = [one for step in steps for one in step.effects]
            done.append(
                Done(desk, steps, effects, [one for one in desk.blown if one not in before])
            )
            events += results
        return done, events

    def pass_by(self, resampled: MinuteSpan) -> None:
        """A Minute that is decided already: bars and strategies go on, nothing is decided."""
        self._last, self.now_ns = resampled, int(resampled.close_ns[0])
        self._warm(resampled)

    def _warm(self, resampled: MinuteSpan) -> None:
        for desk in self.desks:
            desk.warm(resampled)

    def obey(self, command: Command, user: str, pid: int) -> tuple[list[Done], list[LedgerEvent]]:
        """An operator's command to every book, between two Minutes: as a Minute."""
        done, events = [], [command_event(command, user, pid, self.now_ns)]
        for desk in self.desks:
            effects, results = desk.obey(command, self.now_ns)
            done.append(Done(desk, [], effects, []))
            events += results
        return done, events

    def reported(self, report: BrokerReport) -> tuple[list[Done], list[LedgerEvent]]:
        """What the main book's broker told of an order, between two Minutes: as a Minute."""
        effects, results = self.main.reported(report, self.now_ns)
        event = report_event(report, self.now_ns)
        return [Done(self.main, [], effects, [])], [event, *results]

    def touched(
        self, symbol: str, price: float, ts_ns: int
    ) -> tuple[list[Done], list[LedgerEvent]]:
        """A tick at the target of the main book's position in `symbol`: as a Minute."""
        effects, results = self.main.touched(symbol, price, ts_ns, self.now_ns)
        event = touch_event(symbol, price, ts_ns, self.now_ns)
        return [Done(self.main, [], effects, [])], [event, *results]

    def doubt(self, changes: Sequence[DoubtChange]) -> list[LedgerEvent]:
        """Doubts opened and closed between two Minutes: inputs, of which nothing follows by
        itself."""
        for doubt, is_open, _ in changes:
            self.doubts = self.doubts | {doubt} if is_open else self.doubts - {doubt}
        if changes:
            self._block()
        return [doubt_event(change, self.symbols, self.now_ns) for change in changes]

    def of_other_prices(self, closed: LedgerEvent | None) -> frozenset[int]:
        """Instruments whose history is doubted at the end of a day; None: as of now."""
        doubts = self.doubts if closed is None else self._known(closed)
        kind = DoubtKind.CORPORATE_ACTION
        return frozenset(one.instrument for one in doubts if one.kind is kind)

    def rebuilt(self, instruments: Iterable[int]) -> None:
        """Before a day is opened: the history of these is made anew, in prices of today."""
        self.doubts -= {Doubt(DoubtKind.CORPORATE_ACTION, number) for number in instruments}

    def doubt_again(self, event: LedgerEvent) -> list[LedgerEvent]:
        """A recorded DOUBT, unless its instrument is configured no more."""
        if event.payload["instrument"] not in (None, *self.symbols):
            return []
        return self.doubt([doubt_change_of(event.payload, self.symbols)])

    def finish(self) -> list[LedgerEvent]:
        """The data ends with the last Minute (a 24x7 replay): nothing stays open."""
        assert self._last is not None
        return list(chain.from_iterable(desk.finish(self._last) for desk in self.desks))

    # --- memory --------------------------------------------------------------------------------

    def wrote(self, event: LedgerEvent) -> bool:
        """Whether `event` holds a snapshot by this very setup and code."""
        theirs = (event.payload["setup"], event.payload.get("code_digest"))
        return theirs == (self.digest, self.code)

    @property
    def needs_history(self) -> bool:
        """Whether a snapshot lacks the memory of a strategy: that of a plain one is its own."""
        return any(strategy.sees_account for strategy in self.strategies)

    def restore_opening(self, event: LedgerEvent, history: Iterable[MinuteSpan] = ()) -> None:
        """Stand where the day stood when `event` (DAY_OPENED), which we wrote, was written.

        Args:
            history: what the day was opened with; asked for if it `needs_history`.

        Raises StoreFailed.
        """
        day, blob = int(str(event.payload["day"])), event.blob or b""
        self.doubts = self._known(event)
        self._begin(day, event.ts_ns)
        self._unpack(blob)
        if self.needs_history:
            self.begin(day, event.ts_ns, history, off_in(event))
            self._unpack(blob)  # what the others remember goes with how they were opened
        self._switch_off(off_in(event))
        self._block()

    def _switch_off(self, awaited: Iterable[Blown]) -> None:
        """Before they are asked: what made them raise may have passed."""
        fuses = {one.name: one for one in self.strategies}
        for blown in awaited:
            fuses[blown.strategy].switch_off(blown)

    def _unpack(self, blob: bytes) -> None:
        facts = unpack(blob, self._arrays())
        for desk in self.desks:
            desk.restore(facts[desk.name])

    def carry_over(self, event: LedgerEvent) -> None:
        """Take account, positions and cooldowns of each book over from a snapshot, whatever
        setup wrote it. A new book begins with its initial cash; one that is gone must be flat.

        Raises ConfigError, StoreFailed (`carry`).
        """
        arrays, facts = opened(event.blob or b"")
        ours = {desk.name: desk for desk in self.desks}
        for book in facts:
            if book in ours:
                ours[book].carry_over(arrays_of(book, arrays), facts[book])
            else:
                require_flat(book, facts[book])
        self.day = int(str(event.payload["day"]))
        self.doubts = self._known(event)

    def _begin(self, day: int, now_ns: int) -> None:
        self.day, self.now_ns = day, now_ns
        self.resampler = self._fresh_resampler()
        for desk in self.desks:
            desk.begin(day)
        self._block()

    def _block(self) -> None:
        for desk in self.desks:
            desk.engine.handle(Doubted(self.doubts))

    def _named(self, doubts: Iterable[Doubt]) -> list[list[str | None]]:
        """As a payload holds them: kind and symbol, null for all instruments."""
        return [[one.kind, symbol_of(one, self.symbols)] for one in sorted(doubts)]

    def _known(self, event: LedgerEvent) -> frozenset[Doubt]:
        """The doubts of a payload, as far as their instruments are still configured."""
        rows = event.payload.get("doubts", [])
        assert isinstance(rows, list)
        known = [None, *self.symbols]
        return frozenset(
            doubt_of(kind, symbol, self.symbols) for kind, symbol in rows if symbol in known
        )

    def _fresh_resampler(self) -> Resampler:
        first = self.setups[0]
        return Resampler(sorted(self._timeframes_ns), first.base_ns, first.groups)

    def _arrays(self) -> dict[str, Records]:
        arrays = {"bins": self.resampler.bins}
        for desk in self.desks:
            arrays |= desk.arrays()
        return arrays

    def _snapshot(self) -> bytes:
        return packed(self._arrays(), {desk.name: desk.facts() for desk in self.desks})


def floor_of(plan: Plan, seen: Iterable[SignalId] = ()) -> Floor:
    """The floor a plan asks for, as on its first morning."""
    source, code = plan.source, code_digest([kind for _, kind, _ in plan.all_strategies])
    setups = [
        DeskSetup(
            name=book,
            scope=plan.scope_of(book),
            instruments=source.instruments,
            groups=groups_of(source.instruments),
            base_ns=source.base_ns,
            strategies=strategies,
            risk=plan.risk,
            observe=plan.mode == "observe",
            fills_are_told=plan.is_told(book),
            brakes=plan.brakes if plan.is_told(book) else None,
            code=code,
        )
        for book, strategies in plan.books
    ]
    return Floor(setups, seen)
