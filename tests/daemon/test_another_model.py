"""A running day keeps its model; another one comes with a restart under another configuration."""

from pathlib import Path

import pytest

from backtest.run import Request
from core.ports import EventKind
from core.session import parse_day
from strategies.model import load
from strategies.pixity import wanted
from tests.daemon.days import play, play_to, recorded, replay_plan, rows
from tests.datasets import LIVELY, MARKETS, generated, request_on
from tests.market import CASH
from tests.strategies.forests import ADX, forest_of, lively_forest, stump, with_model, write_model

HOUR = parse_day("2024-11-01")  # 18:00 to 19:00
BRISK = (*LIVELY, "timeframe=1m", "last_entry_minutes=0", "square_off_minutes=0", "warmup_bars=5")
NOTHING_PASSES = forest_of(stump(ADX, 40.0, 0.0, 0.0))


@pytest.fixture
def hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MARKETS, "hour", ([HOUR], (CASH, CASH)))


def request_under(model: Path) -> Request:
    return request_on(generated("hour", seed=2), *BRISK, *with_model(model))


@pytest.mark.usefixtures("hour")
def test_after_a_restart_with_another_model_the_day_goes_on_under_it(tmp_path: Path) -> None:
    one = write_model(tmp_path / "one", lively_forest(), assignments=BRISK)
    other = write_model(tmp_path / "other", NOTHING_PASSES, assignments=BRISK)
    state = tmp_path / "state"
    play_to(replay_plan(request_under(one)), state, HOUR, minutes=40)
    before = rows(state, "signals")
    write_model(one, NOTHING_PASSES, assignments=BRISK)  # nobody reads it any more
    play(replay_plan(request_under(other)), state, HOUR)
    signals = rows(state, "signals")
    after = signals[len(before) :]

    assert signals[: len(before)] == before
    assert {"model", None} <= {row["refusal"] for row in before}
    acted = [row for row in after if row["status"] == "ACTED"]
    assert (True, []) == (len(after) > 5, acted)
    starts = [event.payload for event in recorded(state, [EventKind.RUN_START])]
    hashes = [start["recipe"]["books"][0]["strategies"][0][2]["model_hash"] for start in starts]  # type: ignore[index]
    settings = request_under(other).settings.model_dump()
    assert hashes[1] == load(str(other), wanted(settings)).sha256 != hashes[0]
    assert starts[0]["setup"] != starts[1]["setup"]
