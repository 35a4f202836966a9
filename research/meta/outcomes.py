"""What became of an event alone: the trade that the rules of `core` would make of it.

The compiled gear itself (`core.advance.trade`), begun at each event in a book of its own: no other
position, no cooldown, no limit of the account. There is no rule here.
"""

from collections.abc import Sequence

import numpy as np

from core.advance import trade
from core.rules.holdings import REPORT
from core.types import Instrument, MinuteSpan, Records
from strategies.settings import MarketRisk, StrategySettings
from strategies.terms import open_holdings

# So wide that no limit of the account binds; the ranges of the settings allow no more.
BOUNDLESS = {
    "initial_cash": 1e10,
    "max_capital": 1e10,
    "leverage": 1_000.0,
    "max_daily_loss": 1e10,
    "max_entries_per_day": 1_000_000,
    "max_quantity": None,
    "max_notional_per_order": None,
}


def outcomes(
    span: MinuteSpan,
    signals: Records,
    instrument: Instrument,
    settings: StrategySettings,
    risk: MarketRisk,
    timeframes_ns: Sequence[int],
) -> Records:
    """REPORT[s]: the exit of each event's own trade; `kind` 0 where there was none.

    Then `signals` says why it was refused, or `entry_ns` that it was not over with the data.

    Args:
        span: resampled, of one instrument, and whole: the trades end in it.
        signals: one for each strategy bar of `span`; their decision columns are written.
    """
    own = settings.model_copy(update={"gap_policy": "accept"})
    wide = risk.model_copy(update=BOUNDLESS)
    book, fresh = (open_holdings(wide, [own], [instrument], [0], timeframes_ns) for _ in range(2))
    found: Records = np.zeros(len(signals), REPORT)
    stops = np.zeros(len(span.close_ns), np.bool_)
    exits: Records = np.zeros(len(book.reports), REPORT)  # the first exit fills it: `trade` stops
    for s in np.flatnonzero(signals["count"]).tolist():
        book.account[...] = fresh.account
        book.positions[...] = fresh.positions
        book.since_exit[...] = fresh.since_exit
        minute = int(span.strategy_bars["minute"][s])
        stops[minute] = True
        _, count = trade(span, minute, signals, 0, book, stops, exits, 0)
        stops[minute] = False
        if count:
            found[s] = exits[0]
        elif book.account["busy"][0]:
            found["entry_ns"][s] = book.positions["entry_ns"][0]
    return found


def joined(spans: Sequence[MinuteSpan]) -> MinuteSpan:
    """Consecutive spans as one, so that a trade may go on from one to the next."""
    if len(spans) == 1:
        return spans[0]

    def shifted(name: str, rows: str) -> list[np.ndarray]:
        """Numbers of rows, moved behind those of the spans before."""
        ends = np.cumsum([0, *(len(getattr(span, rows)) for span in spans)])
        return [getattr(span, name) + end for span, end in zip(spans, ends, strict=False)]

    def edges(name: str, rows: str) -> np.ndarray:
        moved = shifted(name, rows)
        return np.concatenate([*(one[:-1] for one in moved), moved[-1][-1:]])

    minute_numbers = np.cumsum([0, *(len(span.close_ns) for span in spans)])
    strategy_bars = [span.strategy_bars.copy() for span in spans]
    for bars, first in zip(strategy_bars, minute_numbers, strict=False):
        bars["minute"] += first
    return MinuteSpan(
        close_ns=np.concatenate([span.close_ns for span in spans]),
        day_index=np.concatenate(shifted("day_index", "sessions")).astype(np.int32),
        first_bar=edges("first_bar", "bars"),
        bars=np.concatenate([span.bars for span in spans]),
        sessions=np.concatenate([span.sessions for span in spans]),
        rules=np.concatenate([span.rules for span in spans]),
        first_strategy_bar=edges("first_strategy_bar", "strategy_bars"),
        strategy_bars=np.concatenate(strategy_bars),
    )
