"""Evidence is believed only where it is the file that was promoted, of the settings that run."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon.config import Configuration, load
from daemon.provenance import Origin, Provenance, provenance_of, tell
from strategies.identity import code_digest
from strategies.pixity import PixitySettings
from strategies.settings import RiskSettings

MODELS = {"pixity": PixitySettings}


def document(**changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "format": "tradingd evidence 1",
        "run": "ab12cd34ef56" + "0" * 52,
        "strategy": "pixity",
        "settings": PixitySettings(sl_mult=1.5).model_dump(mode="json"),
        "risk": RiskSettings().for_market(load(MODELS).settings.feed.session).model_dump(),
        "symbols": ["TCS", "INFY"],
        "out_of_sample": ["2022-01-03", "2024-06-28"],
        "code_digest": code_digest(["pixity"]),
        "figures": {
            "sharpe": 1.204,
            "deflated_sharpe": 0.971,
            "probability_of_overfitting": 0.2,
            "trials": 2160,
        },
        "checks": [{"figure": "trades", "limit": ">= 50", "passed": True}],
    }
    return told | changes


def configured(told: object, *assignments: str, digest: str | None = None) -> Configuration:
    text = told if isinstance(told, str) else json.dumps(told)
    Path("promoted.evidence.json").write_text(text)
    own = digest or sha256(text.encode()).hexdigest()
    Path("promoted.toml").write_text(
        f'[strategies.pixity]\nsl_mult = 1.5\nevidence = "promoted.evidence.json@{own}"\n'
    )
    return load(MODELS, file=Path("promoted.toml"), assignments=assignments)


def read(configuration: Configuration, *symbols: str) -> Provenance:
    (found,) = provenance_of(configuration, symbols or ("TCS",))
    return found


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_was_promoted_is_told_in_one_line() -> None:
    assert read(configured(document())) == Provenance(
        "pixity",
        Origin.PROMOTED,
        "promoted from run ab12cd34ef56, out of sample 2022-01-03 to 2024-06-28: Sharpe 1.20,"
        " deflated 0.97, overfitting 0.20, 2,160 trials",
    )


def test_without_evidence_only_the_word_is_there() -> None:
    assert read(load(MODELS)) == Provenance("pixity", Origin.NONE, "no evidence")


def test_a_changed_setting_or_account_is_named_with_what_it_was() -> None:
    found = read(configured(document(), "sl_mult=1.2", "leverage=3"))

    assert found.origin is Origin.DIFFERS
    assert found.told == "differs from its evidence: sl_mult 1.2, was 1.5; leverage 3.0, was 5.0"


def test_many_differences_are_counted() -> None:
    strange = read(configured(document()), "TCS", *"ABCDE")
    many = read(
        configured(document(), "ema_fast=7", "ema_slow=9", "tp_mult=9", "sl_mult=9", "leverage=9")
    )

    assert strange.told == "differs from its evidence: not tried on A, B, C and 2 more"
    assert many.told.endswith(" and 2 more")


def test_another_strategy_under_the_evidence_differs() -> None:
    found = read(configured(document(strategy="ema_cross")))

    assert found.told.startswith("differs from its evidence: strategy pixity, was ema_cross")


def test_loosened_limits_and_other_code_are_part_of_the_line() -> None:
    loosened = {"figure": "trades", "limit": ">= 10", "passed": True, "loosened_from": 50}

    found = read(configured(document(checks=[loosened], code_digest="other")))

    assert found.origin is Origin.PROMOTED
    assert found.told.endswith("2,160 trials, loosened: trades; the code has changed since")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: configured(document(), digest="0" * 64), "is not the file that was promoted"),
        (lambda: configured(document(format="else")), "is of another format"),
        (lambda: configured("{"), "is damaged: JSONDecodeError"),
        (lambda: configured("[]"), "is damaged: TypeError"),
        (lambda: configured(document(figures={})), "is damaged: KeyError"),
    ],
)
def test_evidence_that_cannot_be_believed_is_named(
    make: Callable[[], Configuration], words: str
) -> None:
    found = read(make())

    assert found.origin is Origin.UNREADABLE
    assert found.told.startswith("evidence promoted.evidence.json")
    assert words in found.told


def test_a_missing_file_is_named_and_stops_nothing() -> None:
    configuration = configured(document())
    Path("promoted.evidence.json").unlink()

    assert read(configuration).told == "evidence promoted.evidence.json: No such file or directory"


def test_the_log_has_a_record_for_each_and_warns_of_what_is_odd() -> None:
    with capture_logs() as logs:
        tell([read(configured(document())), read(configured(document(), "sl_mult=2"))])

    assert [(one["event"], one["log_level"]) for one in logs] == [
        ("evidence_read", "info"),
        ("evidence_doubted", "warning"),
    ]
