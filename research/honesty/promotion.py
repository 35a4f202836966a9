"""From a walk-forward's folder to a verdict, and to what a live configuration is written from.

Whatever the tables of the run hold is computed again, and trials that were made on the data since
count: a figure that somebody wrote into run.json promotes nothing. Decides by `gate.py` alone.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from backtest.run import Gear
from core.errors import DataError, NotReady
from core.types import Float64s, Int64s
from research.honesty.evidence import Evidence, Tried, evidence_of
from research.honesty.gate import Check, Limit, granted, judged
from research.honesty.trials import TrialLedger
from research.runs import RUN, LabRun, read_lab_run
from strategies.registry import settings_of
from strategies.settings import MarketRisk, StrategySettings
from strategies.table import table

FORMAT = "tradingd evidence 1"  # daemon/provenance.py reads it
KIND = "walkforward"
OF_TRADES = ("trades", "p_value", "entries", "trade_paths")  # as the run told them


class Promotion(NamedTuple):
    """`settings` and `risk`: what the last window chose, whole. `document`: plain JSON."""

    strategy: str
    settings: StrategySettings
    risk: MarketRisk
    symbols: list[str]
    session: str
    checks: list[Check]
    document: dict[str, Any]

    @property
    def is_granted(self) -> bool:
        return granted(self.checks)


def promotion(
    directory: Path, ledger: TrialLedger, limits: Sequence[Limit], code_version: str
) -> Promotion:
    """The verdict on a run.

    Raises NotReady for a run without out-of-sample evidence or choice, DataError for a folder that
    is no run or whose parts do not belong together.
    """
    run = read_lab_run(directory)
    told, identity = run.told, run.told.get("identity", {})
    evidence = told.get("evidence") or {}
    if run.kind != KIND or not evidence.get("out_of_sample"):
        raise NotReady(
            f"refused: {directory} is a run of {run.kind}, without out-of-sample evidence:"
            " `tradingd walkforward` makes it"
        )
    if told["chosen"] is None:
        raise NotReady(f"refused: the last window of {directory} chose no set")
    if identity.get("gear") not in tuple(Gear):
        raise NotReady(
            f"refused: {directory} is of gear {identity.get('gear')}, which trades without stops,"
            " sizes and limits: no daemon runs that"
        )
    settings, risk = _settled(identity, told["chosen"])
    again = _computed_again(directory, run, ledger)
    checks = judged(again, limits)
    days = run.tables["oos"]["day"]
    document = {
        "format": FORMAT,
        "run": sha256((directory / RUN).read_bytes()).hexdigest(),
        "strategy": identity["strategy"],
        "settings": settings.model_dump(mode="json"),
        "risk": risk.model_dump(mode="json"),
        "symbols": list(identity["symbols"]),
        "data_hash": identity["data_hash"],
        "span": told["span"],
        "out_of_sample": [str(days.min()), str(days.max())],
        "code_digest": identity["code_digest"],
        "code_version": code_version,
        "figures": again,
        "checks": [one.told() for one in checks],
    }
    return Promotion(
        strategy=str(identity["strategy"]),
        settings=settings,
        risk=risk,
        symbols=list(identity["symbols"]),
        session=str(identity["session"]),
        checks=checks,
        document=document,
    )


def _settled(
    identity: Mapping[str, Any], chosen: Mapping[str, object]
) -> tuple[StrategySettings, MarketRisk]:
    """The parameters of the run under what was chosen. Raises ConfigError."""
    values = {**identity["parameters"], **chosen}
    model = settings_of(str(identity["strategy"]))

    def of(keys: Mapping[str, object]) -> dict[str, object]:
        return {key: value for key, value in values.items() if key in keys}

    return table(model, of(model.model_fields)), table(MarketRisk, of(MarketRisk.model_fields))


def _computed_again(directory: Path, run: LabRun, ledger: TrialLedger) -> Evidence:
    told = run.told
    evidence, identity = told["evidence"], told["identity"]
    oos, daily = run.tables["oos"], run.tables["daily"]
    days, all_days = _days(oos), _days(daily)
    columns = np.searchsorted(all_days, days).clip(max=len(all_days) - 1)
    trades = run.tables.get("trades")
    if not np.array_equal(all_days[columns], days) or (
        trades is not None and trades.height != evidence["trades"]
    ):
        raise DataError(f"{directory}: its tables are not those of its {RUN}")
    per_year = float(told["periods_per_year"])
    known = evidence["trials_deviation"] ** 2 / per_year
    now = ledger.sharpe_variance(str(identity["data_hash"]))
    again = evidence_of(
        oos["net_return"].to_numpy(),
        Tried(
            _matrix(daily),
            max(evidence["trials"], ledger.count(str(identity["data_hash"]))),
            max(known, now or 0.0),
        ),
        columns=columns,
        periods_per_year=per_year,
        compounded=bool(told["compounded"]),
        out_of_sample=True,
        efficiency=evidence["efficiency"],
    )
    return {**again, **{name: evidence[name] for name in OF_TRADES}}


def _days(frame: pl.DataFrame) -> Int64s:
    return frame["day"].cast(pl.Date).cast(pl.Int32).to_numpy().astype(np.int64)


def _matrix(daily: pl.DataFrame) -> Float64s:
    """float64[sets, sessions] of the table `daily`: a column a set, a row a session."""
    return np.ascontiguousarray(daily.drop("day").cast(pl.Float64).to_numpy().T)
