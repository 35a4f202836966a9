"""What is held and waited for in one instrument (pixity.md 5 and 6).

Plain records and what can be read off them; it never decides a fill or an entry.
"""

import bisect
from dataclasses import dataclass

from tests.oracle.chart import Bar, BarBuilder, Chart, Parameters
from tests.oracle.market import Row, Session, value_paise


@dataclass(slots=True)
class Entry:
    """A market entry that waits for the instrument's next base bar."""

    sign: int
    quantity: int
    atr: float
    kind: str
    bar: Bar


@dataclass(slots=True)
class Position:
    entry: Entry
    entry_ns: int
    price: float
    value: int
    fee: int
    stop: float
    target: float
    low: float
    high: float
    bars_held: int = 0
    exit_reason: str | None = None
    """Set while a market exit waits for the next base bar."""

    def unrealised_paise(self, last: float) -> int:
        return self.entry.sign * (value_paise(self.entry.quantity, last) - self.value)


class Instrument:
    """What is known of one instrument; `last` is its last base bar and when that closed."""

    def __init__(self, symbol: str, rows: list[Row], parameters: Parameters) -> None:
        self.symbol = symbol
        self.rows = {row[0]: row for row in rows}
        if len(self.rows) != len(set(rows)):
            raise ValueError(f"{symbol}: two rows of one time disagree")
        self.builder = BarBuilder(parameters.timeframe_ns)
        self.chart = Chart(parameters)
        self.session: Session | None = None
        self.last: Row = (0, 0.0, 0.0, 0.0, 0.0, 0)
        self.last_close_ns = 0
        self.entry: Entry | None = None
        self.position: Position | None = None
        self.exit_bar_open_ns: int | None = None

    def bars_since_exit(self) -> int | None:
        """Strategy bars since the last exit, the one with the exit's base bar being the first."""
        if self.exit_bar_open_ns is None:
            return None
        closes = self.chart.close_ns
        return len(closes) - bisect.bisect_right(closes, self.exit_bar_open_ns)
