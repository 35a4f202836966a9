"""Log lines go to standard error, one JSON object each where nobody is watching."""

import io
import json
import sys
from collections.abc import Iterator

import pytest
import structlog

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
