"""A verdict is computed again from the tables and the ledger, whatever run.json says of itself."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from core.errors import DataError, NotReady
from research.honesty.gate import LIMITS
from research.honesty.promotion import Promotion, promotion
from research.honesty.trials import Trial, TrialLedger
from research.runs import LabRun
from tests.research.honesty.walk_run import EDGE, run_of, written


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LabRun:
    return run_of(EDGE, 1, tmp_path_factory.mktemp("state"))


def judged(folder: Path, run: LabRun, **told: Any) -> Promotion:
    changed = run._replace(told={**run.told, **told})
    written(folder / "run", changed)
    return promotion(folder / "run", TrialLedger(folder / "trials.db"), LIMITS, "1.0")


def evidence(run: LabRun, **changes: object) -> Mapping[str, Any]:
    return {**run.told["evidence"], **changes}


def test_what_the_last_window_chose_is_promoted_whole(tmp_path: Path, run: LabRun) -> None:
    found = judged(tmp_path, run)

    assert found.is_granted
    chosen = run.told["chosen"]
    assert {key: getattr(found.settings, key) for key in chosen} == chosen
    assert (found.settings.sl_mult, found.symbols, found.session) == (2.0, ["A"], "nse")
    assert found.document["figures"] == run.told["evidence"]
    digest = sha256((tmp_path / "run" / "run.json").read_bytes()).hexdigest()
    assert found.document["run"] == digest
    assert json.loads(json.dumps(found.document, allow_nan=False)) == found.document


def test_a_figure_written_into_the_run_promotes_nothing(tmp_path: Path, run: LabRun) -> None:
    losing = run.tables["oos"].with_columns(net_return=-run.tables["oos"]["net_return"])
    forged = run._replace(tables={**run.tables, "oos": losing})

    found = judged(tmp_path, forged)

    assert run.told["evidence"]["deflated_sharpe"] > 0.95
    assert found.document["figures"]["deflated_sharpe"] < 0.05
    assert not found.is_granted


def test_trials_made_since_the_run_count(tmp_path: Path, run: LabRun) -> None:
    ledger = TrialLedger(tmp_path / "trials.db")
    trials = [Trial(str(number), float(number % 7)) for number in range(3_000)]
    data_hash = run.told["identity"]["data_hash"]
    ledger.record(data_hash, "s", trials, gear="event", span=(1, 2), periods_per_year=252)

    found = judged(tmp_path, run)

    assert found.document["figures"]["trials"] == 3_000
    before = run.told["evidence"]["deflated_sharpe"]
    assert found.document["figures"]["deflated_sharpe"] < before


def test_a_run_without_out_of_sample_evidence_is_refused_in_a_line(
    tmp_path: Path, run: LabRun
) -> None:
    words = r"refused: .*run is a run of optimize, without out-of-sample evidence"
    with pytest.raises(NotReady, match=words):
        judged(tmp_path, run._replace(kind="optimize"))
    with pytest.raises(NotReady, match="without out-of-sample evidence"):
        judged(tmp_path, run, evidence=evidence(run, out_of_sample=False))
    with pytest.raises(NotReady, match="chose no set"):
        judged(tmp_path, run, chosen=None)
    with pytest.raises(NotReady, match="of gear vectorized, which trades without stops"):
        judged(tmp_path, run, identity={**run.told["identity"], "gear": "vectorized"})


def test_tables_of_another_run_are_noticed(tmp_path: Path, run: LabRun) -> None:
    fewer = {**run.tables, "trades": run.tables["trades"].head(5)}
    with pytest.raises(DataError, match="its tables are not those"):
        judged(tmp_path, run._replace(tables=fewer))
    shifted = {**run.tables, "daily": run.tables["daily"].head(100)}
    with pytest.raises(DataError, match="its tables are not those"):
        judged(tmp_path, run._replace(tables=shifted))
