"""Where a start finds the books, and how they get to where the day stands.

Decides between a first opening, a re-run that is compared, and a takeover from another setup.
Nothing is sent from here; whatever cannot be vouched for stops the start.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import structlog

from core.errors import ConfigError, StoreFailed
from core.ports import EventKind, Ledger, LedgerEvent, MarketStore
from core.types import Instrument, SignalId
from daemon.floor import Floor
from daemon.memory.takeover import recollect, recorded_bars, take_over
from daemon.plan import NO_ACCOUNT, Plan
from daemon.proof.recipe import run_identity, run_start
from daemon.pulse.vitals import Vitals
from daemon.rerun import DayRecord, last_day, rerun
from daemon.scanner import Scanner
from daemon.trading import show
from providers.live import DayFrame
from stores.owner import Owner
from stores.spare import DAMAGED, opened_or_anew

log = structlog.get_logger()


def read_ledger(ledger: Ledger, plan: Plan, directory: Path) -> tuple[DayRecord, list[SignalId]]:
    """The last day, and the entries intended before what is run again.

    Raises ConfigError for a directory of another mode, account or source.
    """
    ours = whose(run_identity(plan))
    for recorded in ledger.events(kinds=[EventKind.RUN_START]):
        theirs = whose(recorded.event.payload)
        if theirs != ours:
            raise ConfigError(
                f"state directory {directory} belongs to {theirs}; this is {ours}:"
                " give another --state-dir"
            )
        break  # every later start was checked against the first
    record = last_day(ledger)
    again = {event.key for step in record.steps for event in step}  # their re-run adds its own
    seen = [
        SignalId(str(row["signal_id"]))
        for row in ledger.rows("orders")
        if row["role"] == "ENTRY" and row["order_id"] not in again
    ]
    return record, seen


def whose(payload: Mapping[str, object]) -> str:
    """Whose days a RUN_START begins: real ones of two accounts, or of an account and paper, are
    never mixed."""
    account = payload.get("account", NO_ACCOUNT)  # before there was live trading: none
    real = "" if account == NO_ACCOUNT else f", account {account}"
    return f"mode {payload['mode']}{real}, {payload['source']}"


def open_market(path: Path, instruments: Sequence[Instrument]) -> MarketStore:
    """The market store, made anew where its file is damaged. Raises StoreFailed."""
    store, damage = opened_or_anew(path, instruments)
    if damage is not None:
        log.error("market_store_replaced", kept=f"{path.name}{DAMAGED}", reason=damage)
    return store


class Start:
    """Brings the books of one process to where a day stands."""

    def __init__(
        self,
        *,
        plan: Plan,
        floor: Floor,
        scanner: Scanner,
        ledger: Ledger,
        ledger_owner: Owner,
        store: MarketStore,
        store_owner: Owner,
        vitals: Vitals,
    ) -> None:
        self._plan = plan
        self._floor = floor
        self._scanner = scanner
        self._ledger = ledger
        self._ledger_owner = ledger_owner
        self._store = store
        self._store_owner = store_owner
        self._vitals = vitals

    async def fetch_history(self, record: DayRecord, day: int) -> None:
        """What `stand` will read of the sessions before; may be cancelled."""
        is_open = record.opened is not None and record.closed is None
        is_known = record.opened is not None and self._floor.wrote(record.opened)
        if is_open and is_known and not self._floor.needs_history:
            return
        self._vitals.step("history")
        doubted = self._floor.of_other_prices(record.closed)
        await self._plan.source.fetch_history(day, self._store, self._store_owner, doubted)

    async def stand(self, record: DayRecord, day: int, frame: DayFrame) -> DayRecord:
        """From the last day in the ledger to `day`, begun or not; the page is told.

        Returns what the ledger then holds of `day`. Raises StoreFailed, ConfigError.
        """
        self._scanner.day_opened(day)
        if record.opened is None or record.closed is not None:
            record = await self._first(record, day, frame)
        else:
            recollect(self._scanner, self._floor, record.before)
            self._vitals.step("re-run")
            opened, steps = record.opened, record.steps
            if self._floor.wrote(opened):
                await self._run_again(record, opened, day, frame)
            else:
                record = await self._taken_over(record, opened, day, frame)
            await self._store_owner.run(self._refill, opened, steps)
        for desk in self._floor.desks:
            for position in desk.engine.positions():
                self._scanner.position_changed(position.strategy, position.instrument, position)
        return record

    async def _first(self, record: DayRecord, day: int, frame: DayFrame) -> DayRecord:
        if record.closed is not None:
            self._floor.carry_over(record.closed)

        def open_day() -> LedgerEvent:
            source = self._plan.source
            history = source.history(day, self._store)
            self._floor.rebuilt(source.backfilled)
            return self._floor.open_day(day, history, frame.open_ns)

        self._vitals.step("history")
        opened = await self._store_owner.run(open_day)
        await self._append([self._run_start(day, record.closed), opened])
        return DayRecord(opened, None, [])

    async def _run_again(
        self, record: DayRecord, opened: LedgerEvent, day: int, frame: DayFrame
    ) -> None:
        def restore() -> None:
            floor, source = self._floor, self._plan.source
            history = source.history(day, self._store) if floor.needs_history else ()
            floor.restore_opening(opened, history)

        await self._store_owner.run(restore)
        missing = rerun(self._floor, frame, record.steps, partial(show, self._scanner))
        await self._append([self._run_start(day, opened), *missing])
        log.info("day_resumed", minutes=record.minutes, acknowledged=len(missing))

    async def _taken_over(
        self, record: DayRecord, opened: LedgerEvent, day: int, frame: DayFrame
    ) -> DayRecord:
        def apply() -> list[LedgerEvent]:
            history = self._plan.source.history(day, self._store)
            return take_over(self._floor, frame, opened, record.steps, history)

        events = await self._store_owner.run(apply)
        recollect(self._scanner, self._floor, record.steps)
        await self._append([self._run_start(day, opened), *events])
        log.warning("day_taken_over", minutes=record.minutes, from_setup=opened.payload["setup"])
        return DayRecord(events[-1], None, [], [*record.before, *record.steps])

    def _refill(self, opened: LedgerEvent, steps: Sequence[Sequence[LedgerEvent]]) -> None:
        """Bars of the day that the ledger has and the store lost; the store may fail, a start not.

        They come from the day's last opening on: its symbols are those they are numbered by.
        """
        bars, source = recorded_bars(opened, steps, self._floor.symbols)
        if not len(bars):
            return
        try:
            first_ns, last_ns = int(bars["open_ns"][0]), int(bars["open_ns"][-1])
            held = self._store.bars(first_ns, last_ns + 1)
            lost = bars[~np.isin(bars[["instrument", "open_ns"]], held[["instrument", "open_ns"]])]
            if len(lost):
                self._store.append_bars(lost, source)
                self._store.commit()
                log.warning("bars_refilled", bars=len(lost))
        except StoreFailed as error:
            log.error("market_store_failed", reason=str(error))

    def _run_start(self, day: int, begins_from: LedgerEvent | None) -> LedgerEvent:
        left = {} if begins_from is None else begins_from.payload
        return run_start(self._plan, self._floor, day, left)

    async def _append(self, events: list[LedgerEvent]) -> None:
        await self._ledger_owner.run(self._ledger.append, events)
