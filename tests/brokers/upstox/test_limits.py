"""Order calls by the windows: entries stop first, exits pass."""

import asyncio

from brokers.upstox.limits import OrderLimits, OrderPace
from core.session import DAY_NS
from providers.upstox.rest import RateWindows
from tests.brokers.upstox.rows import NOW_NS
from tests.virtual_loop import VirtualLoop, run_virtual


def pace_of(limits: OrderLimits) -> OrderPace:
    return OrderPace(limits, RateWindows(limits.broker))


def now_s() -> float:
    return asyncio.get_running_loop().time()


def test_entries_go_two_a_second_and_exits_at_the_brokers_pace() -> None:
    async def main() -> None:
        pace = pace_of(OrderLimits())
        for expected_s in (0.0, 0.0, 1.0, 1.0, 2.0):
            assert "" == await pace.entry(NOW_NS)
            assert expected_s == now_s()
        for _ in range(8):
            await pace.other(NOW_NS)
        assert 2.0 == now_s()
        await pace.other(NOW_NS)
        assert 3.0 == now_s()

    run_virtual(VirtualLoop(), main())


def test_an_entry_that_would_wait_long_is_refused_and_an_exit_waits() -> None:
    async def main() -> None:
        pace = pace_of(OrderLimits(broker={1: 5, 60: 10}, per_second=5))
        for _ in range(8):
            await pace.other(NOW_NS)
        began_s = now_s()

        assert "no room for an entry within 5 s" in await pace.entry(NOW_NS)
        assert began_s == now_s()
        for _ in range(3):
            await pace.other(NOW_NS)
        assert 60.0 == now_s()

    run_virtual(VirtualLoop(), main())


def test_the_last_calls_of_a_day_are_kept_for_exits() -> None:
    async def main() -> None:
        pace = pace_of(OrderLimits(per_day=5, kept_for_exits=2))
        pace.made_before(2, NOW_NS)

        assert "" == await pace.entry(NOW_NS)
        assert "order calls today 3 of 5" in await pace.entry(NOW_NS)
        for _ in range(4):
            await pace.other(NOW_NS)
        assert "order calls today 7 of 5" in await pace.entry(NOW_NS)
        assert "" == await pace.entry(NOW_NS + DAY_NS)

    run_virtual(VirtualLoop(), main())
