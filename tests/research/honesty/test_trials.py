"""What counts as one trial, and that nobody's trials are ever lost."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import StoreFailed
from research.honesty.trials import Trial, TrialLedger, digest_of

WRITER = """
import sys
from pathlib import Path
from research.honesty.trials import Trial, TrialLedger
ledger, own = TrialLedger(Path(sys.argv[1])), sys.argv[2]
for one in range(20):
    trials = [Trial(f"{own}-{one}", 1.0), Trial(f"both-{one}", 2.0)]
    ledger.record("data", "s", trials, gear="compiled", span=(1, 9), periods_per_year=252)
"""


def record(ledger: TrialLedger, *trials: Trial, **changes: object) -> None:
    told: dict[str, object] = {"gear": "compiled", "span": (1, 9), "periods_per_year": 252.0}
    data_hash, strategy = changes.pop("data_hash", "data"), changes.pop("strategy", "s")
    ledger.record(data_hash, strategy, trials, **(told | changes))  # type: ignore[arg-type]


@pytest.fixture
def ledger(tmp_path: Path) -> TrialLedger:
    return TrialLedger(tmp_path / "state" / "trials.db")


def test_a_set_counts_once_whatever_its_span_and_gear(ledger: TrialLedger) -> None:
    record(ledger, Trial("a", 1.0), Trial("b", 2.0))
    record(ledger, Trial("a", 3.0), span=(5, 20))
    record(ledger, Trial("a", 1.0), gear="event")

    assert ledger.count("data") == 2


def test_strategies_and_failures_count_and_other_data_does_not(ledger: TrialLedger) -> None:
    record(ledger, Trial("a", 1.0), Trial("broken", None), Trial("flat", float("nan")))
    record(ledger, Trial("a", 1.0), strategy="other")
    record(ledger, Trial("c", 1.0), data_hash="more")

    assert (ledger.count("data"), ledger.count("more"), ledger.count("none")) == (4, 1, 0)


def test_variance_is_per_period_and_of_each_set_over_its_longest_span(ledger: TrialLedger) -> None:
    record(ledger, Trial("a", 9.0), Trial("b", 1.0), Trial("c", None), periods_per_year=4.0)
    record(ledger, Trial("a", 3.0), span=(1, 50), periods_per_year=4.0)

    # 3 and 1 a year of four periods are 1.5 and 0.5 a period: their mean is 1.
    assert ledger.sharpe_variance("data") == pytest.approx(0.5)
    assert ledger.sharpe_variance("none") is None


def test_asking_of_a_ledger_that_is_not_there_makes_none(ledger: TrialLedger) -> None:
    assert (ledger.count("data"), ledger.sharpe_variance("data")) == (0, None)
    assert not ledger.path.parent.exists()


def test_recording_a_run_again_changes_nothing(ledger: TrialLedger) -> None:
    record(ledger, Trial("a", 1.0), Trial("b", 2.0))
    before = ledger.count("data"), ledger.sharpe_variance("data")

    record(ledger, Trial("b", 2.0), Trial("a", 1.0))

    assert (ledger.count("data"), ledger.sharpe_variance("data")) == before


def test_processes_that_write_at_once_lose_nothing(ledger: TrialLedger) -> None:
    ledger.path.parent.mkdir()
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(ledger.path), name]) for name in "xy"
    ]

    assert [one.wait(60) for one in running] == [0, 0]
    assert ledger.count("data") == 60


def test_a_writer_that_dies_half_way_leaves_what_was_recorded(ledger: TrialLedger) -> None:
    record(ledger, Trial("a", 1.0))

    def half() -> object:
        yield Trial("b", 1.0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.record("data", "s", half(), gear="g", span=(1, 2), periods_per_year=252)  # type: ignore[arg-type]
    assert ledger.count("data") == 1


def test_a_file_that_is_no_ledger_is_named(ledger: TrialLedger) -> None:
    ledger.path.parent.mkdir()
    ledger.path.write_bytes(b"no database at all, and long enough to be looked at" * 20)

    with pytest.raises(StoreFailed, match=r"trial ledger .*trials\.db: file is not a database"):
        ledger.count("data")


def test_a_newer_ledger_is_left_alone(ledger: TrialLedger) -> None:
    record(ledger, Trial("a", 1.0))
    database = sqlite3.connect(ledger.path)
    database.execute("PRAGMA user_version = 9")
    database.close()

    with pytest.raises(StoreFailed, match="schema 9 is newer than 1"):
        ledger.count("data")


def test_a_digest_is_of_the_values_and_not_of_their_order() -> None:
    assert digest_of({"a": 1, "b": 2.5}) == digest_of({"b": 2.5, "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})
