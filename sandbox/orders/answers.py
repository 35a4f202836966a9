"""The broker's shapes of orders, trades, positions and funds, as REST and stream tell them.

Pure. Deprecated names stand beside the present ones, because the broker sends both.
"""

from collections.abc import Iterable

from core.session import ist_text
from sandbox.accounts import USER
from sandbox.answers import Json
from sandbox.market.world import MS_NS
from sandbox.orders.order import TERMINAL, Order, State, Trade
from sandbox.orders.positions import Account, Position

LATENCY_MS = 12


def accepted(data: Json) -> Json:
    """The envelope of a V3 order call."""
    return {"status": "success", "data": data, "metadata": {"latency": LATENCY_MS}}


def order_row(order: Order, state: State | None = None) -> Json:
    """An order as it is, or as it was in `state`."""
    state = state or order.trail[-1]
    terms = state.terms
    return {
        "exchange": "NSE",
        "product": terms.product,
        "price": terms.price_paise / 100,
        "quantity": terms.quantity,
        "status": state.status.value,
        "guid": None,
        "tag": terms.tag,
        "instrument_token": terms.listing.key,
        "placed_by": order.placed_by,
        "trading_symbol": terms.listing.symbol,
        "tradingsymbol": terms.listing.symbol,
        "order_type": terms.order_type.value,
        "validity": "IOC" if terms.is_ioc else "DAY",
        "trigger_price": terms.trigger_paise / 100,
        "disclosed_quantity": terms.disclosed_quantity,
        "transaction_type": _side(terms.sign),
        "average_price": state.average_rupees,
        "filled_quantity": state.filled,
        "pending_quantity": 0 if state.status in TERMINAL else terms.quantity - state.filled,
        "status_message": state.message,
        "status_message_raw": state.raw,
        "exchange_order_id": state.exchange_order_id,
        "parent_order_id": None,
        "order_id": order.order_id,
        "variety": "SIMPLE",
        "order_timestamp": _stamp(order.trail[0].time_ms),
        "exchange_timestamp": None if state.exchange_ms is None else _stamp(state.exchange_ms),
        "is_amo": terms.is_after_market,
        "order_request_id": str(state.requests),
        "order_ref_id": order.reference,
    }


def order_update(order: Order, state: State) -> Json:
    return update("order", order_row(order, state) | {"instrument_key": order.terms.listing.key})


def trade_row(trade: Trade) -> Json:
    terms = trade.order.terms
    return {
        "exchange": "NSE",
        "product": terms.product,
        "trading_symbol": terms.listing.symbol,
        "tradingsymbol": terms.listing.symbol,
        "instrument_token": terms.listing.key,
        "order_type": terms.order_type.value,
        "transaction_type": _side(terms.sign),
        "quantity": trade.quantity,
        "exchange_order_id": trade.order.exchange_order_id,
        "order_id": trade.order.order_id,
        "exchange_timestamp": _stamp(trade.time_ms),
        "average_price": trade.price_paise / 100,
        "trade_id": trade.trade_id,
        "order_ref_id": trade.order.reference,
        "order_timestamp": _stamp(trade.order.trail[0].time_ms),
    }


def position_row(one: Position, last_paise: int, close_paise: int) -> Json:
    (bought, paid), (sold, got) = one.buys, one.sells
    unrealised = one.net * (last_paise - one.average_paise)
    carried = abs(one.carried_paise) / 100
    return {
        "exchange": "NSE",
        "multiplier": 1.0,
        "value": (got - paid) / 100,
        "pnl": round(one.realised_paise + unrealised) / 100,
        "product": one.product,
        "instrument_token": one.listing.key,
        "average_price": round(one.average_paise / 100, 4) if one.net else None,
        "buy_value": paid / 100,
        "overnight_quantity": one.carried,
        "day_buy_value": one.bought_paise / 100,
        "day_buy_price": _per(one.bought_paise, one.bought),
        "overnight_buy_amount": carried if one.carried > 0 else 0.0,
        "overnight_buy_quantity": max(one.carried, 0),
        "day_buy_quantity": one.bought,
        "day_sell_value": one.sold_paise / 100,
        "day_sell_price": _per(one.sold_paise, one.sold),
        "overnight_sell_amount": carried if one.carried < 0 else 0.0,
        "overnight_sell_quantity": max(-one.carried, 0),
        "day_sell_quantity": one.sold,
        "quantity": one.net,
        "last_price": last_paise / 100,
        "unrealised": round(unrealised) / 100,
        "realised": one.realised_paise / 100,
        "sell_value": got / 100,
        "trading_symbol": one.listing.symbol,
        "tradingsymbol": one.listing.symbol,
        "close_price": close_paise / 100,
        "buy_price": _per(paid, bought),
        "sell_price": _per(got, sold),
    }


def update(update_type: str, row: Json) -> Json:
    """What the stream says, and whose it is."""
    user = USER["user_id"]
    return {"update_type": update_type, "user_id": user, "userId": user} | row


def funds(account: Account, orders: Iterable[Order], prices: dict[str, int]) -> Json:
    """The layout of V3."""
    used = account.used_paise(orders, prices) / 100
    loss = min(0, account.realised_paise) / -100
    profit = max(0, account.realised_paise) / 100
    opening = account.cash_paise / 100
    free = opening - used - loss
    cash = {
        "opening_balance": opening,
        "added_today": 0.0,
        "withdrawn_today": 0.0,
        "amount_from_stock_sale": 0.0,
        "unpaid_charges": 0.0,
    }
    margin = {
        "total": used,
        "mtf": 0.0,
        "loss": {"total": loss, "realised": loss, "unrealised": 0.0},
        "span_exposure": 0.0,
        "cash_margin_var_elm": used,
        "premium_present": 0.0,
        "delivery_margin": {"total": 0.0, "equity": 0.0, "fo_settlement": 0.0},
    }
    settled = {"todays_profit": profit, "previous_days": 0.0}
    return {
        "available_to_trade": {
            "total": free,
            "cash_available_to_trade": {"total": free, "cash": cash, "margin_used": margin},
            "pledge_available_to_trade": {"total": 0.0},
        },
        "unavailable_to_trade": {
            "cash_unavailable_to_trade": {"total": profit, "unsettled_profit": settled},
            "pledge_unavailable_to_trade": {"total": 0.0},
        },
    }


def funds_v2(account: Account, orders: Iterable[Order], prices: dict[str, int]) -> Json:
    """The layout of V2: everything stands under `equity`."""
    used = account.used_paise(orders, prices)
    free = account.cash_paise + min(0, account.realised_paise) - used
    names = ("payin_amount", "span_margin", "adhoc_margin", "notional_cash", "exposure_margin")
    empty = dict.fromkeys(names, 0.0)
    return {
        "equity": empty | {"used_margin": used / 100, "available_margin": free / 100},
        "commodity": empty | {"used_margin": 0.0, "available_margin": 0.0},
    }


def _side(sign: int) -> str:
    return "BUY" if sign > 0 else "SELL"


def _per(value_paise: int, quantity: int) -> float:
    return round(value_paise / quantity / 100, 4) if quantity else 0.0


def _stamp(time_ms: int) -> str:
    """IST without a zone, by the second."""
    return ist_text(time_ms * MS_NS)[:19].replace("T", " ")
