"""A feed that joins a running day tells the last trades first, and nothing that was none."""

import asyncio
import math

import numpy as np
import pytest

from core.ports import FeedItem, FeedUp, TickBatch
from core.session import MINUTE_NS, SECOND_NS
from core.types import Records
from daemon.clocks import VirtualClock
from providers.joining import joined
from tests.core.tick_tapes import OPEN_NS, ticks_of


def told_at(now_ns: int, *batches: Records) -> Records:
    """The ticks that a feed tells at `now_ns`, all `batches` having come before it."""
    items: list[FeedItem] = [FeedUp(OPEN_NS - SECOND_NS)]
    items += [TickBatch(int(ticks["recv_ns"][0]), ticks) for ticks in batches]

    async def read() -> list[FeedItem]:
        return [item async for item in joined(iter(items), VirtualClock(now_ns), 2)]

    told = [item.ticks for item in asyncio.run(read()) if isinstance(item, TickBatch)]
    return np.concatenate(told)


def test_the_last_trade_of_each_instrument_is_told() -> None:
    first, second = (
        ticks_of([(1, 100.0, 10), (2, 101.0, 20)]),
        ticks_of([(3, 50.0, 5)], instrument=1),
    )
    told = told_at(OPEN_NS + MINUTE_NS, first, second)

    assert told[["instrument", "price", "volume"]].tolist() == [(0, 101.0, 20), (1, 50.0, 5)]
    assert set(told["recv_ns"].tolist()) == {OPEN_NS + MINUTE_NS}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", math.nan),
        ("price", -1.0),
        ("price", math.inf),
        ("quantity", 0),
        ("volume", 3),  # the volume of the day does not fall
        ("exch_ns", OPEN_NS + 30 * SECOND_NS),  # half a minute ahead of its arrival
    ],
)
def test_what_no_bar_takes_is_not_told_as_the_last_trade(field: str, value: float) -> None:
    wrong = ticks_of([(2, 101.0, 20)])
    wrong[field] = value
    told = told_at(OPEN_NS + MINUTE_NS, ticks_of([(1, 100.0, 10)]), wrong)

    assert told[["price", "volume"]].tolist() == [(100.0, 10)]
