"""A walk-forward over three and a half years of a share's minutes."""

from pathlib import Path

import polars as pl
import pytest

from backtest.run import run
from core.session import day_text
from providers.dataset import DataOptions, load
from research.evaluation import TradedSubject
from research.search.optimizer import ParamOptimizer
from research.search.space import space_from
from research.walk.validator import WalkForwardValidator
from research.walk.windows import Length, Scheme
from tests.datasets import request_on
from tests.research.walk.known import settled

FILE = "nse_1m_BAJAJFINSV_2021-01_2024-06.parquet"
SCHEME = Scheme(Length(12, "m"), Length(3, "m"))


@pytest.mark.slow
def test_ten_quarters_of_a_real_share_trade_as_backtests_of_them(shared: Path) -> None:
    dataset = load([shared / "data" / FILE], DataOptions())
    request = request_on(dataset)
    space = space_from({"sl_mult": [0.8, 1.5], "tp_mult": [2.0, 3.0]})
    optimizer = ParamOptimizer(TradedSubject(request), space)

    found = WalkForwardValidator(optimizer, SCHEME).run()

    assert found.trades is not None
    tested = [[day_text(day) for day in one.window.test] for one in found.outcomes]
    assert tested[0] == ["2022-01-03", "2022-03-31"]
    assert tested[3] == ["2022-10-03", "2022-12-30"]
    assert tested[-1] == ["2024-04-01", "2024-06-28"]
    assert len(tested) == 10
    assert not any(one.window.is_short or one.error for one in found.outcomes)
    for one in (found.outcomes[0], found.outcomes[-1]):
        alone = run(settled(request, one.chosen, one.window.test))
        own = found.trades.filter(pl.col("window") == one.window.number)
        assert own.drop("window").equals(alone.trades)
    assert found.metrics["trades"] == found.trades.height
