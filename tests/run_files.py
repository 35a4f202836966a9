"""The rows of a small run, by hand: three trades over a new year, five signals."""

import polars as pl

from backtest.files import SIGNAL_SCHEMA, TRADE_SCHEMA
from core.session import ist_ns

HOUR_NS = 3_600 * 10**9


def trade(entry: str, exit_: str, net_paise: int, **more: object) -> dict[str, object]:
    side = more.get("side", "BUY")
    return {
        "strategy": "pixity",
        "instrument": "TCS",
        "side": side,
        "quantity": 10,
        "signal_id": f"{entry}{side}",
        "kind": "TREND",
        "signal_bar_open_ns": ist_ns(entry) - HOUR_NS,
        "entry_ns": ist_ns(entry),
        "entry_price": 100.0,
        "exit_ns": ist_ns(exit_),
        "exit_price": 101.0,
        "exit_reason": "STOP",
        "bars_held": 2,
        "gross_paise": net_paise + 100,
        "fees_paise": 100,
        "net_paise": net_paise,
        "r": net_paise / 50_000,
        "mae": 0.5,
        "mfe": 1.5,
    } | more


def trades() -> pl.DataFrame:
    rows = [
        trade("2021-01-29T14:45:00+05:30", "2021-01-29T15:10:00+05:30", 10_000),
        trade("2021-12-31T09:30:00+05:30", "2022-01-03T09:45:00+05:30", -4_000),  # over the year
        trade("2022-01-03T10:00:00+05:30", "2022-01-03T11:00:00+05:30", -1_000, kind="REVERSION"),
    ]
    return pl.DataFrame(rows, TRADE_SCHEMA)


def signals() -> pl.DataFrame:
    told = [("ACTED", None)] * 3 + [("REFUSED", "cooldown"), ("SUPPRESSED", None)]
    rows = [
        {
            "strategy": "pixity",
            "instrument": "TCS",
            "kind": "TREND",
            "side": "BUY",
            "bar_open_ns": number,
            "bar_close_ns": number + 1,
            "close": 100.0,
            "atr": 1.0,
            "vwap": None,
            "status": status,
            "refusal": refusal,
            "signal_id": str(number),
        }
        for number, (status, refusal) in enumerate(told)
    ]
    return pl.DataFrame(rows, SIGNAL_SCHEMA)


def summary(session: str = "nse") -> dict[str, object]:
    return {
        "strategy": "pixity",
        "session": session,
        "parameters": {"ema_fast": 20},
        "data_hash": "d",
        "run_scope": "s",
        "code_version": "1",
        "instruments": ["TCS"],
        "span": {"from": "2021-01-29", "to": "2022-01-03", "days": 3},
        "counts": {"base_bars": 9},
        "trades": 3,
        "net_paise": 5_000,
        "fees_paise": 300,
        "max_drawdown_paise": 5_000,
        "win_rate": 1 / 3,
        "profit_factor": 2.0,
        "sharpe": 0.5,
    }
