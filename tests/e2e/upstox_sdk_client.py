"""What a user of the broker's SDK does, against another address; prints what came of it as JSON.

Run by a Python that has the SDK: `python upstox_sdk_client.py ADDRESS TOKEN`. Nothing of the SDK is
changed but where it goes.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import upstox_client
import websocket

RELIANCE, NIFTY = "NSE_EQ|INE002A01018", "NSE_INDEX|Nifty 50"
MODES = ("ltpc", "full", "option_greeks", "full_d30")
WAIT_S = 20.0


def client(address: str, token: str) -> upstox_client.ApiClient:
    configuration = upstox_client.Configuration()
    configuration.host = configuration.order_host = address
    configuration.access_token = token
    real, to = websocket.WebSocketApp, address.replace("http", "ws")

    def redirected(url: str, *args: Any, **named: Any) -> Any:
        return real(url.replace("wss://api.upstox.com", to), *args, **named)

    websocket.WebSocketApp = redirected
    return upstox_client.ApiClient(configuration)


def reads(api: upstox_client.ApiClient) -> dict[str, object]:
    history, quotes = upstox_client.HistoryV3Api(api), upstox_client.MarketQuoteV3Api(api)
    market = upstox_client.MarketHolidaysAndTimingsApi(api)
    user = upstox_client.UserApi(api)
    day = "2026-08-04"
    charges = upstox_client.ChargeApi(api)
    asked: dict[str, Callable[[], object]] = {
        "profile": lambda: user.get_profile("2.0").data.user_id,
        "funds": lambda: user.get_user_fund_margin("2.0").data["equity"].available_margin,
        "history": lambda: len(
            history.get_historical_candle_data1(RELIANCE, "minutes", "1", day, day).data.candles
        ),
        "intraday": lambda: history.get_intra_day_candle_data(
            RELIANCE, "minutes", "1"
        ).data.candles[0][0],
        "ltp": lambda: sorted(quotes.get_ltp(instrument_key=f"{RELIANCE},{NIFTY}").data),
        "ohlc": lambda: (
            quotes.get_market_quote_ohlc("I1", instrument_key=RELIANCE)
            .data["NSE_EQ:RELIANCE"]
            .prev_ohlc.ts
        ),
        "quote": lambda: (
            quotes.get_full_market_quote_v3(instrument_key=RELIANCE)
            .data["NSE_EQ:RELIANCE"]
            .cas_eligible
        ),
        "holidays": lambda: len(market.get_holidays().data),
        "timings": lambda: market.get_exchange_timings("2026-08-05").data[0].exchange,
        "status": lambda: market.get_market_status("NSE").data.status,
        "charges": lambda: (
            charges.get_brokerage(RELIANCE, 100, "I", "SELL", 1000.0, "2.0").data.charges.total
        ),
        "authorize": lambda: (
            upstox_client.WebsocketApi(api)
            .get_market_data_feed_authorize_v3()
            .data.authorized_redirect_uri.partition(":")[0]
        ),
    }
    return {name: ask() for name, ask in asked.items()}


class Stream:
    """One streamer, and the messages that came."""

    def __init__(self, api: upstox_client.ApiClient, mode: str) -> None:
        self.messages: list[dict[str, Any]] = []
        self._more = threading.Condition()
        self.streamer = upstox_client.MarketDataStreamerV3(api, [RELIANCE, NIFTY], mode)
        self.streamer.on("message", self._took)
        self.streamer.connect()

    def _took(self, message: dict[str, Any]) -> None:
        with self._more:
            self.messages.append(message)
            self._more.notify_all()

    def until(self, wanted: Callable[[dict[str, Any]], bool], after: int = 0) -> int:
        """Wait for such a message; returns its number."""

        def found() -> int | None:
            places = range(after, len(self.messages))
            return next((n for n in places if wanted(self.messages[n])), None)

        with self._more:
            self._more.wait_for(lambda: found() is not None, WAIT_S)
            number = found()
        if number is None:
            raise TimeoutError([sorted(one) for one in self.messages[-3:]])
        return number


def streams(api: upstox_client.ApiClient) -> dict[str, object]:
    told: dict[str, object] = {}
    for mode in MODES:
        stream = Stream(api, mode)
        stream.until(lambda one: one.get("type") == "live_feed")
        told[mode] = [one.get("type") for one in stream.messages[:3]]
        snapshot = stream.messages[1]["feeds"]
        told[f"{mode}_parts"] = sorted({part for one in snapshot.values() for part in one})
        if mode == "full":
            told |= _changes(stream)
        stream.streamer.disconnect()
    return told


def _changes(stream: Stream) -> dict[str, object]:
    """Another mode, fewer keys, and a connection that is dropped and comes back by itself."""
    streamer = stream.streamer
    streamer.change_mode([RELIANCE], "ltpc")
    changed = stream.until(lambda one: "ltpc" in one.get("feeds", {}).get(RELIANCE, {}))
    streamer.unsubscribe([NIFTY])
    alone = stream.until(lambda one: list(one.get("feeds", {})) == [RELIANCE], changed + 1)
    print("CUT", flush=True)  # now whoever serves us cuts the line
    back = stream.until(lambda one: one.get("type") == "market_info", alone + 1)
    again = stream.until(lambda one: RELIANCE in one.get("feeds", {}), back + 1)
    return {"changed": True, "alone": True, "back": sorted(stream.messages[again]["feeds"])}


if __name__ == "__main__":
    sdk = client(*sys.argv[1:])
    print(json.dumps({**reads(sdk), **streams(sdk)}), flush=True)
    os._exit(0)  # the SDK's threads do not end by themselves
