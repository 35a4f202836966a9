"""How fast the disk is decides nothing: what comes in time is in its Minute."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

import pytest

from core.ports import TickBatch
from stores.owner import InlineOwner
from tests.daemon.test_ingest import UP, after_open, ingested, trades

T = TypeVar("T")


class SlowOwner:
    """Answers from a thread, after the loop has had nothing to do: as a disk does."""

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        def late() -> T:
            threading.Event().wait(0.002)
            return function(*arguments)

        return await asyncio.get_running_loop().run_in_executor(None, late)

    def close(self) -> None:
        """Nothing is held."""


def arriving(batch: TickBatch, seconds: float) -> TickBatch:
    batch.ticks["recv_ns"] = after_open(seconds)
    return TickBatch(after_open(seconds), batch.ticks)


def test_what_comes_in_time_is_in_its_minute_however_slow_the_disk_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("daemon.ingest.MAX_UNSTORED_TICKS", 1)  # each frame waits for the disk
    items = [
        UP,
        arriving(trades((1, 0, 100.0)), 1),
        arriving(trades((59, 0, 101.0)), 61),
        arriving(trades((59.5, 0, 102.0)), 61.9),  # within the grace, which ends at 62
    ]
    closes = [
        ingested(items, minutes=1, owner=owner).spans[0].bars["close"].tolist()
        for owner in (InlineOwner(), SlowOwner())
    ]

    assert [[102.0], [102.0]] == closes
