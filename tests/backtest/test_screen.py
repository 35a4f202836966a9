"""A screen: one set of rows for any number of workers, whole from its first day on."""

import pytest

from backtest.screen import SCHEMA, ScreenRequest, screen
from core.errors import DataError
from core.types import Market
from providers.dataset import Dataset
from strategies.pixity import PixitySettings
from strategies.screeners import of_settings, of_strategy
from strategies.screening import ScreenSettings
from strategies.settings import RiskSettings
from tests.datasets import generated
from tests.strategies.hours import FIRST_DAY, hours


def request(
    dataset: Dataset, from_day: int | None = None, to_day: int | None = None
) -> ScreenRequest:
    market = dataset.options.market
    own = {"timeframe": "5m", "swing_period": 2, "reversion_k": 0.6, "atr_period": 4}
    screener = of_settings(ScreenSettings())
    if market is Market.NSE:
        screener = of_strategy("pixity", PixitySettings.model_validate(own))
    return ScreenRequest(
        screener=screener,
        dataset=dataset,
        risk=RiskSettings().for_market(market),
        from_day=from_day,
        to_day=to_day,
    )


@pytest.mark.parametrize("workers", [2, 3, 16])
def test_any_number_of_workers_finds_the_same(workers: int) -> None:
    wanted = request(hours(90, instruments=3, missing=0.02))
    alone, together = screen(wanted), screen(wanted, workers)

    assert len(alone.rows) > 20
    assert alone.rows.equals(together.rows)
    assert alone.bars == together.bars


def test_rows_are_those_of_the_specification_in_order_of_time_and_instrument() -> None:
    rows = screen(request(hours(90, instruments=2))).rows

    assert [*SCHEMA] == rows.columns
    assert rows.sort("timestamp", "instrument", "side").equals(rows)
    first = rows.row(0, named=True)
    assert first["timestamp"].startswith("2025-")
    assert first["timestamp"].endswith(":00:00+00:00")
    assert {"long", "short"} == set(rows["side"])


def test_a_bar_of_nse_is_told_in_indian_time() -> None:
    rows = screen(request(generated("week"))).rows

    assert rows["timestamp"][0].startswith("2026-07-20T")
    assert rows["timestamp"][0].endswith("+05:30")


def test_the_first_day_of_a_span_has_what_a_longer_screen_finds_on_it() -> None:
    dataset = hours(90)
    whole = screen(request(dataset)).rows
    cut = screen(request(dataset, FIRST_DAY + 70, FIRST_DAY + 80))

    inside = whole.filter(
        whole["timestamp"].str.slice(0, 10).is_between(*map(str, ("2025-03-12", "2025-03-22")))
    )
    assert inside.equals(cut.rows)
    assert len(inside) > 0
    assert (11 * 24, FIRST_DAY + 70, FIRST_DAY + 80) == (cut.bars, cut.first_day, cut.last_day)


def test_no_candidate_at_all_is_a_table_without_rows() -> None:
    found = screen(request(hours(3)))

    assert (0, 72) == (len(found.rows), found.bars)


def test_a_span_without_bars_is_told() -> None:
    with pytest.raises(DataError, match="the data covers"):
        screen(request(hours(3), FIRST_DAY + 50))
