"""The broker's answers about the account, its charges, and the list of instruments.

Pure, as `answers.py`. What moves the account's cash is in `orders/answers.py`.
"""

from collections.abc import Sequence

from core.rules.dated import day_rules
from core.rules.fees import FeeProfile, fees_paise, share_paise, value_paise
from sandbox.accounts import USER
from sandbox.answers import Json, Refused, listing_of, success
from sandbox.market.exchange import Exchange
from sandbox.market.universe import Listing


def profile() -> Json:
    return success(USER)


def brokerage(exchange: Exchange, key: str, quantity: str, side: str, price: str) -> Json:
    """What an order would cost, part by part, rupees."""
    listing_of(exchange, key)
    try:
        value = value_paise(int(quantity), float(price))
    except ValueError as error:
        raise Refused(400, "UDAPI1024", "quantity and price must be numbers") from error
    if value <= 0 or side not in ("BUY", "SELL"):
        raise Refused(400, "UDAPI1024", "quantity, price or transaction_type is not valid")
    [rules] = day_rules([exchange.day], profile=FeeProfile.UPSTOX, fee_bps=0.0)
    sign = 1 if side == "BUY" else -1
    fee = min(20_00, share_paise(value, rules["brokerage_num"], rules["brokerage_den"]))
    transaction = share_paise(value, rules["transaction_num"], rules["transaction_den"])
    sebi = share_paise(value, rules["sebi_num"], rules["sebi_den"])
    ipft = share_paise(value, rules["ipft_num"], rules["ipft_den"])
    stt = share_paise(value, rules["stt_num"], rules["stt_den"]) if sign < 0 else 0
    stamp = share_paise(value, rules["stamp_num"], rules["stamp_den"]) if sign > 0 else 0
    gst = share_paise(fee + transaction + sebi, rules["gst_percent"], 100)
    other = {"transaction": transaction / 100, "clearing": 0.0, "sebi_turnover": sebi / 100}
    plan = {"name": "BASIC", "min_expense": 0.0}
    charges = {
        "total": fees_paise(value, sign, rules) / 100,
        "brokerage": fee / 100,
        "taxes": {"gst": gst / 100, "stt": stt / 100, "stamp_duty": stamp / 100},
        "other_charges": other | {"ipft": ipft / 100},
        "otherTaxes": other,
        "dp_plan": plan,
        "dpPlan": plan,
    }
    return success({"charges": charges})


# --- instruments ---------------------------------------------------------------------------------


def master(listed: Sequence[Listing]) -> list[Json]:
    """The rows of the instrument master."""
    return [_master_row(number, one) for number, one in enumerate(listed)]


def _master_row(number: int, one: Listing) -> Json:
    row: Json = {
        "segment": one.segment,
        "name": one.name,
        "exchange": "NSE",
        "instrument_type": "INDEX" if one.is_index else "EQ",
        "instrument_key": one.key,
        "exchange_token": str(1_000 + number),
        "trading_symbol": one.symbol,
    }
    if one.is_index:
        return row
    return row | {
        "isin": one.isin,
        "lot_size": 1,
        "freeze_quantity": float(one.freeze_quantity),
        "tick_size": float(one.tick_paise),
        "short_name": one.name.title(),
        "qty_multiplier": 1.0,
        "security_type": "NORMAL",
        "cas_eligible": one.has_derivatives,
        "mtf_enabled": False,
    }


def intraday_master(listed: Sequence[Listing]) -> list[Json]:
    """The rows of the file of shares that may be traded intraday."""
    return [
        _master_row(number, one) | {"intraday_margin": 20.0, "intraday_leverage": 5.0}
        for number, one in enumerate(listed)
        if one.is_intraday
    ]
