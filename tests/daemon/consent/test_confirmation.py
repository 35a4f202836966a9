"""A typed sentence holds for its account, exchange, day and configuration, and for nothing else."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ConfigError
from daemon.consent.confirmation import FILE, Terms, confirm, lacks, setup_of, terms_of
from tests.consenting import TYPED_NS, configured_live
from tests.market import DAY

TERMS = Terms(account="AB1234", exchange="upstox", day="2026-11-20", setup="0123456789abcdef")
SENTENCE = "trade account AB1234 with real orders on 2026-11-20"


def confirmed(directory: Path, terms: Terms = TERMS) -> Path:
    confirm(directory, terms, f"{terms.sentence}\n", TYPED_NS, "trader")
    return directory / FILE


def test_the_sentence_names_account_and_date() -> None:
    assert SENTENCE == TERMS.sentence


def test_what_was_typed_is_kept_for_its_owner_alone_with_who_and_when(tmp_path: Path) -> None:
    file = confirmed(tmp_path)
    kept = json.loads(file.read_text())

    assert "" == lacks(tmp_path, TERMS)
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert ("trader", "2026-11-20T09:10:00+05:30") == (kept["by"], kept["confirmed"])


@pytest.mark.parametrize(
    "typed",
    ["", "yes", SENTENCE.upper(), SENTENCE[:-1], f"{SENTENCE}.", SENTENCE.replace("1234", "1235")],
)
def test_anything_but_the_very_sentence_confirms_nothing(typed: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"not exactly: {SENTENCE}"):
        confirm(tmp_path, TERMS, typed, TYPED_NS, "trader")

    assert "2026-11-20 is not confirmed: tradingd confirm" == lacks(tmp_path, TERMS)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"account": "CD5678"}, "what is confirmed is account ..34, this is ..78"),
        ({"exchange": "sandbox seed 1"}, "exchange upstox, this is sandbox seed 1"),
        ({"day": "2026-11-23"}, "what is confirmed is day 2026-11-20, this is 2026-11-23"),
        (
            {"setup": "f" * 16},
            "another configuration or program, which makes",
        ),
    ],
)
def test_it_holds_for_nothing_else(other: dict[str, str], said: str, tmp_path: Path) -> None:
    confirmed(tmp_path)

    assert said in lacks(tmp_path, replace(TERMS, **other))  # type: ignore[arg-type]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"account": 7}', "sure"])
def test_a_file_of_another_form_confirms_nothing(content: str, tmp_path: Path) -> None:
    file = confirmed(tmp_path)
    file.write_text(content)

    assert lacks(tmp_path, TERMS)


def test_a_file_that_others_may_write_confirms_nothing(tmp_path: Path) -> None:
    confirmed(tmp_path).chmod(0o622)

    assert "open to others" in lacks(tmp_path, TERMS)


# --- what is confirmed ---------------------------------------------------------------------------


def setup(folder: Path, *sets: str) -> str:
    return setup_of(configured_live(folder, sets)[1])


@pytest.mark.parametrize(
    "changed",
    [
        "risk.max_daily_loss=4999",
        "symbols=TATAPOWER",
        "brakes.max_orders_per_day=101",
        "feed.seed=2",
        "pixity.sl_mult=0.7",
        "upstox.api=http://127.0.0.1:9000",
    ],
)
def test_whatever_decides_makes_another_setup(changed: str, tmp_path: Path) -> None:
    changed = changed.replace("pixity.", "strategies.pixity.")

    assert setup(tmp_path) != setup(tmp_path, changed)


@pytest.mark.parametrize(
    "changed", ["dashboard.port=9", "paths.state_dir=/elsewhere", "feed.speed=max"]
)
def test_what_decides_nothing_does_not(changed: str, tmp_path: Path) -> None:
    assert setup(tmp_path) == setup(tmp_path, changed)


def test_another_program_makes_another_setup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = setup(tmp_path)
    monkeypatch.setattr("daemon.consent.confirmation.code_digest", lambda kinds: "another")

    assert before != setup(tmp_path)


def test_terms_are_of_the_account_that_is_configured(tmp_path: Path) -> None:
    terms = terms_of(configured_live(tmp_path, account="AB1234")[1], "upstox", DAY)

    assert ("AB1234", "upstox", "2026-07-22") == (terms.account, terms.exchange, terms.day)
