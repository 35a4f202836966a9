"""A scanner over a whole market, as a source for the page."""

from collections.abc import Sequence

from core.session import at_ist, parse_day
from core.types import TradingState
from daemon.dashboard.source import LiveSource
from daemon.provenance import Provenance
from daemon.scanner import DaemonFacts, Scanner, snapshot

DAY = parse_day("2026-07-27")
MARKET = 2_400  # shares of NSE


class Market:
    """`rows` shares, or `symbols`, each with a closed bar; `source` shows them.

    `account`: of real orders; None: there are none. `provenance`: of the parameters.
    """

    def __init__(
        self,
        rows: int = MARKET,
        symbols: Sequence[str] = (),
        account: str | None = None,
        provenance: Sequence[Provenance] = (),
    ) -> None:
        self.account, self.provenance = account, provenance
        self.symbols = symbols or [f"SHARE{number:04}" for number in range(rows)]
        self.now_ns = at_ist(DAY, "10:30")
        self.scanner = Scanner(
            [("main", "pixity", "15m", 50)],
            [(symbol, f"NSE_EQ|INE{number:06}A01") for number, symbol in enumerate(self.symbols)],
        )
        self.source = LiveSource(lambda: snapshot(self.scanner, self._facts(), self.now_ns))
        for symbol in self.symbols:
            self.close_bar(symbol)

    def close_bar(self, symbol: str) -> None:
        close_ns = self.now_ns
        self.scanner.bar_closed("pixity", symbol, close_ns - 900 * 10**9, close_ns, 60)
        self.source.touch()

    def pass_second(self) -> None:
        """As the STATE task does: nothing new but the time."""
        self.now_ns += 10**9
        self.source.touch()

    def _facts(self) -> DaemonFacts:
        return DaemonFacts(
            mode="live" if self.account else "paper",
            broker="upstox" if self.account else None,
            account=self.account,
            feed="synthetic",
            feed_up=True,
            feed_age_ms=0,
            day=DAY,
            trading_state=TradingState.ACTIVE,
            market_open=True,
            minutes_done=75,
            minutes_expected=375,
            last_minute_ns=self.now_ns,
            ticks_seen=100_000,
            provenance=self.provenance,
        )
