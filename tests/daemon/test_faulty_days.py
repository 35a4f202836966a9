"""Days as they are in life are certified like any other: repaired, doubted, late, dead."""

from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.certificate import Certificate, certify_day
from daemon.plan import Plan
from stores.memory import MemoryMarketStore
from tests.daemon.days import play, play_to, synthetic_plan
from tests.daemon.faulty_feeds import dying
from tests.daemon.live_like import live_plan
from tests.daemon.test_lateness import after_the_pause
from tests.datasets import LIVELY

AWAY = ("11:00:20", "11:03:10")


def generated(*assignments: str) -> Plan:
    return synthetic_plan(*LIVELY, *assignments, history_sessions=1)


def without_candles(plan: Plan) -> Plan:
    plan.source.candles = lambda frame, clock: None  # type: ignore[method-assign]
    return plan


PLANS: dict[str, Callable[[], Plan]] = {
    "away, repaired": lambda: dying(generated(), *AWAY),
    "away, flagged": lambda: without_candles(dying(generated(), *AWAY)),
    "dead from three on": lambda: without_candles(dying(generated(), "15:00:00")),
    "silent on a live market": lambda: dying(live_plan(*LIVELY), *AWAY, says_so=False),
}


def certified(plan: Plan, directory: Path, *plans: Plan) -> Certificate:
    """Play `plan`, in several processes if there are more of it, and certify the day."""
    store = MemoryMarketStore(plan.source.instruments)
    for early in plans:
        play_to(early, directory, minutes=100, open_store=lambda path, ours: store)
    [outcome] = play(plan, directory, open_store=lambda path, ours: store)
    return certify_day(directory, outcome.day, store)


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLANS)
def test_a_faulty_day_is_green(kind: str, tmp_path: Path) -> None:
    certificate = certified(PLANS[kind](), tmp_path)

    assert certificate.verdict == "green", certificate.difference
    assert certificate.given["doubts"] >= (1 if kind.startswith("dead") else 2)  # type: ignore[operator]
    assert certificate.given["repaired bars"] == (4 if "repaired" in kind or "live" in kind else 0)


@pytest.mark.slow
def test_a_day_gone_on_with_after_an_hour_and_a_half_is_green(tmp_path: Path) -> None:
    later = live_plan(*LIVELY, starts=after_the_pause)
    certificate = certified(later, tmp_path, live_plan(*LIVELY))

    assert certificate.verdict == "green", certificate.difference
    assert certificate.given["late Minutes"] == 89
    assert certificate.given["repaired bars"] == 90
