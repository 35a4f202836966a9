"""`config show | check | new`: every key with value and origin, and a template that is valid."""

from pathlib import Path

import pytest

from cli.config_commands import models
from daemon.config import TABLES, Settings
from tests.cli.command import call


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_show_tells_every_key_and_where_its_value_comes_from(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "tradingd.toml").write_text("[risk]\nleverage = 2.0\n")
    monkeypatch.setenv("TRADINGD_RISK__MAX_CAPITAL", "50000")
    answer = call(capfd, "config", "show", "--set", "ema_fast=9", "max_daily_loss=100")
    said = dict(line.split(" = ", 1) for line in answer.out.splitlines())

    for section, model in TABLES.items():
        assert {f"{section}.{key}" for key in model.model_fields} <= set(said)
    assert said["risk.leverage"].split() == ["2.0", "#", "tradingd.toml"]
    assert said["risk.max_capital"].split() == [
        *("50000.0", "#", "environment", "TRADINGD_RISK__MAX_CAPITAL")
    ]
    assert said["strategies.pixity.ema_fast"].split() == ["9", "#", "command", "line"]
    assert said["risk.slippage_bps"].split() == ["2.0", "#", "default"]


def test_the_template_is_good_as_it_is_and_with_every_default_written_out(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    template = call(capfd, "config", "new").out
    written = "\n".join(
        line[1:] if line.startswith("#") and not line.startswith("# ") else line
        for line in template.splitlines()
    )
    (folder / "template.toml").write_text(template)
    (folder / "written.toml").write_text(written)

    for name in ("template.toml", "written.toml"):
        answer = call(capfd, "config", "check", "--config", name)
        assert (0, "") == (answer.code, answer.err)
    for key in Settings.model_fields:
        assert key in TABLES or f"#{key} = " in template
    for strategy in models():
        assert f"[strategies.{strategy}]" in template
