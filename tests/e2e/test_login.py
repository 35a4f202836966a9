"""`login` as a user meets it: the command, the broker's dialog, a browser, and the kept token."""

import io
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.command import call
from tests.cli.test_login_commands import free_port
from tests.e2e.processes import PATIENCE_S, Running, running

SECRET = {"TRADINGD_UPSTOX_CLIENT_SECRET": "sandbox-secret"}


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with running("sandbox", "--token", "given") as sandbox:
        yield sandbox.line_with("http://").split()[1].rstrip(",")


def begun(broker: str, folder: Path, *more: str) -> Running:
    return Running(
        *("login", "--api", broker, "--state-dir", str(folder), "--api-key", "sandbox-app"),
        *("--redirect", f"http://127.0.0.1:{free_port()}/back", *more),
        environ=SECRET,
    )


def test_a_login_by_the_dialog_is_kept_told_of_and_taken_back(
    broker: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "var"
    login = begun(broker, folder)
    try:
        address = login.line_with("log in at").split()[-1]
        login.line_with("waiting")
        page = httpx.get(address, follow_redirects=True, timeout=PATIENCE_S)
        assert (0, True) == (login.ended(), "terminal" in page.text)
    finally:
        login.close()
    folder_mode = folder.stat().st_mode & 0o777
    told = ("login", "--state-dir", str(folder), "--api", broker)
    status, left, after = (call(capfd, *told, one) for one in ("--status", "--logout", "--status"))

    assert (0, 0, 4) == (status.code, left.code, after.code)
    assert "whose        Sandbox Trader (SANDBX)" in status.out
    assert left.out.startswith("logged out   revoked; ")
    assert (0o700, []) == (folder_mode, list((folder / "secrets").iterdir()))


def test_a_login_that_is_interrupted_leaves_in_order(broker: str, tmp_path: Path) -> None:
    login = begun(broker, tmp_path)
    try:
        login.line_with("waiting")
        login.send(signal.SIGINT)
        assert 130 == login.ended()
    finally:
        login.close()

    assert "tradingd: interrupted" == login.lines[-1]


def test_a_token_of_the_brokers_site_is_kept_as_read_only(
    broker: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = ("login", "--state-dir", str(tmp_path / "var"), "--api", broker)
    monkeypatch.setattr("sys.stdin", io.StringIO("given\nguessed\n"))  # as from a pipe
    kept, refused = (call(capfd, *told, "--analytics") for _ in range(2))
    status = call(capfd, *told, "--status")

    assert (0, 4, 0) == (kept.code, refused.code, status.code)
    assert "UDAPI100050" in refused.err
    assert "may          read: feed and data" in status.out
    assert "given" not in kept.out + status.out
