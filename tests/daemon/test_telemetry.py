"""Log lines go to standard error, one JSON object each where nobody is watching."""

import io
import json
import sys
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr

from daemon import telemetry


@pytest.fixture(autouse=True)
def configuration() -> Iterator[None]:
    """Put back what the test configures."""
    yield
    structlog.reset_defaults()


def test_a_log_line_is_a_json_object_with_level_and_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    telemetry.configure()
    structlog.get_logger().info("order_filled", quantity=5)
    told = capsys.readouterr()
    record = json.loads(told.err)

    assert told.out == ""
    assert (record["event"], record["quantity"], record["level"]) == ("order_filled", 5, "info")
    assert record["timestamp"].endswith("Z")


def test_lines_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure("error")
    structlog.get_logger().info("order_filled")
    structlog.get_logger().error("market_store_failed")

    assert json.loads(capsys.readouterr().err)["event"] == "market_store_failed"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_person_gets_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    telemetry.configure()
    structlog.get_logger().info("order_filled")

    assert "order_filled" in terminal.getvalue()
    assert "{" not in terminal.getvalue()


SECRET = "planted-and-long-and-secret"


class Holder:
    def __repr__(self) -> str:
        return f"Holder({SECRET})"


def told_of_secrets() -> None:
    log = structlog.get_logger()
    log.info("asked", reason=f"GET /?code={SECRET}", held=Holder(), of=[SECRET])
    log.info("telling_key", access_token="unknown-to-us", feed={"authorization": SECRET})
    try:
        local = SECRET
        raise RuntimeError(f"refused: {local}")
    except RuntimeError as error:
        log.error("failed", exc_info=error)


def test_a_known_secret_is_in_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(secrets=[SecretStr(SECRET)])
    told_of_secrets()
    text = capsys.readouterr().err
    lines = [json.loads(line) for line in text.splitlines()]

    assert SECRET not in str(lines)
    assert "planted" not in text
    assert "RuntimeError: refused: **********" in lines[2]["exception"]


def test_a_secret_that_comes_later_is_in_no_line_and_the_first_ones_stay_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    redaction = telemetry.configure(secrets=[SecretStr("first-secret")])
    redaction.keep(SecretStr("page-token"))
    for number in range(100):
        redaction.learn(SecretStr(f"token-of-login-{number}"))
    structlog.get_logger().info("asked", of=["first-secret", "page-token", "token-of-login-99"])
    text = capsys.readouterr().err

    assert "first-secret" not in text
    assert "page-token" not in text
    assert "token-of-login" not in text


def test_what_a_key_calls_a_secret_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure()
    structlog.get_logger().info("asked", access_token="abc", password="abc", api_key="abc")
    record = json.loads(capsys.readouterr().err)

    assert {"**********"} == {record[key] for key in ("access_token", "password", "api_key")}


def test_a_person_sees_no_secret_and_no_local_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    telemetry.configure(secrets=[SecretStr(SECRET)])
    told_of_secrets()

    assert "RuntimeError: refused: **********" in terminal.getvalue()
    assert "planted" not in terminal.getvalue()
