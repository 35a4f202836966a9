"""What a user of the broker's SDK does with orders, against another address; prints it as JSON.

Run by a Python that has the SDK: `python upstox_sdk_orders.py ADDRESS TOKEN`. Nothing of the SDK is
changed but where it goes.
"""

import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import upstox_client
from upstox_client.rest import ApiException

sys.path.append(os.path.dirname(__file__))
from upstox_sdk_client import RELIANCE, WAIT_S, client

DONE = ("complete", "cancelled", "rejected")


class Updates:
    """The portfolio stream, as the SDK hands it over."""

    def __init__(self, api: upstox_client.ApiClient) -> None:
        self.messages: list[dict[str, Any]] = []
        self._more = threading.Condition()
        opened = threading.Event()
        self.streamer = upstox_client.PortfolioDataStreamer(
            api, order_update=True, position_update=True, holding_update=False, gtt_update=True
        )
        self.streamer.on("message", self._took)
        self.streamer.on("open", opened.set)
        self.streamer.connect()
        if not opened.wait(WAIT_S):
            raise TimeoutError("the portfolio stream did not open")

    def _took(self, message: str) -> None:
        with self._more:
            self.messages.append(json.loads(message))
            self._more.notify_all()

    def of(self, order_id: str) -> list[str]:
        return [one["status"] for one in self.messages if one.get("order_id") == order_id]

    def until(self, order_id: str, *statuses: str) -> list[str]:
        """Every status so far, once one of `statuses` has come."""
        with self._more:
            found = self._more.wait_for(lambda: set(self.of(order_id)) & set(statuses), WAIT_S)
        if not found:
            raise TimeoutError((order_id, self.of(order_id)))
        return self.of(order_id)


def place(orders: upstox_client.OrderApiV3, **asked: Any) -> str:
    body = {
        "quantity": 1,
        "product": "I",
        "validity": "DAY",
        "price": 0.0,
        "instrument_token": RELIANCE,
        "order_type": "MARKET",
        "transaction_type": "BUY",
        "disclosed_quantity": 0,
        "trigger_price": 0.0,
        "is_amo": False,
        "tag": "T",
    } | asked
    placed = orders.place_order(upstox_client.PlaceOrderV3Request(**body))
    [order_id] = placed.data.order_ids
    assert isinstance(placed.metadata.latency, int)
    return str(order_id)


def refused(call: Callable[[], object]) -> str:
    try:
        call()
    except ApiException as error:
        return f"{error.status} {json.loads(error.body)['errors'][0]['errorCode']}"
    return "taken"


def lives(api: upstox_client.ApiClient, updates: Updates) -> dict[str, object]:
    """An entry, its stop, the stop made an exit; an order changed and cancelled; a rejected one."""
    orders = upstox_client.OrderApiV3(api)
    entry = place(orders, tag="7-E")
    bought = updates.until(entry, *DONE)
    last = upstox_client.MarketQuoteV3Api(api).get_ltp(instrument_key=RELIANCE)
    price = last.data["NSE_EQ:RELIANCE"].last_price
    far = round(price * 0.95)
    stop = place(
        orders, tag="7-S", order_type="SL-M", transaction_type="SELL", trigger_price=float(far)
    )
    updates.until(stop, "trigger pending")
    orders.modify_order(
        upstox_client.ModifyOrderRequest(
            order_id=stop, validity="DAY", price=0.0, order_type="MARKET", trigger_price=0.0
        )
    )
    sold = updates.until(stop, *DONE)
    resting = place(orders, order_type="LIMIT", price=float(far), quantity=5)
    updates.until(resting, "open")
    orders.modify_order(
        upstox_client.ModifyOrderRequest(
            order_id=resting,
            validity="DAY",
            price=float(far - 1),
            order_type="LIMIT",
            trigger_price=0.0,
            quantity=6,
        )
    )
    updates.until(resting, "modified")
    orders.cancel_order(resting)
    cancelled = updates.until(resting, *DONE)
    rejected = place(orders, quantity=100_000)
    return {
        "bought": bought,
        "sold": sold,
        "cancelled": cancelled,
        "rejected": updates.until(rejected, *DONE),
        "again": refused(lambda: orders.cancel_order(resting)),
        "wrong": refused(lambda: place(orders, quantity=0)),
        "ids": [entry, stop, resting, rejected],
    }


def reads(api: upstox_client.ApiClient, ids: list[str]) -> dict[str, object]:
    book = upstox_client.OrderApi(api)
    entry, _, resting, rejected = ids
    rows = {one.order_id: one for one in book.get_order_book("2.0").data}
    detail = book.get_order_status(order_id=entry).data
    trail = book.get_order_details("2.0", order_id=resting).data
    [trade] = book.get_trades_by_order(entry, "2.0").data
    [held] = upstox_client.PortfolioApi(api).get_positions("2.0").data
    funds = upstox_client.UserApi(api).get_user_fund_margin("2.0").data["equity"]
    return {
        "book": [rows[one].status for one in ids],
        "tags": [rows[one].tag for one in ids],
        "why": rows[rejected].status_message,
        "detail": [detail.filled_quantity, detail.average_price == trade.average_price],
        "trail": [one.status for one in trail],
        "trades": len(book.get_trade_history("2.0").data),
        "position": [held.quantity, held.trading_symbol],
        "used": funds.used_margin,
    }


def more(api: upstox_client.ApiClient) -> dict[str, object]:
    """Lists of orders, GTT and the kill switch."""
    orders, user = upstox_client.OrderApi(api), upstox_client.UserApi(api)
    lines = [
        upstox_client.MultiOrderRequest(
            quantity=1, product="I", validity="DAY", price=1_300.0, instrument_token=RELIANCE,
            order_type="LIMIT", transaction_type="BUY", disclosed_quantity=0, trigger_price=0.0,
            is_amo=False, slice=False, correlation_id=name,
        )
        for name in ("a", "b")
    ]  # fmt: skip
    placed = orders.place_multi_order(lines)
    rule = upstox_client.GttRule(strategy="ENTRY", trigger_type="BELOW", trigger_price=1_200.0)
    gtt = upstox_client.OrderApiV3(api)
    [gtt_id] = gtt.place_gtt_order(
        upstox_client.GttPlaceOrderRequest(
            type="SINGLE", quantity=1, product="I", rules=[rule],
            instrument_token=RELIANCE, transaction_type="BUY",
        )
    ).data.gtt_order_ids  # fmt: skip
    [found] = gtt.get_gtt_order_details(gtt_order_id=gtt_id).data
    gtt.cancel_gtt_order(upstox_client.GttCancelOrderRequest(gtt_order_id=gtt_id))
    cancelled = orders.cancel_multi_order()
    return {
        "lines": [placed.summary.success, len(placed.data)],
        "gtt": [found.quantity, found.rules[0].trigger_price],
        "cancelled_all": len(cancelled.data.order_ids),
        "killed": user.get_kill_switch().data[0]["segment_status"],
    }


def everything(api: upstox_client.ApiClient) -> dict[str, object]:
    stream = Updates(api)
    told = lives(api, stream)
    ids = told["ids"]
    assert isinstance(ids, list)
    told |= reads(api, ids)
    told |= more(api)
    return told | {"update_types": sorted({one["update_type"] for one in stream.messages})}


def failed(*told: Any) -> None:
    """The SDK's threads would keep a process alive that has failed."""
    traceback.print_exception(*told)
    os._exit(1)


if __name__ == "__main__":
    sys.excepthook = failed
    print(json.dumps(everything(client(*sys.argv[1:]))), flush=True)
    os._exit(0)
