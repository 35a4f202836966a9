"""What follows a closed day, in order: archive, certificate, backup, old rows dropped, report.

Decides the order and that nothing of it fails the day: what cannot be done is logged, and what can
be made up for is, on the next evening.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from core.errors import StoreFailed, TradingdError
from core.session import DAY_NS, day_span_ns, day_text
from core.types import SessionClass
from daemon.chores import (
    BACKUP_FOLDER,
    archive_bars,
    back_up,
    drop_blobs,
)
from daemon.plan import Plan
from daemon.proof.certificate import certify_day
from daemon.proof.day_audit import Witness, audit_day
from daemon.proof.report import Report, last_report, report_day, report_path
from daemon.sources import classes_of
from daemon.upstox.masters import KeptMasters
from stores.archive import BarArchive
from stores.ledger import SqliteLedger
from stores.market import DuckMarketStore
from stores.owner import Owner

T = TypeVar("T")

KEEP_BLOB_DAYS = 10  # design.md 6: younger days can be certified
KEEP_TICK_DAYS = 30
KEEP_INSTRUMENT_DAYS = 30

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evening:
    """The stores of one state directory, and the threads that own them.

    `witness`: of the day that this process has played; None: of no day.
    """

    directory: Path
    plan: Plan
    ledger: SqliteLedger
    ledger_owner: Owner
    store: DuckMarketStore
    store_owner: Owner
    witness: Witness | None = None

    async def follow(self, day: int, stop: asyncio.Event | None = None) -> Report | None:
        """Do what is to be done of `day`, which is closed. After `stop` nothing more is begun."""
        chores = (
            ("archive_bars", self.store_owner, self._archive),
            ("certify_day", self.store_owner, self._certify),
            ("back_up_ledger", self.ledger_owner, self._back_up),
            ("drop_blobs", self.ledger_owner, self._drop_blobs),
            ("drop_ticks", self.store_owner, self._drop_ticks),
            ("drop_instruments", self.store_owner, self._drop_instruments),
        )
        for name, owner, chore in chores:
            if stop is not None and stop.is_set():
                return None
            await _tried(name, owner, chore, day)
        if stop is not None and stop.is_set():
            return None
        if self.witness is not None and self.witness.day == day:
            await self._audit(self.witness)
        return await _tried("report_day", self.store_owner, self._report, day)

    def was_missed(self, day: int) -> bool:
        """Whether `day` had no evening, or not to its end: the report is the last of it."""
        return not report_path(self.directory, day).exists()

    def last_report(self) -> dict[str, object] | None:
        """Of the last day that had its evening, as its file says."""
        try:
            return last_report(self.directory)
        except StoreFailed as error:
            log.warning("report_unreadable", reason=str(error))
            return None

    async def _audit(self, witness: Witness) -> None:
        source, span = self.plan.source, day_span_ns(witness.day, SessionClass.CASH)
        by_class = dict(
            zip(classes_of(source.instruments), source.sessions(witness.day), strict=True)
        )
        sessions = [by_class[instrument.session_class] for instrument in source.instruments]
        try:
            bars = await self.store_owner.run(self.store.bars, *span)
            await audit_day(witness, bars, source.instruments, sessions)
        except TradingdError as error:
            day = day_text(witness.day)
            log.error("chore_failed", chore="audit_bars", day=day, reason=str(error))

    def _archive(self, day: int) -> None:
        days = archive_bars(self.store, BarArchive(self.directory), day)
        log.info("bars_archived", day=day_text(day), days=len(days))

    def _certify(self, day: int) -> None:
        certificate = certify_day(self.directory, day, self.store)
        if certificate.difference is None:
            log.info("day_certified", day=day_text(day), certificate=certificate.digest)
        else:
            difference = certificate.difference.text("computed", "recorded")
            log.error("day_not_certified", day=day_text(day), difference=difference)

    def _back_up(self, day: int) -> None:
        path = back_up(self.ledger, self.directory / BACKUP_FOLDER, day)
        log.info("ledger_backed_up", day=day_text(day), file=path.name)

    def _drop_blobs(self, day: int) -> None:
        before_day = day - KEEP_BLOB_DAYS
        archive, instruments = BarArchive(self.directory), self.plan.source.instruments
        if dropped := drop_blobs(self.ledger, archive, instruments, before_day):
            log.info("blobs_dropped", before=day_text(before_day), blobs=dropped)

    def _drop_ticks(self, day: int) -> None:
        before_day = day - KEEP_TICK_DAYS
        if dropped := self.store.drop_ticks(before_day * DAY_NS):
            log.info("ticks_dropped", before=day_text(before_day), ticks=dropped)

    def _drop_instruments(self, day: int) -> None:
        before_day = day - KEEP_INSTRUMENT_DAYS
        if dropped := KeptMasters(self.directory).prune(before_day):
            log.info("instruments_dropped", before=day_text(before_day), files=dropped)

    def _report(self, day: int) -> Report:
        audits = self.witness.audits if self.witness and self.witness.day == day else {}
        report = report_day(self.directory, self.plan, day, self.store, audits)
        log.info("day_reported", day=day_text(day), differences=len(report.found))
        if unexplained := report.unexplained:
            log.error(
                "report_unexplained",
                day=day_text(day),
                differences=len(unexplained),
                first=unexplained[0].text(report.side),
            )
        return report


async def _tried(name: str, owner: Owner, chore: Callable[[int], T], day: int) -> T | None:
    """What `chore` gives; None if it could not be done."""
    try:
        return await owner.run(chore, day)
    except (TradingdError, OSError) as error:
        log.error("chore_failed", chore=name, day=day_text(day), reason=str(error))
        return None
