"""The messages of the market feed V3, whole, as the broker's SDK 2.30.0 knows them.

The layout is the exchange's own copy, apart from what our reader thinks of it; only the way a table
becomes a class is shared.
"""

from typing import Any

from providers.upstox.schema import message_class

TYPES = ("initial_feed", "live_feed", "market_info")
ENUMS = {
    "Type": TYPES,
    "RequestMode": ("ltpc", "full_d5", "option_greeks", "full_d30"),
    "MarketStatus": (
        "PRE_OPEN_START",
        "PRE_OPEN_END",
        "NORMAL_OPEN",
        "NORMAL_CLOSE",
        "CLOSING_START",
        "CLOSING_END",
    ),
}
MESSAGES = {
    "FeedResponse": "1 type Type, 2 feeds {Feed}, 3 currentTs int64, 4 marketInfo MarketInfo",
    "Feed": "1 ltpc LTPC|FeedUnion, 2 fullFeed FullFeed|FeedUnion,"
    " 3 firstLevelWithGreeks FirstLevelWithGreeks|FeedUnion, 4 requestMode RequestMode",
    "FullFeed": "1 marketFF MarketFullFeed|FullFeedUnion, 2 indexFF IndexFullFeed|FullFeedUnion",
    "MarketFullFeed": "1 ltpc LTPC, 2 marketLevel MarketLevel, 3 optionGreeks OptionGreeks,"
    " 4 marketOHLC MarketOHLC, 5 atp double, 6 vtt int64, 7 oi double, 8 iv double, 9 tbq double,"
    " 10 tsq double, 11 iep double, 12 rp double, 13 ieq int64, 14 iiqTotal int64, 15 iiqM int64,"
    " 16 casEligible bool",
    "IndexFullFeed": "1 ltpc LTPC, 2 marketOHLC MarketOHLC",
    "FirstLevelWithGreeks": "1 ltpc LTPC, 2 firstDepth Quote, 3 optionGreeks OptionGreeks,"
    " 4 vtt int64, 5 oi double, 6 iv double",
    "LTPC": "1 ltp double, 2 ltt int64, 3 ltq int64, 4 cp double, 5 iep DoubleValue",
    "MarketLevel": "1 bidAskQuote Quote*",
    "Quote": "1 bidQ int64, 2 bidP double, 3 askQ int64, 4 askP double",
    "OptionGreeks": "1 delta double, 2 theta double, 3 gamma double, 4 vega double, 5 rho double",
    "MarketOHLC": "1 ohlc OHLC*",
    "OHLC": "1 interval string, 2 open double, 3 high double, 4 low double, 5 close double,"
    " 6 vol int64, 7 ts int64",
    "MarketInfo": "1 segmentStatus {MarketStatus}, 2 casMarketStatus {StatusInfo},"
    " 3 preOpenSessionStatus {StatusInfo}",
    "StatusInfo": "1 status string, 2 updatedTime int64",
}

FeedResponse: Any = message_class("FeedResponse", MESSAGES, ENUMS)
