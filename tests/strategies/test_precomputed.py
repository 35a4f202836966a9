"""Signals made elsewhere: traded as the strategy itself would have, or refused in one line."""

from pathlib import Path

import polars as pl
import pytest

from backtest.run import run
from core.errors import ConfigError, DataError, TradingdError
from core.types import Refusal
from strategies.precomputed import PrecomputedSettings
from strategies.registry import build
from tests.datasets import LIVELY, MARKETS, generated, in_both_gears, request_on
from tests.strategies.bars import bars_of

ROW = {"instrument": "A", "bar_open_ns": 0, "side": "BUY", "kind": "TREND", "atr": 1.5}
TERMS = [a for a in LIVELY if a.startswith(("timeframe", "time_stop", "cooldown", "max_daily"))]


@pytest.mark.parametrize("market", MARKETS)
def test_precomputed_signals_trade_as_the_strategys_own(market: str, tmp_path: Path) -> None:
    dataset, path = generated(market), tmp_path / "signals.parquet"
    own = run(request_on(dataset, *LIVELY))
    own.signals.write_parquet(path)
    request = request_on(dataset, *TERMS, f"signals_path={path}", strategy="precomputed")
    assert len(own.trades) > 0
    for each in in_both_gears(request):
        result = run(each)
        for name in ("signals", "trades"):  # all that is told but whose it was
            mine, theirs = getattr(own, name), getattr(result, name)
            assert mine.drop("strategy", "signal_id").equals(theirs.drop("strategy", "signal_id"))


def test_a_signal_is_raised_on_the_bar_that_opens_at_its_time(tmp_path: Path) -> None:
    bars = bars_of([100.0, 101.0, 102.0])
    row = ROW | {"bar_open_ns": int(bars["open_ns"][1]), "side": "SELL"}
    pl.DataFrame([row]).write_parquet(tmp_path / "s.parquet")
    settings = PrecomputedSettings(signals_path=str(tmp_path / "s.parquet"))
    signals = build("precomputed", settings, ["A"]).on_bars(bars)

    assert [0, 1, 0] == signals["count"].tolist()
    assert (1, -1, 101.0, 1.5) == (
        signals["kind"][1, 0],
        signals["side"][1, 0],
        signals["close"][1],
        signals["atr"][1],
    )


def test_an_undefined_atr_stays_undefined(tmp_path: Path) -> None:
    bars = bars_of([100.0])
    rows = [ROW | {"bar_open_ns": int(bars["open_ns"][0]), "atr": None}]
    pl.DataFrame(rows, schema_overrides={"atr": pl.Float64}).write_parquet(tmp_path / "s.parquet")
    settings = PrecomputedSettings(signals_path=str(tmp_path / "s.parquet"))
    (signal,) = build("precomputed", settings, ["A"]).on_bars(bars)

    assert signal["atr"] != signal["atr"]


def test_no_signals_at_all_are_no_error(tmp_path: Path) -> None:
    pl.DataFrame([ROW]).clear().write_parquet(tmp_path / "s.parquet")
    settings = PrecomputedSettings(signals_path=str(tmp_path / "s.parquet"))

    assert 0 == build("precomputed", settings, ["A"]).on_bars(bars_of([1.0]))["count"].sum()


def refusal(rows: list[dict[str, object]], folder: Path) -> TradingdError:
    path = folder / "s.parquet"
    pl.DataFrame(rows).write_parquet(path)
    with pytest.raises(TradingdError) as caught:
        build("precomputed", PrecomputedSettings(signals_path=str(path)), ["A"])
    return caught.value


def test_two_signals_on_one_bar_are_refused(tmp_path: Path) -> None:
    error = refusal([ROW, ROW | {"side": "SELL"}], tmp_path)

    assert isinstance(error, DataError)
    assert "two signals on one bar of one instrument" in str(error)


def test_what_a_signal_suppressed_follows_it_whatever_the_order_of_rows(tmp_path: Path) -> None:
    bars = bars_of([100.0])
    at = {"bar_open_ns": int(bars["open_ns"][0])}
    rows = [ROW | at | {"status": "SUPPRESSED", "side": "SELL", "kind": "OTHER"}]
    rows += [ROW | at | {"status": "REFUSED"}]
    pl.DataFrame(rows).write_parquet(tmp_path / "s.parquet")
    strategy = build(
        "precomputed", PrecomputedSettings(signals_path=str(tmp_path / "s.parquet")), ["A"]
    )
    (signal,) = strategy.on_bars(bars)
    kinds = [strategy.kinds[kind - 1] for kind in signal["kind"][: signal["count"]]]

    assert ["TREND", "OTHER"] == kinds
    assert [1, -1] == signal["side"][:2].tolist()


def test_what_a_model_refused_stays_refused(tmp_path: Path) -> None:
    bars = bars_of([100.0, 101.0])
    opened = bars["open_ns"].tolist()
    rows = [
        ROW | {"bar_open_ns": opened[0], "refusal": "model", "vwap": 99.5},
        ROW | {"bar_open_ns": opened[1], "refusal": "cooldown", "vwap": None},
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "s.parquet")
    settings = PrecomputedSettings(signals_path=str(tmp_path / "s.parquet"))
    signals = build("precomputed", settings, ["A"]).on_bars(bars)

    assert [int(Refusal.MODEL), 0] == signals["refusal"].tolist()
    assert 99.5 == signals["vwap"][0]
    assert signals["vwap"][1] != signals["vwap"][1]


def test_an_instrument_that_is_not_in_the_data_is_named(tmp_path: Path) -> None:
    assert "names Z, which is not in the data" in str(
        refusal([ROW | {"instrument": "Z"}], tmp_path)
    )


def test_missing_columns_are_named(tmp_path: Path) -> None:
    row = {k: v for k, v in ROW.items() if k not in ("side", "atr")}

    assert "has no column side, atr" in str(refusal([row], tmp_path))


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.parquet").write_text("no parquet")
    with pytest.raises(DataError, match="is not a Parquet file of signals"):
        build("precomputed", PrecomputedSettings(signals_path=str(tmp_path / "s.parquet")), ["A"])


@pytest.mark.parametrize(
    ("path", "message"), [("", "signals_path is empty"), ("x.y", "no such file")]
)
def test_no_file_is_a_configuration_error(path: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build("precomputed", PrecomputedSettings(signals_path=path), ["A"])
