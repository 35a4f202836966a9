"""Real orders at the own sandbox: however fast its time passes, it waits for them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from core.ports import EventKind
from sandbox.market.world import MS_NS
from sandbox.orders.order import Order
from strategies.registry import settings_of
from strategies.settings import RiskSettings, resolve
from tests.cli.sandbox_days import MUHURAT, minutes_in, sandbox_plan
from tests.daemon.days import played, recorded, rows
from tests.daemon.live_day import FREQUENT, TERMS

MINUTES = 5
SOON_MS = 3_000  # the grace of a Minute is two seconds


class Day(NamedTuple):
    directory: Path
    orders: Sequence[Order]


def live_day(directory: Path, speed: float = float("inf")) -> Day:
    """The first minutes of the day, traded at the own sandbox."""

    async def main() -> Day:
        stop = asyncio.Event()
        async with sandbox_plan(mode="live", speed=speed, history_sessions=1) as (plan, venue):
            _, settings = resolve(RiskSettings(), settings_of(FREQUENT)(), TERMS[:4])
            plan = replace(plan, account="TEST01", strategies=(("frequent", FREQUENT, settings),))

            def appended(_: int) -> None:
                if minutes_in(directory) >= MINUTES:
                    stop.set()

            await played(plan, directory, [MUHURAT], after_append=appended, stop=stop)
            return Day(directory, list(venue.sandbox.orders.desk.orders.values()))

    return asyncio.run(main())


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return live_day(tmp_path_factory.mktemp("live"))


def test_an_order_reaches_the_exchange_in_the_moment_it_was_decided_in(day: Day) -> None:
    decided = {
        row["order_id"]: int(str(row["created_ns"])) for row in rows(day.directory, "orders")
    }
    entries = [one for one in day.orders if str(one.terms.tag).endswith("-E")]
    after_ms = [one.trail[0].time_ms - decided[one.terms.tag] // MS_NS for one in entries]

    assert len(entries) > 1
    assert max(after_ms) <= SOON_MS


def test_what_is_traded_is_told_within_a_second_of_the_market(day: Day) -> None:
    traded = {
        (trade.order.terms.tag, trade.trade_id): trade.time_ms
        for order in day.orders
        for trade in order.trades
    }
    told = [
        one.payload
        for one in recorded(day.directory, [EventKind.BROKER_REPORT])
        if one.payload["kind"] == "FILLED"
    ]
    after_ms = [
        int(str(one["ts_ns"])) // MS_NS - traded[str(one["order_id"]), str(one["fill_id"])]
        for one in told
    ]

    assert len(told) > 2
    assert max(after_ms) <= 1_000


@pytest.mark.slow
def test_at_any_speed_the_same_orders_fill_at_the_same_prices(day: Day, tmp_path: Path) -> None:
    again = live_day(tmp_path, speed=600.0)
    names = ("order_id", "quantity", "price")
    ours, theirs = (
        [[row[name] for name in names] for row in rows(one.directory, "fills")]
        for one in (day, again)
    )

    assert ours == theirs
