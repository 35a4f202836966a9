"""Days on which something went wrong are what follows from their ticks, too."""

from dataclasses import replace
from pathlib import Path

import pytest

from daemon.plan import Plan
from daemon.proof.certificate import Certificate, certify_day
from stores.memory import MemoryMarketStore
from tests.daemon.days import play, synthetic_plan
from tests.daemon.faulty_feeds import dying
from tests.datasets import LIVELY


def certified(plan: Plan, directory: Path) -> Certificate:
    store = MemoryMarketStore(plan.source.instruments)
    [outcome] = play(plan, directory, open_store=lambda path, instruments: store)
    assert outcome.complete
    return certify_day(directory, outcome.day, store)


def lively(*assignments: str) -> Plan:
    return synthetic_plan(*LIVELY, *assignments, symbols=("RELIANCE", "INFY"), history_sessions=1)


def test_a_day_whose_feed_died_for_good_is_green_with_its_doubts(tmp_path: Path) -> None:
    certificate = certified(dying(lively(), "15:00:00"), tmp_path)

    assert certificate.difference is None
    assert int(str(certificate.given["doubts"])) > 0


@pytest.mark.parametrize("says_so", [True, False])
def test_a_day_whose_feed_was_away_is_green_with_what_was_repaired(
    tmp_path: Path, says_so: bool
) -> None:
    certificate = certified(dying(lively(), "11:00:20", "11:03:10", says_so=says_so), tmp_path)

    assert certificate.difference is None
    assert (int(str(certificate.given["repaired bars"])) > 0) is says_so


def test_every_book_of_a_day_is_certified(tmp_path: Path) -> None:
    plan = lively()
    [(_, kind, settings)] = plan.strategies
    plan = replace(plan, shadows=(("trial", (("shadow", kind, settings),)),))
    certificate = certified(plan, tmp_path)

    assert certificate.difference is None
    assert certificate.computed["cash"]["rows"] == 2
