"""After a day, and beside one: the evening's files, `doctor` and `sql`, as processes."""

import json
from pathlib import Path

import polars as pl
import pytest

from tests.daemon.days import rows
from tests.e2e.processes import QUICK_DAY, result_of, running, wait_for_minutes

DAY = "2026-07-27"


def run(directory: Path, speed: str) -> list[str]:
    return ["run", "--speed", speed, "--port", "0", "--state-dir", str(directory), *QUICK_DAY]


def asked(directory: Path, sql: str, *more: str) -> tuple[int, list[str]]:
    return result_of("sql", sql, "--state-dir", str(directory), *more)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of a generated day that was played to its end."""
    path = tmp_path_factory.mktemp("evening") / "var"
    code, lines = result_of(*run(path, "max"))
    assert code == 0, lines
    assert [] == [line for line in lines if "chore_failed" in line]
    return path


def test_the_evening_leaves_an_archive_that_a_backtest_reads(
    directory: Path, tmp_path: Path
) -> None:
    code, lines = result_of(
        *("backtest", "--data", str(directory / "bars"), "--from", DAY, "--out", str(tmp_path)),
        *QUICK_DAY[QUICK_DAY.index("--set") :],
    )

    assert code == 0, lines
    trades = pl.read_parquet(tmp_path / "trades.parquet").drop("signal_id")
    assert len(trades) > 0
    expected = [{name: row[name] for name in trades.columns} for row in rows(directory, "trades")]
    assert trades.to_dicts() == expected
    assert len(list((directory / "bars").rglob("*.parquet"))) == 5  # and its four of history


def test_the_doctor_finds_nothing_wrong(directory: Path) -> None:
    code, lines = result_of("doctor", "--state-dir", str(directory))
    checks = {line[6:18].strip(): line for line in lines}

    assert code == 0, lines
    for name in ("directory", "ledger", "chain", "head", "projections", "market store"):
        assert checks[name].startswith("ok "), checks[name]
    assert checks["last day"] == f"ok    last day     {DAY}, closed"
    assert f"ledger-{DAY}.db, 0 days old" in checks["backups"]


def test_sql_answers_over_both_stores(directory: Path) -> None:
    code, lines = asked(
        directory,
        "SELECT t.instrument, count(*) AS n FROM trades t"
        " JOIN bars b ON b.symbol = t.instrument AND b.open_ns = t.entry_ns GROUP BY ALL",
        "--json",
    )

    assert code == 0, lines
    trades = len(rows(directory, "trades"))
    assert [{"instrument": "RELIANCE", "n": trades}] == json.loads("".join(lines))


def test_beside_the_daemon_sql_answers_and_the_doctor_keeps_off_the_market(
    tmp_path: Path,
) -> None:
    with running(*run(tmp_path, "60")) as daemon:
        wait_for_minutes(daemon.address(), 1)
        minutes = asked(tmp_path, "SELECT count(*) > 0 AS n FROM events WHERE kind = 'MINUTE'")
        market = asked(tmp_path, "SELECT count(*) > 0 AS n FROM bars")
        both = asked(tmp_path, "SELECT * FROM bars, events")
        code, lines = result_of("doctor", "--state-dir", str(tmp_path))

        assert minutes == (0, ["n", "true"])
        assert market == (0, ["n", "true"])
        assert both[0] == 3
        assert code == 0, lines
        assert any("not opened: the daemon holds it" in line for line in lines)
        assert daemon.process.poll() is None
