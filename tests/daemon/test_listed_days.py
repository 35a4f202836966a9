"""Days by what the broker's list says of their instruments: tick sizes, and who is only watched."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.ports import EventKind
from core.session import parse_day
from daemon.plan import Plan
from daemon.proof.certificate import certify_day
from daemon.proof.recipe import instruments_of
from daemon.proof.report import report_day
from daemon.sources import SyntheticSource, chosen_instruments
from stores.market import MARKET_FILE, DuckMarketStore
from tests.daemon.days import play, recorded, rows, synthetic_plan
from tests.datasets import LIVELY

RUPEE = 100  # no share of this price has such a tick by the table
MUHURAT = parse_day("2025-10-21")  # an hour long


def plan_by(tick_paise: int) -> Plan:
    """RELIANCE traded by a tick of the list, TATAPOWER watched."""
    plan = synthetic_plan(*LIVELY, "timeframe=1m", history_sessions=2)
    traded, watched = chosen_instruments(["RELIANCE"], ["TATAPOWER"])
    assert isinstance(plan.source, SyntheticSource)
    plan.source.instruments = (replace(traded, tick_paise=tick_paise), watched)
    return plan


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("traded")
    play(plan_by(RUPEE), directory, MUHURAT, open_store=DuckMarketStore)
    return directory


def test_the_ticks_of_the_list_round_the_prices_of_the_day(traded: Path) -> None:
    trades = rows(traded, "trades")
    prices = {float(str(row[name])) for row in trades for name in ("entry_price", "exit_price")}

    assert trades
    assert {0.0} == {price % 1.0 for price in prices}


def test_strategies_decide_on_a_watched_instrument_and_no_entry_is_sent(traded: Path) -> None:
    signals = rows(traded, "signals")
    watched = [one for one in signals if one["instrument"] == "TATAPOWER"]

    assert "observe" in {one["refusal"] for one in watched}
    assert "ACTED" not in {one["status"] for one in watched}
    assert {"RELIANCE"} == {str(one["instrument"]) for one in rows(traded, "orders")}


def test_the_day_is_certified_by_the_list_it_had(traded: Path) -> None:
    """Whatever the list of today says: the ledger's start holds what the day went by."""
    [start] = recorded(traded, [EventKind.RUN_START])
    instruments = instruments_of(start.payload["recipe"])  # type: ignore[arg-type]

    assert plan_by(RUPEE).source.instruments == instruments
    with closing(DuckMarketStore(traded / MARKET_FILE, instruments, read_only=True)) as store:
        assert certify_day(traded, MUHURAT, store).difference is None


def test_an_evening_made_up_for_under_a_later_list_explains_every_row(traded: Path) -> None:
    plan = plan_by(5)

    with closing(
        DuckMarketStore(traded / MARKET_FILE, plan.source.instruments, read_only=True)
    ) as store:
        report = report_day(traded, plan, MUHURAT, store)

    assert report.backtest.trades
    assert () == report.found


def test_a_start_without_the_watched_mark_is_of_a_day_that_watched_nothing() -> None:
    [one] = instruments_of({"instruments": [["NSE_EQ|INE002A01018", "RELIANCE", "CASH", 10]]})

    assert (10, False) == (one.tick_paise, one.is_watched)
