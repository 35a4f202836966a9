"""Bugs to be planted into the daemon, each in a few lines.

What a campaign is worth is which of them it catches.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import core.engine
import daemon.desk
import daemon.memory.journal
import daemon.rerun
import stores.ledger
from core.errors import StoreFailed
from core.minutes import BarBuilder
from core.ports import EventKind, LedgerEvent
from core.session import MINUTE_NS
from core.types import Records
from daemon.intake.doubts import Doubts
from daemon.trading import Trading

Patch = pytest.MonkeyPatch
Payload = dict[str, Any]


def an_order_is_sent_again(patch: Patch) -> None:
    send = Trading.send

    async def twice(self: Trading, done: Any) -> None:
        await send(self, done)
        await send(self, done)

    patch.setattr(Trading, "send", twice)


def a_ledger_that_fails_is_passed_over(patch: Patch) -> None:
    remember = Trading.remember

    async def tried(self: Trading, events: list[LedgerEvent]) -> None:
        try:
            await remember(self, events)
        except StoreFailed:
            return

    patch.setattr(Trading, "remember", tried)


def commits_are_not_synced(patch: Patch) -> None:
    unsynced = ("PRAGMA synchronous = OFF", "PRAGMA synchronous", 0)
    kept = [one for one in stores.ledger._PRAGMAS if "synchronous" not in one[0]]
    patch.setattr(stores.ledger, "_PRAGMAS", (*kept, unsynced))


def a_restart_asks_nobody_for_acknowledgements(patch: Patch) -> None:
    patch.setattr(daemon.rerun, "_compared", lambda *args, **options: [])


def a_restart_leaves_out_a_minute(patch: Patch) -> None:
    last = daemon.rerun.DayRecord.last_close_ns.fget  # type: ignore[attr-defined]
    later = property(lambda self: last(self) + MINUTE_NS)
    patch.setattr(daemon.rerun.DayRecord, "last_close_ns", later)


def a_minute_is_closed_before_its_end(patch: Patch) -> None:
    close = BarBuilder._close

    def early(self: BarBuilder, edge_ns: int, *, gap: bool) -> None:
        close(self, edge_ns + MINUTE_NS, gap=gap)

    patch.setattr(BarBuilder, "_close", early)


def a_bar_is_altered_once_it_is_closed(patch: Patch) -> None:
    finished = BarBuilder._finished

    def altered(self: BarBuilder, index: int, bars: Records) -> Any:
        bars["volume"] += 1
        return finished(self, index, bars)

    patch.setattr(BarBuilder, "_finished", altered)


def a_gap_is_not_flagged(patch: Patch) -> None:
    patch.setattr(BarBuilder, "_with_missing", lambda self, bars, open_ns, unseen: bars)


def told(patch: Patch, kind: EventKind, change: Callable[[Payload], Payload]) -> None:
    """Events of `kind` are remembered with another payload."""
    result_event = daemon.memory.journal.result_event

    def changed(*args: Any, **options: Any) -> LedgerEvent:
        event = result_event(*args, **options)
        if event.kind is kind:
            return dataclasses.replace(event, payload=change(event.payload))
        return event

    patch.setattr(daemon.memory.journal, "result_event", changed)


def money_is_a_float(patch: Patch) -> None:
    told(patch, EventKind.FILL, lambda fill: fill | {"value_paise": float(fill["value_paise"])})


def a_fee_is_a_paisa_off(patch: Patch) -> None:
    told(patch, EventKind.FILL, lambda fill: fill | {"fees_paise": fill["fees_paise"] + 1})


def a_position_is_forgotten(patch: Patch) -> None:
    told(patch, EventKind.FILL, lambda fill: fill | {"position": None})


def a_filled_order_stays_open(patch: Patch) -> None:
    told(
        patch,
        EventKind.ORDER,
        lambda order: order | ({"state": "OPEN"} if order["state"] == "FILLED" else {}),
    )


def a_halt_is_not_obeyed(patch: Patch) -> None:
    patch.setattr(core.engine, "command_state", lambda holdings, command: None)


def a_store_that_fails_is_not_doubted(patch: Patch) -> None:
    patch.setattr(Doubts, "changes", lambda self, close_ns, known: [])


def a_fill_is_booked_twice(patch: Patch) -> None:
    result_events = daemon.memory.journal.result_events

    def doubled(*args: Any) -> list[LedgerEvent]:
        events = result_events(*args)
        return events + [one for one in events if one.kind is EventKind.FILL]

    patch.setattr(daemon.desk, "result_events", doubled)


Plant = Callable[[Patch], None]

# With the first seed that catches it.
PLANTED: Sequence[tuple[Plant, int]] = (
    (an_order_is_sent_again, 1),
    (a_ledger_that_fails_is_passed_over, 7),
    (commits_are_not_synced, 1),
    (a_restart_asks_nobody_for_acknowledgements, 10),
    (a_restart_leaves_out_a_minute, 1),
    (a_minute_is_closed_before_its_end, 1),
    (a_bar_is_altered_once_it_is_closed, 1),
    (a_gap_is_not_flagged, 1),
    (money_is_a_float, 1),
    (a_fee_is_a_paisa_off, 1),
    (a_position_is_forgotten, 1),
    (a_filled_order_stays_open, 1),
    (a_halt_is_not_obeyed, 13),
    (a_store_that_fails_is_not_doubted, 17),
    (a_fill_is_booked_twice, 1),
)
