"""Instrument masters as the broker serves them, in small."""

import gzip
import json
from collections.abc import Sequence
from typing import Any

TATAPOWER, TMPV, BSE = "NSE_EQ|INE245A01021", "NSE_EQ|INE155A01022", "NSE_EQ|INE118H01025"
BAJFINANCE, NIFTY = "NSE_EQ|INE296A01032", "NSE_INDEX|Nifty 50"


def share(key: str, symbol: str, **more: object) -> dict[str, Any]:
    row = {
        "segment": "NSE_EQ",
        "name": f"{symbol} LTD",
        "exchange": "NSE",
        "isin": key.partition("|")[2],
        "instrument_type": "EQ",
        "instrument_key": key,
        "lot_size": 1,
        "freeze_quantity": 100000.0,
        "exchange_token": "3426",
        "tick_size": 5.0,
        "trading_symbol": symbol,
        "security_type": "NORMAL",
        "cas_eligible": True,
    }
    return row | more


def index(key: str, symbol: str) -> dict[str, Any]:
    return {
        "segment": "NSE_INDEX",
        "name": symbol,
        "exchange": "NSE",
        "instrument_type": "INDEX",
        "instrument_key": key,
        "exchange_token": "26000",
        "trading_symbol": symbol,
    }


ROWS = (
    share(TATAPOWER, "TATAPOWER"),
    share(TMPV, "TMPV", tick_size=10.0),
    share(BSE, "BSE", cas_eligible=False),
    share(BAJFINANCE, "BAJFINANCE"),
    share("NSE_EQ|INE000A01011", "TWICE"),
    share("NSE_EQ|INE000A01012", "TWICE", instrument_type="BE"),
    share("NSE_EQ|INE000A01013", "BONDS", instrument_type="GS"),
    share("NSE_EQ|INE000A01014", "BONDS", instrument_type="GB"),
    share("NSE_EQ|INE000A01015", "ODDTICK", tick_size=0.5),
    index(NIFTY, "NIFTY 50"),
    share("NSE_FO|54321", "TATAPOWER 400 CE", segment="NSE_FO", instrument_type="CE"),
)


def packed(rows: object) -> bytes:
    return gzip.compress(json.dumps(rows).encode(), mtime=0)


def intraday(keys: Sequence[str]) -> bytes:
    """The list of shares that may be traded intraday."""
    told = {"intraday_margin": 20.0, "intraday_leverage": 5.0}
    return packed([row | told for row in ROWS if row["instrument_key"] in keys])
