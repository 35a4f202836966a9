"""What is measured is kept in buckets that do not grow, and counted by what it was."""

import asyncio
from collections import Counter
from pathlib import Path

from core.ports import EventKind
from daemon.bootstrap import Daemon
from daemon.lock import StateLock
from daemon.pulse.meters import BOUNDS_S, Durations
from stores.owner import InlineOwner
from tests.daemon.days import in_memory, replay_plan, rows, told
from tests.datasets import LIVELY, MARKETS, generated, request_on


def test_a_quantile_is_a_bound_that_holds_for_its_share() -> None:
    durations = Durations()
    for ms in range(1, 101):
        durations.add(ms / 1_000)

    assert 100 == durations.count
    assert 0.05 == durations.quantile_s(0.50)
    assert 0.1 == durations.quantile_s(0.99)
    assert 0.1 == durations.longest_s


def test_a_quantile_is_never_over_the_longest() -> None:
    durations = Durations()
    durations.add(0.0003)

    assert 0.0003 == durations.quantile_s(0.99)


def test_without_a_measurement_there_is_nothing_to_tell() -> None:
    assert 0.0 == Durations().quantile_s(0.99)


def test_what_is_longer_than_every_bound_is_kept_too() -> None:
    durations = Durations()
    durations.add(BOUNDS_S[-1] * 3)

    assert BOUNDS_S[-1] * 3 == durations.quantile_s(0.5)


def test_a_clock_that_is_ahead_gives_no_negative_duration() -> None:
    durations = Durations()
    durations.add(-1.0)

    assert 0.0 == durations.total_s
    assert 1 == durations.counts[0]


def test_a_day_is_counted_as_the_ledger_has_it(tmp_path: Path) -> None:
    plan = replay_plan(request_on(generated("week", seed=2), *LIVELY))
    daemon = Daemon(
        plan,
        tmp_path,
        ledger_owner=InlineOwner(),
        store_owner=InlineOwner(),
        open_store=in_memory,
    )

    async def main() -> None:
        await daemon.open()
        await daemon.play(MARKETS["week"][0][1])
        await daemon.close()

    with StateLock(tmp_path):
        asyncio.run(main())
    meters = daemon.vitals.meters
    signals = Counter(
        (str(row["status"]).lower(), str(row["refusal"] or "none"))
        for row in rows(tmp_path, "signals")
    )

    assert meters.signals == signals
    assert meters.signals["acted", "none"] > 0
    assert meters.orders["entry", "intended"] == meters.signals["acted", "none"]
    filled = {role: many for (role, state), many in meters.orders.items() if state == "filled"}
    assert filled["entry"] == sum(filled.values()) / 2 == meters.trades > 0
    assert (meters.fills, meters.trades) == (
        len(rows(tmp_path, "fills")),
        len(rows(tmp_path, "trades")),
    )
    minutes = len(told(tmp_path, [EventKind.MINUTE]))
    assert meters.decision.count == minutes
    assert meters.commit.count >= minutes
