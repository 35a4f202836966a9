"""The compiled gear: a span's signals in one pass of the strategy, its trades in one loop.

Keeps only the bars on which something was said and the trades; the rest of a span is dropped.
"""

import numpy as np
import polars as pl

from backtest.files import SIGNAL_SCHEMA, TRADE_SCHEMA, refusal_name
from core.advance import raised_in, trade
from core.book import Strategy
from core.identity import signal_id_of
from core.rules.exits import end_minute
from core.rules.holdings import EXITED, REPORT, Holdings
from core.types import ExitReason, MinuteSpan, Records, Refusal, Side, SignalStatus

TRADES_AT_ONCE = 4_096  # rows of the buffer that `trade` fills before it comes back


class CompiledRun:
    """One strategy trading spans; signals and trades gather here as arrays.

    `trades_alone`: signals are not kept, and `frames` has none; for a search, which asks for
    nothing but `round_trips`.
    """

    def __init__(
        self, strategy: Strategy, holdings: Holdings, *, trades_alone: bool = False
    ) -> None:
        self.strategy = strategy
        self.holdings = holdings
        self._trades_alone = trades_alone
        self._buffer: Records = np.zeros(len(holdings.reports) + TRADES_AT_ONCE, REPORT)
        self._bars: list[Records] = []
        self._signals: list[Records] = []
        self._trades: list[Records] = []

    def trade(self, span: MinuteSpan) -> None:
        """Signals and trades of one resampled span."""
        signals = self.strategy.on_bars(span.strategy_bars)
        stops = raised_in(span, signals)
        minute, minutes = 0, len(span.close_ns)
        while minute < minutes:
            minute, count = trade(span, minute, signals, 0, self.holdings, stops, self._buffer, 0)
            self._trades.append(self._buffer[:count].copy())
        if self._trades_alone:
            return
        said = np.flatnonzero(signals["count"])
        self._bars.append(span.strategy_bars[said])
        self._signals.append(signals[said])

    def finish(self, span: MinuteSpan) -> None:
        """The data ends with `span` (24x7): what is open is closed at the last price."""
        count = end_minute(span, len(span.close_ns) - 1, self.holdings, True, 0)
        reports = self.holdings.reports[:count]
        self._trades.append(reports[reports["kind"] == EXITED].copy())

    @property
    def round_trips(self) -> Records:
        """REPORT rows of what was closed, in the order of the exits."""
        return np.concatenate([self._buffer[:0], *self._trades])

    def frames(
        self, scope: str, symbols: list[str], risk_per_trade: float
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of signals.parquet and trades.parquet."""
        signals = self._signals_frame(scope, symbols)
        return signals, self._trades_frame(symbols, risk_per_trade, signals)

    def _signals_frame(self, scope: str, symbols: list[str]) -> pl.DataFrame:
        """A bar with several events has one row for each."""
        if not self._bars:
            return pl.DataFrame(schema=SIGNAL_SCHEMA)
        bars, signals = np.concatenate(self._bars), np.concatenate(self._signals)
        row = np.repeat(np.arange(len(signals)), signals["count"])
        place = np.arange(len(row)) - np.searchsorted(row, row)
        bars, signals = bars[row], signals[row]
        first = place == 0
        kind = np.array(["", *self.strategy.kinds])[signals["kind"][np.arange(len(row)), place]]
        side = signals["side"][np.arange(len(row)), place]
        instrument = np.array(symbols)[bars["instrument"]]
        status = np.where(first, signals["status"], int(SignalStatus.SUPPRESSED))
        refusal = np.where(first, signals["refusal"], 0)
        name = self.strategy.name
        ids = [
            signal_id_of(scope, name, str(i), int(o), Side(s), str(k))
            for i, o, s, k in zip(instrument, bars["open_ns"], side, kind, strict=True)
        ]
        return pl.DataFrame(
            {
                "strategy": [name] * len(row),
                "instrument": instrument.tolist(),
                "kind": kind.tolist(),
                "side": [Side(s).name for s in side],
                "bar_open_ns": bars["open_ns"],
                "bar_close_ns": bars["close_ns"],
                "close": signals["close"],
                "atr": signals["atr"],
                "vwap": signals["vwap"],
                "status": [SignalStatus(s).name for s in status],
                "refusal": [refusal_name(Refusal(r)) for r in refusal],
                "signal_id": ids,
            },
            SIGNAL_SCHEMA,
        ).with_columns(pl.col("atr", "vwap").fill_nan(None))

    def _trades_frame(
        self, symbols: list[str], risk_per_trade: float, signals: pl.DataFrame
    ) -> pl.DataFrame:
        """Acted signals are numbered from 1 in the order of the file; a trade knows its number."""
        trades = self.round_trips
        if not len(trades):
            return pl.DataFrame(schema=TRADE_SCHEMA)
        trades = trades[np.lexsort((trades["instrument"], trades["entry_ns"]))]
        acted = signals.filter(pl.col("status") == SignalStatus.ACTED.name)[trades["signal"] - 1]
        return pl.DataFrame(
            {
                "strategy": [self.strategy.name] * len(trades),
                "instrument": np.array(symbols)[trades["instrument"]].tolist(),
                "side": [Side(s).name for s in trades["side"]],
                "quantity": trades["quantity"],
                "signal_id": acted["signal_id"],
                "kind": acted["kind"],
                "signal_bar_open_ns": acted["bar_open_ns"],
                "entry_ns": trades["entry_ns"],
                "entry_price": trades["entry_price"],
                "exit_ns": trades["fill_ns"],
                "exit_price": trades["price"],
                "exit_reason": [ExitReason(r).name for r in trades["reason"]],
                "bars_held": trades["bars_held"],
                "gross_paise": trades["gross_paise"],
                "fees_paise": trades["round_fees_paise"],
                "net_paise": trades["net_paise"],
                "r": trades["net_paise"] / 100.0 / risk_per_trade,
                "mae": trades["mae"],
                "mfe": trades["mfe"],
            },
            TRADE_SCHEMA,
        )
