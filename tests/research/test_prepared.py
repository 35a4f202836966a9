"""What is prepared once trades as a backtest of the same span, to the paisa."""

from dataclasses import asdict

import numpy as np
import pytest

from backtest.run import run
from backtest.summary import score_of
from core.errors import ConfigError, DataError
from research.prepared import Prepared
from tests.datasets import LIVELY, WEEK, generated, request_on


@pytest.mark.parametrize(
    ("from_day", "to_day"), [(None, None), (WEEK[2], None), (WEEK[1], WEEK[3])]
)
@pytest.mark.parametrize("more", [(), ("sl_mult=2",)])
def test_round_trips_and_score_are_those_of_a_backtest(
    from_day: int | None, to_day: int | None, more: tuple[str, ...]
) -> None:
    request = request_on(generated("week"), *LIVELY, *more, from_day=from_day, to_day=to_day)
    result = run(request)
    assert result.trades.height > 1
    prepared = Prepared(
        request.dataset, request.risk, request.settings.timeframe_ns, from_day, to_day
    )
    for _ in range(2):  # as often as one likes
        trips = prepared.round_trips("pixity", request.settings)
        rows = trips[np.lexsort((trips["instrument"], trips["entry_ns"]))]
        assert rows["net_paise"].tolist() == result.trades["net_paise"].to_list()
        assert rows["fill_ns"].tolist() == result.trades["exit_ns"].to_list()
        assert asdict(prepared.score(trips)) == asdict(score_of(request, result))
    assert prepared.days.tolist() == result.days


def test_a_market_that_never_closes_ends_with_its_data() -> None:
    request = request_on(generated("24x7"), *LIVELY)
    trips = Prepared(
        request.dataset, request.risk, request.settings.timeframe_ns, None, None
    ).round_trips("pixity", request.settings)
    assert sorted(trips["net_paise"]) == run(request).trades["net_paise"].sort().to_list()


def test_what_cannot_be_searched_is_refused_by_name() -> None:
    request = request_on(generated("week"), *LIVELY)
    with pytest.raises(DataError, match="no bars from 2030-01-01"):
        Prepared(request.dataset, request.risk, 15 * 60 * 10**9, 21_915, None)
    prepared = Prepared(request.dataset, request.risk, 30 * 60 * 10**9, None, None)
    with pytest.raises(ConfigError, match="strategy pixity cannot be searched here"):
        prepared.round_trips("pixity", request.settings)
