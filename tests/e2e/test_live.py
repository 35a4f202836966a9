"""Real orders from a terminal, at the local exchange: consented to day by day, and not without."""

import signal
from pathlib import Path

import pytest

from core.ports import EventKind
from core.session import parse_day
from daemon.config import ALLOW_LIVE
from tests.consenting import ACCOUNT, configured_live, consented
from tests.daemon.days import recorded, rows
from tests.e2e.processes import QUICK_DAY, asked, result_of
from tests.e2e.terminal import terminal

MUHURAT, NEXT = "2025-10-21", "2025-10-23"
SETS = (*QUICK_DAY[QUICK_DAY.index("--set") + 1 :], "symbols=RELIANCE")
ALLOWED = {ALLOW_LIVE: ACCOUNT}


@pytest.mark.slow
def test_each_day_is_typed_at_the_terminal_and_a_later_one_waits_for_it(tmp_path: Path) -> None:
    directory = tmp_path / "var"
    directory.mkdir(mode=0o700)
    file, _ = configured_live(tmp_path, SETS)
    place = ["--config", str(file), "--state-dir", str(directory), "--set", *SETS]
    run = ["run", "--mode", "live", "--day", MUHURAT, "--days", "2", "--speed", "max"]
    with terminal(*run, "--port", "0", *place, environ=ALLOWED) as daemon:
        sentence = daemon.wait_for("to confirm   type: ")
        daemon.type(sentence)
        address = "http://" + daemon.wait_for("http://")
        daemon.wait_for("live_day_waits")
        waits = asked(address, "/api/daemon-state")["data"]
        asks = asked(address, "/health/ready")["data"][0]
        with terminal("confirm", *place) as typing:
            typing.type(typing.wait_for("to confirm   type: "))
            assert 0 == typing.ended(), typing.shown
        daemon.wait_for("day_opened")
        code, status = result_of("status", "--state-dir", str(directory))
        daemon.send(signal.SIGTERM)
        assert 0 == daemon.ended(), daemon.shown

    assert f"trade account {ACCOUNT} with real orders on {MUHURAT}" == sentence
    assert f"LIVE sandbox seed 1, account {ACCOUNT}, day {MUHURAT}" in daemon.shown
    assert "LIVE         real orders at sandbox seed 1, account SANDBX\nday " in daemon.shown
    assert ("live", "sandbox seed 1", ACCOUNT) == (waits["mode"], waits["broker"], waits["account"])
    assert f"consent to real orders: what is confirmed is day {MUHURAT}" in waits["waiting_for"]
    assert {"name": "mode", "ok": True} == {key: asks[key] for key in ("name", "ok")}
    assert asks["detail"].endswith("account ..BX")
    assert (0, True) == (code, f"LIVE sandbox seed 1, account {ACCOUNT}" in status[0])
    first = parse_day(MUHURAT)
    assert [first, parse_day(NEXT)] == [
        event.payload["day"] for event in recorded(directory, [EventKind.DAY_OPENED])
    ]
    assert len(rows(directory, "fills", first)) > 1
    assert {"E", "S"} == {str(row["order_id"])[-1] for row in rows(directory, "fills", first)}


@pytest.mark.slow
def test_real_days_and_days_on_paper_are_never_in_one_directory(tmp_path: Path) -> None:
    """The other way round is as well refused, before anything is asked of the exchange."""
    directory = tmp_path / "var"
    paper = ["run", "--day", MUHURAT, "--speed", "max", "--port", "0"]
    code, lines = result_of(*paper, "--state-dir", str(directory), "--set", *SETS)
    assert 0 == code, lines
    ready = consented(tmp_path, directory, NEXT, SETS)
    code, lines = result_of(*ready.words, "--port", "0", environ=ready.environ)

    assert 2 == code
    assert lines[-1] == (
        f"tradingd: state directory {directory} belongs to mode paper, sandbox seed 1; this is"
        f" mode live, account {ACCOUNT}, sandbox seed 1: give another --state-dir"
    )
