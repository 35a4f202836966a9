"""Days as they are in life are certified like any other: repaired, doubted, late, dead."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.session import ist_text, live_session
from daemon.plan import Plan
from daemon.proof.certificate import Certificate, certify_day
from daemon.sources import RecordedSource
from providers.dataset import DataOptions
from providers.recorded import RecordedTicks
from providers.synthetic_market import SyntheticMarket
from stores.memory import MemoryMarketStore
from tests.daemon.days import play, play_to, rows, synthetic_plan
from tests.daemon.faulty_feeds import dying
from tests.daemon.intake.test_lateness import after_the_pause
from tests.daemon.live_like import live_plan
from tests.datasets import LIVELY

AWAY = ("11:00:20", "11:03:10")


def generated(*assignments: str) -> Plan:
    return synthetic_plan(*LIVELY, *assignments, history_sessions=1)


def without_candles(plan: Plan) -> Plan:
    plan.source.candles = lambda frame, clock: None  # type: ignore[method-assign]
    return plan


def recorded(tmp_path: Path) -> Plan:
    """The ticks of a generated day as a capture."""
    plan = generated("time_stop_bars=200", "sl_mult=40", "tp_mult=40")
    [instrument], day = plan.source.instruments, plan.source.next_day(-1)
    session = live_session(day, instrument.session_class)
    ticks = np.concatenate(
        [ticks.copy() for ticks in SyntheticMarket(1, [instrument], [session]).minutes()]
    )
    pl.DataFrame(
        {
            "symbol": [instrument.symbol] * len(ticks),
            "ts": pl.Series(ticks["exch_ns"]).cast(pl.Datetime("ns", "UTC")),
            "ltp": ticks["price"],
            "volume": ticks["volume"],
            "capture_date": pl.Series([day] * len(ticks), dtype=pl.Int32).cast(pl.Date),
            "capture_part": [1] * len(ticks),
            "seq": range(len(ticks)),
        }
    ).write_parquet(tmp_path / "ticks.parquet")
    captured = RecordedTicks(tmp_path / "ticks.parquet")
    source = RecordedSource(
        captured, DataOptions(), speed=math.inf, terms=plan.terms, grace_ns=2_000_000_000
    )
    return replace(plan, source=source)


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


@pytest.mark.slow
def test_a_recorded_feed_dead_from_three_on_is_squared_off_and_green(tmp_path: Path) -> None:
    plan = dying(recorded(tmp_path), "15:00:00")
    store = MemoryMarketStore(plan.source.instruments)
    day = plan.source.next_day(-1)
    [outcome] = play(plan, tmp_path / "state", day, open_store=lambda path, ours: store)
    asked = [row for row in rows(tmp_path / "state", "orders") if row["role"] == "SQUARE_OFF"]
    [trade] = rows(tmp_path / "state", "trades")

    assert outcome.complete
    assert [ist_text(int(str(row["created_ns"])))[11:19] for row in asked] == ["15:10:00"]
    assert trade["exit_reason"] == "FORCED"
    assert certify_day(tmp_path / "state", day, store).verdict == "green"
