"""The digest of what decides: the same for the same sources, another for any edit."""

import sys
from pathlib import Path

import pytest

from strategies import identity
from strategies.identity import code_digest


@pytest.fixture(autouse=True)
def _forget() -> None:
    identity._program.cache_clear()


def test_the_same_sources_have_the_same_digest_whoever_asks() -> None:
    assert code_digest(["pixity"]) == code_digest(["ema_cross", "pixity"])


def test_an_edit_of_a_rule_is_another_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "core" / "rules").mkdir(parents=True)
    source = tmp_path / "core" / "rules" / "fees.py"
    monkeypatch.setattr(identity, "ROOT", tmp_path)
    digests = set()
    for text in ("a = 1\n", "a = 2\n"):
        source.write_text(text)
        identity._program.cache_clear()
        digests.add(code_digest([]))

    assert len(digests) == 2


def test_an_edit_of_a_plain_strategy_is_another_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    source = tmp_path / "of_my_own.py"
    digests = {code_digest([])}
    for text in ("a = 1\n", "a = 2\n"):
        source.write_text(text)
        digests.add(code_digest(["of_my_own:Class"]))

    assert len(digests) == 3
