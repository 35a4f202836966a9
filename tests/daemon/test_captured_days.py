"""Days as they were really received, through the whole daemon: each is what follows from its ticks.

Duplicates, disorder, zero times, falling volumes, holes, two connections, a mock Saturday.
"""

import math
from pathlib import Path

import pytest

from backtest.run import session_terms
from core.session import parse_day
from core.types import Market
from daemon.plan import Plan
from daemon.proof.certificate import certify_day
from daemon.sources import RecordedSource
from providers.dataset import DataOptions
from providers.recorded import RecordedTicks
from stores.memory import MemoryMarketStore
from strategies.registry import settings_of
from strategies.settings import RiskSettings, resolve
from tests.daemon.days import play
from tests.datasets import LIVELY

CAPTURED = ("2021-04-30", "2021-05-06", "2021-05-11", "2021-05-12", "2021-05-24")
SYMBOLS = ("RELIANCE", "SBIN", "INFY")


@pytest.mark.slow
@pytest.mark.parametrize("text", CAPTURED)
def test_every_captured_day_is_green(text: str, tmp_path: Path, shared: Path) -> None:
    risk, settings = resolve(RiskSettings(), settings_of("pixity")(), LIVELY)
    market_risk = risk.for_market(Market.NSE)
    terms = session_terms(market_risk)
    captures = RecordedTicks(shared / "data/nse_ticks_2021-04_2021-05.parquet", SYMBOLS)
    source = RecordedSource(
        captures, DataOptions(), speed=math.inf, terms=terms, grace_ns=2_000_000_000
    )
    plan = Plan(
        mode="paper",
        source=source,
        strategies=(("pixity", "pixity", settings),),
        risk=market_risk,
        terms=terms,
    )
    store, day = MemoryMarketStore(source.instruments), parse_day(text)
    play(plan, tmp_path, day, open_store=lambda path, instruments: store)
    certificate = certify_day(tmp_path, day, store)

    assert certificate.difference is None
    assert int(str(certificate.given["ticks"])) > 40_000
    assert certificate.computed["minute"]["rows"] == 375
