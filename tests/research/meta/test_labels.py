"""A label is the trade that the rules would make of an event alone, and knows nothing more."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from backtest.run import run
from core.errors import ConfigError, DataError
from core.session import parse_day
from core.types import PARTIAL
from providers import replay
from research.meta.labels import label_events, read_labels, write_labels
from research.meta.outcomes import BOUNDLESS
from tests.datasets import LIVELY, MARKETS, WEEK, dataset_of, generated, request_on
from tests.market import ALWAYS_OPEN
from tests.strategies.forests import with_model, write_model

FREE = [f"{key}={'none' if value is None else value}" for key, value in BOUNDLESS.items()]
VARIANTS = {
    "as it is": [],
    "fill on close": ["fill_on=close"],
    "to the last minute": ["last_entry_minutes=0", "square_off_minutes=0", "sl_mult=6"],
    "many": ["time_stop_bars=1", "timeframe=1m"],
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("market", MARKETS)
def test_the_outcome_of_an_event_is_the_trade_that_a_backtest_makes_of_it(
    market: str, variant: str
) -> None:
    """Wherever a boundless account without cooldown was free to act on the event."""
    request = request_on(
        generated(market, seed=2), *LIVELY, *FREE, "cooldown_bars=0", *VARIANTS[variant]
    )
    labels, result = label_events(request).labelled, run(request)
    key = {"instrument": "instrument", "bar_open_ns": "signal_bar_open_ns"}
    both = labels.join(result.trades, left_on=list(key), right_on=list(key.values()))
    ended = result.trades.height - both.height  # 24x7: cut by the end of the data, no label

    assert both.height > 10
    assert ended <= (2 if market == "24x7" else 0)
    for ours, theirs in (
        ("side", "side_right"),
        ("quantity", "quantity_right"),
        ("net_paise", "net_paise_right"),
        ("r", "r_right"),
        ("exit_reason", "exit_reason_right"),
        ("entry_ns", "entry_ns_right"),
        ("exit_ns", "exit_ns_right"),
    ):
        assert both[ours].to_list() == both[theirs].to_list(), ours
    assert (both["label"] == (both["net_paise"] > 0)).all()
    best = both["mfe"] * both["quantity"] / request.settings.risk_per_trade
    worst = -both["mae"] * both["quantity"] / request.settings.risk_per_trade
    np.testing.assert_allclose(both["best_r"], best, rtol=1e-12)
    np.testing.assert_allclose(both["worst_r"], worst, rtol=1e-12)


def test_every_event_that_a_run_records_is_a_row_whatever_refused_it() -> None:
    request = request_on(generated("week", seed=2), *LIVELY)
    frame, signals = label_events(request).frame, run(request).signals
    first = signals.filter(pl.col("status") != "SUPPRESSED")
    columns = ["instrument", "kind", "side", "bar_open_ns", "bar_close_ns", "close", "atr"]

    assert frame.select(columns).equals(first.select(columns))
    late = first.filter(pl.col("refusal") == "last_entry").height
    assert late > 0
    assert late == frame.filter(pl.col("no_label") == "last_entry").height
    assert frame.filter(pl.col("label").is_null() != pl.col("no_label").is_not_null()).is_empty()


def test_an_event_too_risky_for_one_share_has_no_label() -> None:
    request = request_on(generated("week", seed=2), *LIVELY, "risk_per_trade=0.05")
    frame = label_events(request).frame

    assert frame["label"].null_count() == frame.height
    assert "quantity" in frame["no_label"].to_list()


def test_an_entry_that_nobody_fills_has_no_label_and_a_position_at_the_end_neither() -> None:
    request = request_on(generated("24x7", seed=2), *LIVELY)
    bars = request.dataset.bars
    whole = label_events(request).frame.filter(pl.col("instrument") == "A")
    row = next(r for r in whole.rows(named=True) if (r["exit_ns"] or 0) > r["entry_ns"] or 0)
    cut = bars[(bars["instrument"] == 0) & (bars["open_ns"] <= row["entry_ns"])]
    short = request_on(
        dataset_of(cut, (ALWAYS_OPEN,), market=request.dataset.options.market), *LIVELY
    )
    last = label_events(short).frame.row(-1, named=True)

    assert (row["bar_open_ns"], "not_over") == (last["bar_open_ns"], last["no_label"])
    none = cut[cut["open_ns"] < row["entry_ns"]]
    short = request_on(
        dataset_of(none, (ALWAYS_OPEN,), market=request.dataset.options.market), *LIVELY
    )
    last = label_events(short).frame.row(-1, named=True)
    assert (row["bar_open_ns"], "not_filled") == (last["bar_open_ns"], last["no_label"])


@pytest.mark.parametrize("market", ["mixed auction", "24x7"])
def test_no_cooldown_no_limit_and_no_other_trade_changes_a_label(market: str) -> None:
    dataset = generated(market, seed=2)
    free = label_events(request_on(dataset, *LIVELY, *FREE, "cooldown_bars=0")).frame
    bound = ("cooldown_bars=500", "max_entries_per_day=1", "max_daily_loss=1", "leverage=0.01")

    assert free.height > 20
    assert free.equals(label_events(request_on(dataset, *LIVELY, *bound)).frame)


def test_an_event_on_a_bar_with_a_gap_has_a_label() -> None:
    request = request_on(generated("week", seed=2), *LIVELY)
    whole = label_events(request)
    row = whole.labelled.row(0, named=True)
    bars = request.dataset.bars.copy()
    inside = (bars["open_ns"] >= row["bar_open_ns"]) & (bars["open_ns"] < row["bar_close_ns"])
    bars["quality"][inside] = PARTIAL
    with_gap = request_on(dataset_of(bars), *LIVELY)
    refusals = run(with_gap).signals.filter(pl.col("bar_open_ns") == row["bar_open_ns"])["refusal"]

    assert "gap" == refusals[0]
    assert whole.frame.equals(label_events(with_gap).frame)


def test_features_and_outcomes_know_no_bar_after_them() -> None:
    """Bars after an exit may be anything; features even those after the decision."""
    request = request_on(generated("week", seed=2), *LIVELY)
    made = label_events(request)
    row = made.labelled.row(made.labelled.height // 2, named=True)
    for until_ns, columns in (
        (row["bar_close_ns"], made.features),
        (row["exit_ns"], [*made.features, "label", "r", "best_r", "worst_r", "exit_ns"]),
    ):
        bars = request.dataset.bars.copy()
        later = bars["open_ns"] >= until_ns
        for price in ("open", "high", "low", "close"):
            bars[price][later] *= 1.5
        other = label_events(request_on(dataset_of(bars), *LIVELY)).frame
        same = other.filter(pl.col("bar_open_ns") == row["bar_open_ns"]).row(0, named=True)

        assert later.sum() > 100
        assert [row[name] for name in columns] == [same[name] for name in columns]


def test_a_span_warms_up_with_what_lies_before_it_and_ends_with_its_last_day() -> None:
    whole = label_events(request_on(generated("week", seed=2), *LIVELY)).frame
    part = label_events(
        request_on(generated("week", seed=2), *LIVELY, from_day=WEEK[1], to_day=WEEK[3])
    ).frame
    inside = whole.filter(
        pl.col("bar_open_ns").is_between(WEEK[1] * 86_400_000_000_000, WEEK[4] * 86_400_000_000_000)
    )
    assert 0 < part.height < whole.height
    assert part.equals(inside)


def test_several_spans_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a span may hold bounds its memory, not what becomes of a trade."""
    for market in ("24x7", "two parts"):
        request = request_on(generated(market, seed=2), *LIVELY)
        whole = label_events(request).frame
        with monkeypatch.context() as small:
            small.setattr(replay, "BARS_PER_SPAN", 1)
            assert whole.equals(label_events(request).frame)


def test_the_same_labels_are_the_same_bytes_and_are_read_again(tmp_path: Path) -> None:
    request = request_on(generated("mixed auction", seed=2), *LIVELY)
    for name in ("one", "other"):
        write_labels(tmp_path / "new" / name, label_events(request))
    one, other = (tmp_path / "new" / name for name in ("one", "other"))
    read = read_labels(one)

    assert one.read_bytes() == other.read_bytes()
    assert read.frame.equals(label_events(request).frame)
    assert read.description == label_events(request).description


def test_a_model_in_the_settings_changes_no_label(tmp_path: Path) -> None:
    """It would refuse events, and those are what it must learn from."""
    model = write_model(tmp_path / "model", assignments=LIVELY)
    dataset = generated("week", seed=2)
    plain = label_events(request_on(dataset, *LIVELY)).frame

    assert plain.equals(label_events(request_on(dataset, *LIVELY, *with_model(model))).frame)


def test_files_that_are_no_labels_are_told(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other.parquet")
    (tmp_path / "text").write_text("label")
    for name, said in (
        ("none", "no such file"),
        ("text", "is not a file of labels"),
        ("other.parquet", "`tradingd labels` writes them"),
    ):
        with pytest.raises(DataError, match=said):
            read_labels(tmp_path / name)


def test_a_strategy_without_features_cannot_be_learned_from() -> None:
    with pytest.raises(ConfigError, match="ema_cross records no features"):
        label_events(request_on(generated("week"), strategy="ema_cross"))


def test_days_without_bars_are_told() -> None:
    with pytest.raises(DataError, match="no bars from 2027"):
        label_events(request_on(generated("week"), from_day=parse_day("2027-01-01")))
