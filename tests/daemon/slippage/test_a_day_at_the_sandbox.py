"""A whole live day at the local exchange: green, reported, and each fill beside paper's."""

from contextlib import closing

import polars as pl
import pytest

from core.ports import EventKind
from daemon.proof.certificate import certify_day
from daemon.proof.report import Report, report_day
from daemon.slippage.kept import kept, legs_of_day, run_days
from stores.ledger_reader import open_read_only
from tests.daemon.live_day import DAY, LiveDay, live_day

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> LiveDay:
    near = ("sl_mult=0.6", "tp_mult=0.6")  # within the two minutes that a position lasts
    return live_day(tmp_path_factory.mktemp("whole"), assignments=near)


@pytest.fixture(scope="module")
def report(day: LiveDay) -> Report:
    return report_day(day.directory, day.plan, DAY, day.store)


def test_the_day_is_green_with_its_reports_given(day: LiveDay) -> None:
    certificate = certify_day(day.directory, DAY, day.store)
    reports = len(day.inputs(EventKind.BROKER_REPORT))

    assert certificate.difference is None
    assert reports == certificate.given["broker reports"] > 20
    assert len(day.inputs(EventKind.TARGET_TOUCHED)) == certificate.given["target touches"]


def test_every_fill_of_the_exchange_is_in_a_leg_beside_papers(day: LiveDay, report: Report) -> None:
    legs = report.legs
    assert legs is not None
    shares = sum(one.quantity for one in day.tape)

    assert shares == legs["quantity"].sum() > 0
    assert {"entry", "stop", "target", "time"} <= set(legs["role"])
    compared, left = legs.filter(pl.col("without") == ""), legs.filter(pl.col("without") != "")
    assert compared.height > 20
    assert left["without"].str.starts_with("live: rejected not sent: order calls today").all()
    decided = compared.filter(pl.col("decided_ns").is_not_null())
    assert (decided["sent_ns"] >= decided["decided_ns"]).all()
    assert (decided["acknowledged_ns"] >= decided["sent_ns"]).all()
    assert (decided["delay_ms"] > -1000).all()  # the exchange stamps whole seconds


def test_the_report_says_that_the_fills_are_a_brokers_and_nothing_is_unexplained(
    report: Report,
) -> None:
    assert report.side == "live"
    assert report.unexplained == []
    assert "fills" in {str(one.cause) for one in report.found}
    assert any(line.startswith("slippage ") and "contract note" in line for line in report.lines())
    assert "| live |" in report.text()


def test_what_is_kept_is_what_the_ledger_tells(day: LiveDay, report: Report) -> None:
    with closing(open_read_only(day.directory)) as ledger:
        [run] = run_days(ledger)
        again = legs_of_day(ledger, run)
    frame = kept(day.directory, DAY)
    assert frame is not None
    assert report.legs is not None
    assert frame.equals(again)
    assert frame.equals(report.legs)
