"""Plays an oracle scenario through our loader and a gear, and says how the two differ."""

from pathlib import Path
from typing import Any

import polars as pl

from backtest.run import Gear, Request, Result, run
from core.session import MINUTE_NS, parse_day
from providers.dataset import DataOptions, Dataset, Market, load
from strategies.registry import settings_of
from strategies.settings import RiskSettings, resolve
from tests.oracle.compare import SIGNAL_COLUMNS, TRADE_COLUMNS, differences
from tests.oracle.pixity_oracle import run as oracle_run
from tests.oracle.scenarios import scenario

NOT_PARAMETERS = ("symbols", "session", "base_minutes", "closing_auction", "from_day", "to_day")


def scenario_differences(seed: int, gear: Gear, folder: Path) -> list[str]:
    """Lines that say where `gear` and the oracle disagree on scenario `seed`; empty: nowhere."""
    rows, options = scenario(seed)
    expected = oracle_run(rows, **options)  # type: ignore[arg-type]
    actual = run(request_of(rows, dict(options), gear, folder))
    return result_differences(expected, actual)


def result_differences(expected: Any, actual: Result) -> list[str]:
    signals = differences(expected.signals, actual.signals.to_dicts(), SIGNAL_COLUMNS)
    trades = differences(expected.trades, actual.trades.to_dicts(), TRADE_COLUMNS)
    return [f"signals: {line}" for line in signals] + [f"trades: {line}" for line in trades]


def request_of(rows: Any, options: dict[str, Any], gear: Gear, folder: Path) -> Request:
    """The oracle's keyword arguments as a Request of ours."""
    market = Market(options["session"])
    parameters = [
        f"{key}={'none' if value is None else value}"
        for key, value in options.items()
        if key not in NOT_PARAMETERS
    ]
    risk, settings = resolve(RiskSettings(), settings_of("pixity")(), parameters)
    from_day, to_day = options.get("from_day"), options.get("to_day")
    return Request(
        strategy="pixity",
        settings=settings,
        risk=risk.for_market(market),
        dataset=dataset_of(rows, options, market, folder),
        gear=gear,
        from_day=parse_day(from_day) if from_day else None,
        to_day=parse_day(to_day) if to_day else None,
    )


def dataset_of(rows: Any, options: dict[str, Any], market: Market, folder: Path) -> Dataset:
    path = folder / "scenario.parquet"
    pl.DataFrame(
        [(symbol, *row) for symbol, bars in rows.items() for row in bars],
        ["symbol", "ts", "open", "high", "low", "close", "volume"],
        orient="row",
        infer_schema_length=None,
    ).with_columns(
        pl.from_epoch(pl.col("ts"), "ns").dt.replace_time_zone("UTC"),
        pl.col("volume").cast(pl.Int64),
    ).write_parquet(path)
    auction = options["closing_auction"]
    if isinstance(auction, set):
        auction = tuple(sorted(auction)) or "none"
    return load(
        [path],
        DataOptions(
            base_ns=options["base_minutes"] * MINUTE_NS,
            market=market,
            symbols=tuple(options["symbols"]),
            closing_auction=auction,
        ),
    )
