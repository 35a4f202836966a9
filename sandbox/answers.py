"""The broker's REST answers as values: envelope, errors, and the body of each read.

Pure: an exchange and the question's parts in, JSON-ready values out. Names and shapes are the
broker's, both spellings of an error included, because its SDK reads one and its pages show the
other.
"""

from typing import Any

import numpy as np

from core.errors import ConfigError
from core.session import (
    day_span_ns,
    day_text,
    ist_text,
    parse_day,
)
from core.session_table import SPECIAL_DAYS, WEEKDAY_CLOSURES
from core.types import SessionClass
from sandbox.faults import kinds
from sandbox.market.candles import MINUTE_MS, Candles, Ohlc
from sandbox.market.exchange import STATUSES, Exchange
from sandbox.market.quotes import Quote, Quotes
from sandbox.market.universe import Listing
from sandbox.market.world import MS_NS
from sandbox.orders.entry_rules import day_band_paise

Json = dict[str, Any]

MAX_KEYS = 500
# Unit of a candle: minutes of one, and the largest interval. Weeks and months are not served.
UNITS = {"minutes": (1, 300), "hours": (60, 5), "days": (1_440, 1)}
MONTH_DAYS, QUARTER_DAYS, DECADE_DAYS = 31, 92, 3_653
FIRST_INTRADAY_DAY, FIRST_DAY = "2022-01-01", "2000-01-01"


class Refused(Exception):
    """A question that the broker answers with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def success(data: object) -> Json:
    return {"status": "success", "data": data}


def failure(code: str, message: str) -> Json:
    problem = {
        "error_code": code,
        "message": message,
        "property_path": None,
        "invalid_value": None,
        "errorCode": code,
        "propertyPath": None,
        "invalidValue": None,
    }
    return {"status": "error", "errors": [problem]}


# --- candles -------------------------------------------------------------------------------------


def historical(
    exchange: Exchange, key: str, unit: str, interval: str, to: str, since: str = ""
) -> Json:
    """`[time, open, high, low, close, volume, open interest]`, newest first; never today's."""
    listing = listing_of(exchange, key)
    minutes = _minutes(unit, interval)
    last, first = _date(to), _date(since or to)
    if first > last or last - first > _cap(unit, minutes):
        raise Refused(400, "UDAPI1148", "Invalid date range")
    earliest = FIRST_INTRADAY_DAY if unit in ("minutes", "hours") else FIRST_DAY
    days = range(max(first, parse_day(earliest)), min(last, exchange.day - 1) + 1)
    return success({"candles": _rows(exchange, listing, days, unit, minutes)})


def intraday(exchange: Exchange, key: str, unit: str, interval: str) -> Json:
    """The running day's, as far as minutes are complete; empty without a session."""
    listing = listing_of(exchange, key)
    minutes = _minutes(unit, interval)
    stale = exchange.faults.on(kinds.STALE_INTRADAY, exchange.now_ms())
    day = exchange.last_working_day() if stale else exchange.day
    candles = _perturbed(exchange, listing, exchange.candles(listing, day))
    return success({"candles": _day_rows(listing, day, candles, unit, minutes)[::-1]})


def _perturbed(exchange: Exchange, listing: Listing, candles: Candles) -> Candles:
    """A tick and a share more in some of them, the same ones whenever they are asked for."""
    share = exchange.faults.amount(kinds.PERTURB, exchange.now_ms())
    if share is None:
        return candles
    random = exchange.faults.random("candles", listing.key, exchange.day)
    other = random.random(len(candles.open_ms)) < share
    close = candles.close + other * listing.tick_paise / 100.0
    return candles._replace(
        close=close, high=np.maximum(candles.high, close), volume=candles.volume + other
    )


def _rows(
    exchange: Exchange, listing: Listing, days: range, unit: str, minutes: int
) -> list[list[object]]:
    rows: list[list[object]] = []
    for day in days:
        rows += _day_rows(listing, day, exchange.candles(listing, day), unit, minutes)
    return rows[::-1]


def _day_rows(
    listing: Listing, day: int, candles: Candles, unit: str, minutes: int
) -> list[list[object]]:
    longer = candles.longer(minutes)
    if unit == "days":
        midnight_ms = day_span_ns(day, SessionClass.CASH)[0] // MS_NS
        longer = [one._replace(open_ms=midnight_ms) for one in longer]
    return [_row(one, listing) for one in longer]


def _row(one: Ohlc, listing: Listing) -> list[object]:
    volume = 0 if listing.is_index else one.volume
    return [ist_text(one.open_ms * MS_NS), *one[1:5], volume, 0]


# --- quotes --------------------------------------------------------------------------------------


def last_prices(exchange: Exchange, keys: str) -> Json:
    return success(
        {
            name: {
                "last_price": quote.price,
                "instrument_token": quotes.listing.key,
                "ltq": quote.last_quantity,
                "volume": quote.volume,
                "cp": quotes.tape.previous_close,
            }
            for name, quotes, quote in _quoted(exchange, keys)
        }
    )


def ohlc(exchange: Exchange, keys: str, interval: str) -> Json:
    """`prev_ohlc` the completed candle, `live_ohlc` the one that forms."""
    if interval not in ("1d", "I1", "I30"):
        raise Refused(400, "UDAPI1147", f"Invalid interval {interval}")
    minutes = {"I1": 1, "I30": 30}.get(interval, 0)
    now_ms = exchange.now_ms()
    told = {}
    for name, quotes, quote in _quoted(exchange, keys):
        completed, forming = _two(quotes, quote, minutes, now_ms)
        told[name] = {
            "last_price": quote.price,
            "instrument_token": quotes.listing.key,
            "prev_ohlc": completed,
            "live_ohlc": forming,
        }
    return success(told)


def _two(
    quotes: Quotes, quote: Quote, minutes: int, now_ms: int
) -> tuple[Json | None, Json | None]:
    if minutes == 0:
        return None, _ohlc(quote.day)
    candles = quotes.so_far(now_ms).longer(minutes)
    over = [one for one in candles if one.open_ms + minutes * MINUTE_MS <= now_ms]
    forming = candles[-1] if len(candles) > len(over) else None
    return _ohlc(over[-1] if over else None), _ohlc(forming)


def _ohlc(one: Ohlc | None) -> Json | None:
    if one is None:
        return None
    return dict(zip(("ts", "open", "high", "low", "close", "volume"), one, strict=True))


def full_quotes(exchange: Exchange, keys: str) -> Json:
    told = {}
    for name, quotes, quote in _quoted(exchange, keys):
        close = quotes.tape.previous_close
        depth = [] if quotes.listing.is_index else quotes.depth(quote)
        low, high = day_band_paise(quotes.listing, close)
        told[name] = {
            "ohlc": _ohlc(quote.day),
            "depth": {
                "buy": [{"quantity": one[0], "price": one[1], "orders": 1} for one in depth],
                "sell": [{"quantity": one[2], "price": one[3], "orders": 1} for one in depth],
            },
            "timestamp": ist_text(exchange.clock.now_ns()),
            "instrument_token": quotes.listing.key,
            "symbol": quotes.listing.symbol,
            "last_price": quote.price,
            "volume": quote.volume,
            "average_price": quote.average_price,
            "oi": 0.0,
            "net_change": round(quote.price - close, 2),
            "total_buy_quantity": 1_000.0 * (300 + quote.place % 37),
            "total_sell_quantity": 1_000.0 * (300 + quote.place % 41),
            "lower_circuit_limit": low / 100,
            "upper_circuit_limit": high / 100,
            "last_trade_time": str(quote.traded_ms),
            "prev_close_price": close,
            "cas_eligible": quotes.listing.has_derivatives and not quotes.listing.is_index,
        }
    return success(told)


def _quoted(exchange: Exchange, keys: str) -> list[tuple[str, Quotes, Quote]]:
    """Name, day and quote of each key that is listed; others are left out, as the broker does."""
    asked = [key for key in keys.split(",") if key]
    if not asked:
        raise Refused(400, "UDAPI1009", "instrument_key is required")
    if len(asked) > MAX_KEYS:
        raise Refused(400, "UDAPI100042", f"at most {MAX_KEYS} instrument keys")
    found = [exchange.quotes(key) for key in dict.fromkeys(asked)]
    if not any(found):
        raise Refused(400, "UDAPI100011", "Invalid Instrument key")
    now_ms = exchange.now_ms()
    return [
        (f"{one.listing.segment}:{one.listing.symbol}", one, one.at(now_ms))
        for one in found
        if one is not None
    ]


# --- the market ----------------------------------------------------------------------------------


def holidays(exchange: Exchange, date: str = "") -> Json:
    """Closures and special days of the running year, or what is special about `date`."""
    year = day_text(exchange.day)[:4]
    days = sorted({one for one in (*WEEKDAY_CLOSURES, *SPECIAL_DAYS) if one.startswith(year)})
    if date:
        _date(date)
        days = [date] if date in days else []
    return success([_holiday(exchange, text) for text in days])


def _holiday(exchange: Exchange, text: str) -> Json:
    special = SPECIAL_DAYS.get(text)
    opened = [] if special is None else _timings(exchange, parse_day(text))
    return {
        "date": text,
        "description": "Holiday" if special is None else special.source,
        "holiday_type": "TRADING_HOLIDAY" if special is None else "SPECIAL_TIMING",
        "closed_exchanges": ["NSE", "NFO", "BSE", "BFO"] if special is None else [],
        "open_exchanges": opened,
    }


def timings(exchange: Exchange, date: str) -> Json:
    return success(_timings(exchange, _date(date)))


def _timings(exchange: Exchange, day: int) -> list[Json]:
    session = exchange.cash_hours(day)
    if session is None:
        return []
    hours = {"start_time": session.open_ns // MS_NS, "end_time": session.close_ns // MS_NS}
    return [{"exchange": "NSE", **hours}]


def status(exchange: Exchange, name: str) -> Json:
    names = {"NSE": "NSE_EQ", "NFO": "NSE_FO", "BSE": "BSE_EQ", "BFO": "BSE_FO", "MCX": "MCX_FO"}
    phases = exchange.phases()
    segment = names.get(name)
    if segment is None:
        raise Refused(400, "UDAPI1089", f"Invalid exchange {name}")
    told = {
        "exchange": name,
        "status": STATUSES[phases.segments[segment]],
        "last_updated": exchange.now_ms(),
    }
    auction = phases.closing_auction.get(segment)
    return success(told | ({} if auction is None else {"cas_eligible_status": auction[0]}))


# --- parts of a question -------------------------------------------------------------------------


def listing_of(exchange: Exchange, key: str) -> Listing:
    listing = exchange.listing(key)
    if listing is None:
        raise Refused(400, "UDAPI100011", "Invalid Instrument key")
    return listing


def _minutes(unit: str, interval: str) -> int:
    """Minutes of a candle; 0 for a day and longer."""
    if unit not in UNITS:
        raise Refused(400, "UDAPI1146", f"Invalid unit {unit}")
    minutes, largest = UNITS[unit]
    if not interval.isascii() or not interval.isdigit() or not 1 <= int(interval) <= largest:
        raise Refused(400, "UDAPI1147", f"Invalid interval {interval}")
    return minutes * int(interval)


def _cap(unit: str, minutes: int) -> int:
    """Days that one request may span."""
    if unit == "days":
        return DECADE_DAYS
    return MONTH_DAYS if unit == "minutes" and minutes <= 15 else QUARTER_DAYS


def _date(text: str) -> int:
    try:
        return parse_day(text)
    except ConfigError as error:
        raise Refused(400, "UDAPI1088", f"Invalid date {text}") from error
