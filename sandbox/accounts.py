"""Who may ask: the app, its codes, and tokens that end at 03:30 IST whenever they were made.

One user, one app. Knows market time only; keeps nothing on disk.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.session import DAY_NS, MINUTE_NS, at_ist, ist_day
from core.types import NEVER_NS
from sandbox.faults import kinds
from sandbox.faults.schedule import MS_NS, NO_FAULTS, Faults

CLIENT_ID, CLIENT_SECRET = "sandbox-app", "sandbox-secret"
TOKEN_ENDS = "03:30"
LOOPBACK = "127.0.0.1"
YEAR_NS = 365 * DAY_NS
CODE_LIVES_NS = 10 * MINUTE_NS

USER = {
    "email": "trader@example.com",
    "exchanges": ["NSE", "BSE", "NFO"],
    "products": ["D", "I", "MTF"],
    "broker": "UPSTOX",
    "user_id": "SANDBX",
    "user_name": "Sandbox Trader",
    "order_types": ["MARKET", "LIMIT", "SL", "SL-M"],
    "user_type": "individual",
    "poa": False,
    "is_active": True,
}


class Grant(StrEnum):
    """What kind of token it is. A login gives a full one and an extended one."""

    FULL = "full"
    EXTENDED = "extended"
    ANALYTICS = "analytics"


class Area(StrEnum):
    """What is asked about."""

    MARKET = "market"
    ACCOUNT = "account"
    BOOK = "book"  # orders, trades and positions, to be read
    ORDERS = "orders"


AREAS = {
    Grant.FULL: frozenset(Area),
    Grant.EXTENDED: frozenset({Area.BOOK}),
    Grant.ANALYTICS: frozenset({Area.MARKET}),
}


@dataclass(frozen=True, slots=True)
class _Token:
    grant: Grant
    made_ns: int
    ends_ns: int


class Accounts:
    """Codes are single-use, tokens have an end.

    Args:
        token: one that is good from the start, with the end of one made at `now_ns`.
        token_ends: otherwise it is good for ever.
    """

    def __init__(
        self,
        token: str | None,
        now_ns: int,
        faults: Faults = NO_FAULTS,
        *,
        token_ends: bool = True,
    ) -> None:
        self._faults = faults
        self._codes: dict[str, tuple[str, int]] = {}  # redirect and end, by code
        self._tokens: dict[str, _Token] = {}
        self._sockets: dict[str, int] = {}  # end, by code of an authorised feed address
        self._addresses = [LOOPBACK]  # from which order calls may come: primary, secondary
        if token is not None:
            ends_ns = token_end_ns(now_ns) if token_ends else NEVER_NS
            self._tokens[token] = _Token(Grant.FULL, 0, ends_ns)

    def code(self, client_id: str, redirect_uri: str, now_ns: int) -> str | None:
        """A code for the app to be exchanged; None for an app that is not known."""
        if client_id != CLIENT_ID or not redirect_uri:
            return None
        code = secrets.token_urlsafe(6)
        self._codes[code] = (redirect_uri, now_ns + CODE_LIVES_NS)
        return code

    def exchange(
        self, code: str, client_id: str, client_secret: str, redirect_uri: str, now_ns: int
    ) -> tuple[str, str] | None:
        """Access token and extended token for a code, which is used up also by a failure."""
        known, ends_ns = self._codes.pop(code, ("", 0))
        asked = (client_id, client_secret, redirect_uri)
        if asked != (CLIENT_ID, CLIENT_SECRET, known) or now_ns >= ends_ns:
            return None
        return self.issue(Grant.FULL, now_ns), self.issue(Grant.EXTENDED, now_ns)

    def issue(self, grant: Grant, now_ns: int) -> str:
        token = secrets.token_urlsafe(24)
        ends_ns = token_end_ns(now_ns) if grant is Grant.FULL else now_ns + YEAR_NS
        self._tokens[token] = _Token(grant, now_ns, ends_ns)
        return token

    def grant(self, token: str, now_ns: int) -> Grant | None:
        """What a token may do now; None: nothing (any more)."""
        if token and token == self._faults.word(kinds.EXPIRE, now_ns // MS_NS):
            return Grant.FULL
        known = self._tokens.get(token)
        if known is None or now_ns >= known.ends_ns or self._has_expired(known, now_ns):
            return None
        return known.grant

    def _has_expired(self, known: _Token, now_ns: int) -> bool:
        """Whether a fault has ended it; what lives for a year lives on."""
        expired_ms = self._faults.since_ms(kinds.EXPIRE, now_ns // MS_NS)
        if expired_ms is None or known.grant is not Grant.FULL:
            return False
        return known.made_ns < expired_ms * MS_NS

    def is_registered(self, address: str) -> bool:
        """Whether order calls may come from `address`."""
        return address in self._addresses

    def register(self, addresses: Sequence[str]) -> None:
        """Change from where orders may come; every token made so far is over with it."""
        self._addresses = list(addresses)
        self._tokens.clear()

    @property
    def addresses(self) -> Sequence[str]:
        return tuple(self._addresses)

    def revoke(self, token: str) -> None:
        self._tokens.pop(token, None)

    def socket_code(self, now_ns: int) -> str:
        """A code for one connection of the feed."""
        code = secrets.token_urlsafe(12)
        self._sockets[code] = now_ns + CODE_LIVES_NS
        return code

    def use_socket_code(self, code: str, now_ns: int) -> bool:
        """Whether a connection may be made with it; only once."""
        return now_ns < self._sockets.pop(code, 0)


def token_end_ns(now_ns: int) -> int:
    """The next 03:30 IST after `now_ns`."""
    today = at_ist(ist_day(now_ns), TOKEN_ENDS)
    return today if now_ns < today else today + DAY_NS
