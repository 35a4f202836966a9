"""Walk-forwards over generated markets, and their folders as the verb leaves them."""

from pathlib import Path

import polars as pl

from research.honesty.walked import walk_evidence
from research.runs import LabRun, write_lab_run
from research.search.evaluation import TradedSubject
from research.search.optimizer import ParamOptimizer
from research.search.space import space_from
from research.walk.outcome import dates, stitched
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


def walked(
    edge: float, seed: int, *more: str, sessions: int = SESSIONS
) -> tuple[TradedSubject, Walked]:
    request = request_on(market(sessions, edge, seed), *SETTINGS, *more, strategy="ema_cross")
    subject = TradedSubject(request)
    optimizer = ParamOptimizer(subject, space_from(GRID), workers=1)
    return subject, WalkForwardValidator(optimizer, SCHEME).run()


def run_of(subject: TradedSubject, found: Walked) -> LabRun:
    days, returns = stitched(found.outcomes)
    assert found.trades is not None
    told = {
        "identity": subject.identity,
        "span": "all",
        "chosen": found.next_values(),
        "evidence": walk_evidence(subject, found, len(found.points), None),
        "periods_per_year": found.periods_per_year,
        "compounded": found.compounded,
    }
    columns = {str(number): row for number, row in enumerate(found.daily, start=1)}
    tables = {
        "oos": pl.DataFrame({"day": dates(days), "net_return": returns}),
        "trades": found.trades,
        "daily": pl.DataFrame({"day": dates(found.days), **columns}),
    }
    return LabRun("walkforward", told, tables)


def written(folder: Path, run: LabRun) -> Path:
    write_lab_run(folder, run, "<!doctype html>")
    return folder
