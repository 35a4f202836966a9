"""What a run amounted to: identity, counts, money and a few ratios (cli.md 3)."""

import hashlib
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import polars as pl

from backtest.files import DAILY_SCHEMA
from backtest.run import Request, Result
from backtest.score import Score, exit_days, score
from core.session import day_text
from core.types import Market


def summary_of(request: Request, result: Result) -> dict[str, object]:
    """summary.json as a dict. Money in paise; ratios None where they have no value.

    Everything but `bars_per_second` is the same in both gears and at every run.
    """
    trades = result.trades
    scored = score_of(request, result)
    counts = request.dataset.counts
    return {
        "strategy": request.name,
        "parameters": request.parameters,
        "data_hash": request.dataset.data_hash,
        "code_version": code_version(),
        "run_scope": request.scope,
        "session": str(request.dataset.options.market),
        "instruments": [instrument.symbol for instrument in request.dataset.instruments],
        "span": {
            "from": day_text(result.days[0]),
            "to": day_text(result.days[-1]),
            "days": len(result.days),
        },
        "counts": {
            "rows": counts.rows,
            "duplicates": counts.duplicates,
            "outside_session": counts.outside_session,
            "base_bars": result.base_bars,
            "strategy_bars": result.strategy_bars,
        },
        "events": _tally(result.signals.select(pl.concat_str("kind", "side", separator=" "))),
        "status": _tally(result.signals.select("status")),
        "refusals": _tally(result.signals.select("refusal").drop_nulls()),
        "exits": _tally(trades.select("exit_reason")),
        "trades": scored.trades,
        "gross_paise": scored.gross_paise,
        "fees_paise": scored.fees_paise,
        "net_paise": scored.net_paise,
        "final_cash_paise": round(request.risk.initial_cash * 100) + scored.net_paise,
        "win_rate": scored.win_rate,
        "profit_factor": scored.profit_factor,
        "max_drawdown_paise": scored.max_drawdown_paise,
        "sharpe": scored.sharpe,
        "signals_sha256": frame_hash(result.signals),
        "trades_sha256": frame_hash(trades),
        "bars_per_second": round(result.base_bars / max(result.seconds, 1e-9)),
    }


def score_of(request: Request, result: Result) -> Score:
    """The figures of a run."""
    columns = ("exit_ns", "gross_paise", "fees_paise")
    return score(
        *(result.trades[name].to_numpy() for name in columns),
        days=np.array(result.days, np.int64),
        initial_cash=request.risk.initial_cash,
        always_open=request.dataset.options.market is Market.ALWAYS_OPEN,
    )


def daily_of(request: Request, result: Result) -> pl.DataFrame:
    """DAILY_SCHEMA: what was realised in each session of the span."""
    trades, days = result.trades, np.array(result.days, np.int64)
    always_open = request.dataset.options.market is Market.ALWAYS_OPEN
    ended = exit_days(trades["exit_ns"].to_numpy(), always_open=always_open)
    net_paise = np.zeros(len(days), np.int64)
    np.add.at(net_paise, np.searchsorted(days, ended), trades["net_paise"].to_numpy())
    dates = pl.Series(days, dtype=pl.Int64).cast(pl.Int32).cast(pl.Date)
    return pl.DataFrame({"day": dates, "net_paise": net_paise}, DAILY_SCHEMA)


def frame_hash(frame: pl.DataFrame) -> str:
    """SHA-256 over the rows as CSV: the same rows, the same hash, whatever wrote the file."""
    return hashlib.sha256(frame.write_csv().encode()).hexdigest()


def code_version() -> str:
    try:
        return version("tradingd")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"


def _tally(column: pl.DataFrame) -> dict[str, int]:
    values = column.to_series()
    return {str(value): int((values == value).sum()) for value in values.unique().sort()}
