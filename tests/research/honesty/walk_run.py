"""Walk-forwards over generated markets, and their folders as the verb leaves them."""

from pathlib import Path

from research.evaluation import TradedSubject
from research.honesty.trials import TRIALS_FILE, TrialLedger
from research.runs import LabRun, write_lab_run
from research.search.optimizer import ParamOptimizer
from research.search.space import space_from
from research.walk.record import lab_run
from research.walk.validator import Walked, WalkForwardValidator
from research.walk.windows import Length, Scheme
from tests.datasets import request_on
from tests.research.honesty.persistence import market

SESSIONS = 220
EDGE = 0.75  # deviations of a bar, in trends of 20 bars on average
SETTINGS = (
    "atr_period=10 warmup_bars=30 sl_mult=2 tp_mult=4 time_stop_bars=25 cooldown_bars=1"
).split()
GRID = {"ema_fast": [2, 4, 8], "ema_slow": [10, 20, 40]}
SCHEME = Scheme(Length(80, "d"), Length(35, "d"))


def walking(edge: float, seed: int, *more: str, sessions: int = SESSIONS) -> WalkForwardValidator:
    request = request_on(market(sessions, edge, seed), *SETTINGS, *more, strategy="ema_cross")
    optimizer = ParamOptimizer(TradedSubject(request), space_from(GRID), workers=1)
    return WalkForwardValidator(optimizer, SCHEME)


def walked(
    edge: float, seed: int, *more: str, sessions: int = SESSIONS
) -> tuple[TradedSubject, Walked]:
    validator = walking(edge, seed, *more, sessions=sessions)
    subject = validator.optimizer.subject
    assert isinstance(subject, TradedSubject)
    return subject, validator.run()


def run_of(edge: float, seed: int, folder: Path) -> LabRun:
    """Its trials are in `trials.db` of `folder`."""
    validator = walking(edge, seed)
    return lab_run(validator, validator.run(), TrialLedger(folder / TRIALS_FILE), {})


def written(folder: Path, run: LabRun) -> Path:
    write_lab_run(folder, run, "<!doctype html>")
    return folder
