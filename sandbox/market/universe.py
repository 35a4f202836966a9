"""What is listed on the local exchange: instruments as the broker's master file describes them.

Decides keys, symbols, ticks and who takes part in the closing auction. Keys of real shares are the
true ones; a generated share has a key that no real one has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.types import SessionClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One instrument. `around`: rupees about which its price wanders; `trades_per_minute`: mean."""

    key: str
    symbol: str
    name: str
    around: float
    trades_per_minute: float
    tick_paise: int = 5
    is_index: bool = False
    has_derivatives: bool = True  # takes part in the closing auction
    is_intraday: bool = True  # the broker allows product I
    freeze_quantity: int = 100_000

    @property
    def session_class(self) -> SessionClass:
        return SessionClass.CASH_AUCTION if self.has_derivatives else SessionClass.CASH

    @property
    def segment(self) -> str:
        return self.key.partition("|")[0]

    @property
    def isin(self) -> str:
        return self.key.partition("|")[2]


def _share(isin: str, symbol: str, name: str, around: float, trades: float, tick: int) -> Listing:
    return Listing(
        key=f"NSE_EQ|{isin}",
        symbol=symbol,
        name=name,
        around=around,
        trades_per_minute=trades,
        tick_paise=tick,
    )


def _index(name: str, symbol: str, around: float) -> Listing:
    return Listing(
        key=f"NSE_INDEX|{name}",
        symbol=symbol,
        name=name,
        around=around,
        trades_per_minute=60.0,
        is_index=True,
        is_intraday=False,
    )


# Keys as of 2026 (market.md 5). What a share's ticks are is fixed by the month-end price.
SHARES = (
    _share("INE002A01018", "RELIANCE", "RELIANCE INDUSTRIES LTD", 1_330.0, 45.0, 10),
    _share("INE467B01029", "TCS", "TATA CONSULTANCY SERV LT", 3_140.0, 30.0, 10),
    _share("INE245A01021", "TATAPOWER", "TATA POWER CO LTD", 380.0, 25.0, 5),
    _share("INE296A01032", "BAJFINANCE", "BAJAJ FINANCE LIMITED", 920.0, 35.0, 5),
    _share("INE040A01034", "HDFCBANK", "HDFC BANK LTD", 985.0, 50.0, 5),
    _share("INE009A01021", "INFY", "INFOSYS LIMITED", 1_510.0, 30.0, 10),
    _share("INE062A01020", "SBIN", "STATE BANK OF INDIA", 860.0, 40.0, 5),
)
INDICES = (
    _index("Nifty 50", "NIFTY 50", 25_000.0),
    _index("Nifty Bank", "BANKNIFTY", 56_500.0),
)


def listings(extra_shares: int = 0) -> tuple[Listing, ...]:
    """Everything that is listed; `extra_shares` are made up, thinner traded, some outside the
    closing auction."""
    return (*SHARES, *INDICES, *(_made_up(number) for number in range(extra_shares)))


def _made_up(number: int) -> Listing:
    return Listing(
        key=f"NSE_EQ|INX{number:06}01",
        symbol=f"SHARE{number:04}",
        name=f"MADE UP SHARE {number}",
        around=60.0 + 37.0 * (number % 67),
        trades_per_minute=2.0 + number % 11,
        has_derivatives=number % 4 != 3,
        is_intraday=number % 9 != 8,
    )


def by_key(listed: Sequence[Listing]) -> dict[str, Listing]:
    return {one.key: one for one in listed}
