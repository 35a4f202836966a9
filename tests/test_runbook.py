"""Whoever is sent to the runbook finds there what was promised."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.runbook import HEADINGS, explained

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core", "stores", "providers", "brokers", "strategies", "backtest", "daemon", "cli")
SENT = re.compile(r"'([^']+)' in docs/runbook\.md")


def sections_named() -> Iterator[str]:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield from SENT.findall(node.value)


def test_every_section_that_a_message_names_exists() -> None:
    named = set(sections_named())

    assert {"The ledger is refused", "A re-run differs"} <= named
    assert named - set(HEADINGS) == set()


def test_a_message_that_is_not_in_the_runbook_is_noticed() -> None:
    assert explained("ledger.db ends at event 5, remembered is 9; nothing was changed") != []
    assert explained("ledger.db has a cold") == []
