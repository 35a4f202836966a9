"""What a run amounted to: identity, counts, money and a few ratios (cli.md 3)."""

import hashlib
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import polars as pl

from backtest.run import Request, Result
from core.session import DAY_NS, IST_OFFSET_NS, day_text
from core.types import Market

TRADING_DAYS_PER_YEAR = 252


def summary_of(request: Request, result: Result) -> dict[str, object]:
    """summary.json as a dict. Money in paise; ratios None where they have no value.

    Everything but `bars_per_second` is the same in both gears and at every run.
    """
    trades = result.trades
    nets = trades["net_paise"]
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
        "trades": len(trades),
        "gross_paise": int(trades["gross_paise"].sum()),
        "fees_paise": int(trades["fees_paise"].sum()),
        "net_paise": int(nets.sum()),
        "final_cash_paise": round(request.risk.initial_cash * 100) + int(nets.sum()),
        "win_rate": int((nets > 0).sum()) / len(trades) if len(trades) else None,
        "profit_factor": _profit_factor(nets.to_numpy()),
        "max_drawdown_paise": max_drawdown_paise(trades),
        "sharpe": sharpe(request, result),
        "signals_sha256": frame_hash(result.signals),
        "trades_sha256": frame_hash(trades),
        "bars_per_second": round(result.base_bars / max(result.seconds, 1e-9)),
    }


def max_drawdown_paise(trades: pl.DataFrame) -> int:
    """Deepest fall of realised cash from its peak, in the order of exits."""
    nets = trades.sort("exit_ns", maintain_order=True)["net_paise"].to_numpy()
    cash = np.concatenate([[0], np.cumsum(nets)])
    return int((np.maximum.accumulate(cash) - cash).max())


def sharpe(request: Request, result: Result) -> float:
    """Daily nets / initial cash, sample deviation, times sqrt(252); 0 when flat.

    A trade counts on the day of its exit; every session of the span is a day.
    """
    always_open = request.dataset.options.market is Market.ALWAYS_OPEN
    offset_ns = 0 if always_open else IST_OFFSET_NS
    # An exit at the very end of a UTC day belongs to the day that ends.
    days = (result.trades["exit_ns"].to_numpy() - 1 + offset_ns) // DAY_NS
    daily = np.zeros(len(result.days))
    np.add.at(daily, np.searchsorted(result.days, days), result.trades["net_paise"].to_numpy())
    daily /= request.risk.initial_cash * 100
    if len(daily) < 2 or daily.std(ddof=1) == 0.0:
        return 0.0
    return float(daily.mean() / daily.std(ddof=1) * np.sqrt(TRADING_DAYS_PER_YEAR))


def frame_hash(frame: pl.DataFrame) -> str:
    """SHA-256 over the rows as CSV: the same rows, the same hash, whatever wrote the file."""
    return hashlib.sha256(frame.write_csv().encode()).hexdigest()


def code_version() -> str:
    try:
        return version("tradingd")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"


def _profit_factor(nets: np.ndarray) -> float | None:
    lost = -int(nets[nets < 0].sum())
    return int(nets[nets > 0].sum()) / lost if lost else None


def _tally(column: pl.DataFrame) -> dict[str, int]:
    values = column.to_series()
    return {str(value): int((values == value).sum()) for value in values.unique().sort()}
