"""The archive as the keep of a backfill: which rows of a day stay beside those that come."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cli.backfill_archive import MAX_AGE_S, ArchiveKeep
from core.errors import StoreFailed
from core.session import parse_day
from core.types import Records
from providers.upstox.history import Chunk, Fetched
from tests.daemon.backfilling import SHARES, day_bars

DAY = parse_day("2026-06-10")
NONE = day_bars(0, DAY, minutes=())


def kept(
    keep: ArchiveKeep, bars: Records, outside: Records = NONE, anew: Sequence[int] = ()
) -> None:
    """One answer about one day, written."""

    async def main() -> None:
        number = int(bars["instrument"][0])
        await keep.keep(Fetched(Chunk(number, DAY, DAY, (DAY,)), bars, outside, 0, 0), anew)
        await keep.flush()

    asyncio.run(main())


def stored(keep: ArchiveKeep, number: int) -> Records:
    return asyncio.run(keep.bars(number, DAY, DAY))


def test_a_minute_that_only_we_have_stays_unless_the_history_is_made_anew(tmp_path: Path) -> None:
    keep = ArchiveKeep(tmp_path, SHARES)
    kept(keep, day_bars(1, DAY, minutes=(0,)))
    kept(keep, day_bars(0, DAY, minutes=(0, 1, 2)))
    kept(keep, day_bars(0, DAY, price=50.0, minutes=(1, 3)))
    beside = stored(keep, 0)["close"].tolist()
    kept(keep, day_bars(0, DAY, price=25.0, minutes=(1,)), anew=[DAY])

    assert [100.0, 50.01, 100.02, 50.03] == beside
    assert [25.01] == stored(keep, 0)["close"].tolist()
    assert [100.0] == stored(keep, 1)["close"].tolist()
    assert {DAY} == keep.written


def test_rows_outside_the_session_are_kept(tmp_path: Path) -> None:
    keep = ArchiveKeep(tmp_path, SHARES)
    evening = day_bars(0, DAY, minutes=(375,))

    kept(keep, day_bars(0, DAY), evening)

    assert np.concatenate([day_bars(0, DAY), evening]).tolist() == stored(keep, 0).tolist()


def test_what_has_come_is_written_after_a_while(tmp_path: Path) -> None:
    now_s = [0.0]
    keep = ArchiveKeep(tmp_path, SHARES, now_s=lambda: now_s[0])

    async def main() -> list[int]:
        days = []
        for number in range(3):
            fetched = Fetched(Chunk(number, DAY, DAY, (DAY,)), day_bars(number, DAY), NONE, 0, 0)
            await keep.keep(fetched, ())
            days.append(len(keep.written))
            now_s[0] += MAX_AGE_S / 2
        return days

    assert [0, 0, 1] == asyncio.run(main())
    assert [{DAY}] * 3 == [one.final for one in asyncio.run(keep.held())]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    keep = ArchiveKeep(tmp_path, SHARES)
    kept(keep, day_bars(0, DAY))
    keep.archive.path(DAY).write_bytes(b"")

    for work in (lambda: asyncio.run(keep.held()), lambda: kept(keep, day_bars(0, DAY))):
        with pytest.raises(StoreFailed, match=r"2026-06-10\.parquet: cannot be read"):
            work()
