"""When orders are taken and at which prices: sessions, price bands and the broker's own times.

Reads the session table through the exchange; knows no order.
"""

from core.session import Phase, Session
from sandbox.market.exchange import Exchange
from sandbox.market.universe import Listing
from sandbox.market.world import MS_NS
from sandbox.orders.entry_rules import (
    AUCTION_BAND_PERCENT,
    SQUARE_OFF_NS,
    band_paise,
    day_band_paise,
)
from sandbox.orders.floor import Floor

LOOK_AHEAD_DAYS = 30  # for the next session: longer than any closure


class OrderHours:
    """The day that the floor stands on."""

    def __init__(self, exchange: Exchange, floor: Floor) -> None:
        self._exchange = exchange
        self._floor = floor

    def session(self, listing: Listing) -> Session | None:
        return self._exchange.session(listing, self._floor.day)

    def square_off_ms(self, session: Session) -> int:
        """When the broker closes intraday positions."""
        return (session.close_ns - SQUARE_OFF_NS) // MS_NS

    def auction_ends_ms(self, session: Session) -> list[int]:
        """The end of the closing auction, if there is one."""
        around = session.around
        return [one.close_ns // MS_NS for one in around if one.phase is Phase.CLOSING_AUCTION]

    def next_open_ms(self, listing: Listing) -> int | None:
        """When continuous trading begins next."""
        for day in range(self._floor.day, self._floor.day + LOOK_AHEAD_DAYS):
            session = self._exchange.session(listing, day)
            if session is not None and session.open_ns // MS_NS > self._floor.now_ms:
                return session.open_ns // MS_NS
        return None

    def band_paise(self, listing: Listing, session: Session) -> tuple[int, int]:
        """The prices that are taken now."""
        if self._floor.now_ms * MS_NS >= session.close_ns:
            return self.auction_band_paise(listing, session)
        close = self._exchange.tape(listing, self._floor.day).previous_close
        return day_band_paise(listing, close)

    def auction_band_paise(self, listing: Listing, session: Session) -> tuple[int, int]:
        """Around the reference price of the closing auction."""
        reference = self._floor.average_paise(listing, session.close_ns // MS_NS)
        return band_paise(reference, AUCTION_BAND_PERCENT, listing.tick_paise)
