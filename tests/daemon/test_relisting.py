"""A process that goes on over night takes the list of the next morning, and its account with it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.ports import EventKind
from core.session import parse_day
from core.types import Instrument, InstrumentId
from daemon.bootstrap import Daemon
from daemon.sources import SyntheticSource
from stores.owner import InlineOwner
from tests.daemon.days import in_memory, recorded, rows, synthetic_plan
from tests.datasets import LIVELY

EVENINGS = parse_day("2024-11-01"), parse_day("2025-10-21")  # of Diwali, an hour each

Other = Callable[[Instrument], Instrument]


class ListedSource(SyntheticSource):
    """Its instruments are `other` on the next morning."""

    other: Other

    async def relisted(self, now_ns: int) -> tuple[Instrument, ...]:
        return tuple(map(self.other, self.instruments))


def two_days(directory: Path, other: Other) -> None:
    plan = synthetic_plan(*LIVELY, "timeframe=1m", history_sessions=2, kind=ListedSource)
    assert isinstance(plan.source, ListedSource)
    plan.source.other = other

    async def main() -> None:
        daemon = Daemon(
            plan,
            directory,
            ledger_owner=InlineOwner(),
            store_owner=InlineOwner(),
            open_store=in_memory,
        )
        try:
            await daemon.open()
            await daemon.play(EVENINGS[0])
            await daemon.relist(0)
            await daemon.play(EVENINGS[1])
        finally:
            await daemon.close()

    asyncio.run(main())


def ticks(directory: Path) -> list[object]:
    """Of the one instrument, by the start of each day."""
    starts = recorded(directory, [EventKind.RUN_START])
    return [one.payload["recipe"]["instruments"][0][3] for one in starts]  # type: ignore[index]


def test_the_next_day_goes_by_the_ticks_of_its_morning(tmp_path: Path) -> None:
    two_days(tmp_path, lambda one: replace(one, tick_paise=100))
    trades = rows(tmp_path, "trades")
    closed = recorded(tmp_path, [EventKind.DAY_CLOSED])[-1].payload["books"]
    last = [one for one in trades if one["day"] == EVENINGS[1]]

    assert [None, 100] == ticks(tmp_path)
    assert last
    assert {0.0} == {float(str(one["exit_price"])) % 1.0 for one in last}
    assert sum(int(str(one["net_paise"])) for one in trades) == closed["main"]["realised_paise"]  # type: ignore[index]


def test_a_list_that_says_the_same_changes_nothing(tmp_path: Path) -> None:
    two_days(tmp_path, lambda one: one)

    assert [None, None] == ticks(tmp_path)


def test_an_instrument_that_has_another_name_needs_a_start(tmp_path: Path) -> None:
    def renamed(one: Instrument) -> Instrument:
        return replace(one, id=InstrumentId("NSE_EQ|INE002A01026"))

    with pytest.raises(ConfigError, match=r"RELIANCE .* is RELIANCE .* today: restart to trade it"):
        two_days(tmp_path, renamed)
