"""The page of a live day: every command on it is understood, and the file it shows is taken."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from cli.config_commands import configuration
from cli.main import expanded
from cli.verbs import PROGRAM, app
from daemon.config import ALLOW_LIVE
from daemon.consent.acts import require_acts
from tests.e2e.processes import ROOT

PAGE = (ROOT / "docs" / "live.md").read_text()
COMMANDS = re.findall(rf"^\s*(?:\w+=\w+ )?{PROGRAM} (.+)$", PAGE, re.M) + re.findall(
    rf"bin/{PROGRAM} ([^`]+)`", PAGE
)


def test_every_step_has_its_command() -> None:
    verbs = {words.split()[0] for words in COMMANDS}

    assert {"login", "doctor", "run", "confirm", "status", "halt", "flatten", "resume"} == verbs


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_is_understood(words: str) -> None:
    """Parsed, not run: that is tests/e2e/test_live.py."""
    verb, *options = shlex.split(words)
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    options = ["x" if "=" in one else one for one in options]

    group.commands[verb].make_context(PROGRAM, expanded(options))


def test_the_configuration_that_is_shown_is_allowed_to_trade(tmp_path: Path) -> None:
    [shown] = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    file = tmp_path / "tradingd.toml"
    file.write_text(shown)
    configured = configuration(file, ())

    require_acts(configured, {ALLOW_LIVE: "AB1234"})
    assert configured.settings.brakes.orders_kept_for_exits == 40
