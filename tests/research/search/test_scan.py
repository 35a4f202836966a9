"""A scan: every symbol alone, both periods, the same rows whatever the number of workers."""

from dataclasses import replace

import polars as pl
import pytest

from backtest.run import run
from backtest.score import Score
from backtest.summary import score_of
from core.errors import ConfigError
from providers.dataset import only
from research.search.scan import Criteria, Scan, Scanned, scan, tried
from research.search.scan_page import ranked, scan_page
from tests.datasets import AUCTION_BEGINS, LIVELY, generated, request_on

TRAINED, TESTED = AUCTION_BEGINS[1:]
GRID: dict[str, list[object]] = {"sl_mult": ["1", "2"], "tp_mult": [2.0, 3.0]}


def nothing(_: int) -> None:
    pass


def asked_for(**changed: object) -> Scan:
    request = request_on(generated("mixed auction"), *LIVELY)
    asked = Scan(
        strategy="pixity",
        settings=request.settings,
        risk=request.risk,
        dataset=request.dataset,
        train=(None, TRAINED),
        test=(TESTED, None),
        grid=GRID,
        criteria=Criteria(min_trades=1, min_profit_factor=0.5),
    )
    return replace(asked, **changed)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found() -> Scanned:
    return scan(asked_for(), 1, nothing)


def test_a_symbol_has_the_figures_of_its_own_backtests(found: Scanned) -> None:
    request = request_on(generated("mixed auction"), *LIVELY)
    numbers = {one.symbol: i for i, one in enumerate(request.dataset.instruments)}
    assert set(found.table["symbol"]) == set(numbers)
    for row in found.table.iter_rows(named=True):
        alone = replace(request, dataset=only(request.dataset, numbers[row["symbol"]]))
        for period, span in (("train", (None, TRAINED)), ("test", (TESTED, None))):
            asked = replace(alone, from_day=span[0], to_day=span[1])
            scored = score_of(asked, run(asked))
            assert row[f"{period}_trades"] == scored.trades
            assert row[f"{period}_net_paise"] == scored.net_paise
            assert row[f"{period}_sharpe"] == scored.sharpe


def test_workers_change_nothing(found: Scanned) -> None:
    other = scan(asked_for(), 3, nothing)
    assert other.table.write_csv() == found.table.write_csv()
    assert other.heat.write_csv() == found.heat.write_csv()


def test_a_point_of_the_grid_is_the_train_period_with_those_values(found: Scanned) -> None:
    assert found.heat.height == 4 * found.table.height
    assert found.heat.columns[:3] == ["symbol", "sl_mult", "tp_mult"]
    request = request_on(
        generated("mixed auction"), *LIVELY, "sl_mult=2", "tp_mult=3", to_day=TRAINED
    )
    alone = replace(request, dataset=only(request.dataset, 0))
    symbol = request.dataset.instruments[0].symbol
    own = (pl.col("symbol") == symbol) & (pl.col("sl_mult") == 2.0) & (pl.col("tp_mult") == 3.0)
    assert found.heat.filter(own)["net_paise"].to_list() == [run(alone).trades["net_paise"].sum()]


def test_the_shortlist_meets_every_criterion_and_is_ranked_by_the_worse_period(
    found: Scanned,
) -> None:
    table = found.table.with_columns(pl.min_horizontal("train_mean_r", "test_mean_r").alias("w"))
    chosen = table.filter(pl.col("symbol").is_in(found.shortlist))
    assert table["symbol"].to_list()[: chosen.height] == found.shortlist
    assert chosen["w"].to_list() == sorted(chosen["w"].to_list(), reverse=True)
    strict = scan(asked_for(criteria=Criteria(min_trades=1_000)), 1, nothing)
    assert strict.shortlist == []
    assert strict.table["fails"].str.starts_with("train: ").all()


@pytest.mark.parametrize(
    ("changed", "fails"),
    [
        ({}, None),
        ({"trades": 9}, "test: 9 trades"),
        ({"profit_factor": 1.19}, "test: profit factor 1.19"),
        ({"profit_factor": None}, None),  # never lost
        ({"net_paise": 0}, "test: profit factor 1.20"),
        ({"max_drawdown_paise": 100_001}, "test: fell by Rs 1,000"),
    ],
)
def test_the_first_criterion_that_is_not_met_is_named(
    changed: dict[str, object], fails: str | None
) -> None:
    scored = replace(Score(10, 300, 100, 200, 0.5, 1.2, 100_000, 1.0), **changed)  # type: ignore[arg-type]
    assert Criteria(10, 1.2, 1_000.0).failed("test", scored) == fails


def test_how_much_was_tried_is_told_with_what_chance_would_find(found: Scanned) -> None:
    told = tried(asked_for(), found)
    assert told["symbols tried"] == found.table.height
    assert told["sets of parameters"] == 4
    rows = found.table.select("train_net_paise", "test_net_paise").rows()
    earned = [sum(row[i] > 0 for row in rows) for i in (0, 1)]
    assert [told["earned in train"], told["earned in test"]] == earned
    assert told["in both by chance"] == round(earned[0] * earned[1] / len(rows), 1)


def test_a_symbol_without_bars_in_a_period_is_a_row_and_not_the_end() -> None:
    dataset = generated("mixed auction")
    late = dataset.bars[
        (dataset.bars["instrument"] == 0)
        | (dataset.bars["open_ns"] > dataset.bars["open_ns"][-1] - 86_400 * 10**9)
    ]
    found = scan(asked_for(dataset=replace(dataset, bars=late)), 1, nothing)
    errors = found.table["error"].to_list()
    assert errors[0] is None
    assert all("no bars" in one for one in errors[1:])
    assert ranked(found)["verdict"].to_list()[1:] == errors[1:]
    assert "Heat maps" in scan_page(asked_for(), found, "Scan", "")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"test": (TRAINED, None)}, "the test period begins 2026-08-03, within the train period"),
        ({"grid": {"sl_mult": ["-1"]}}, "sl_mult"),
        ({"grid": {"sl_molt": ["1"]}}, 'unknown key "sl_molt": did you mean "sl_mult"'),
        ({"grid": {"a": [1], "b": [1], "c": [1]}}, "a heat map has two keys, 3 were given"),
    ],
)
def test_what_cannot_be_scanned_is_one_line(changed: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        scan(asked_for(**changed), 1, nothing)
