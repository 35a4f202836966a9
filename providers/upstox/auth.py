"""Upstox's access token: what it is worth, until when, and which one is sent with a request.

Decides whether a token may be sent at all. Never shows one, and never sends one that has ended: it
ends at the 03:30 IST that follows its issue, unless it says otherwise itself.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import SecretStr

from core.errors import AuthExpired, ConfigError, StoreFailed
from core.session import DAY_NS, SECOND_NS, at_ist, day_text, ist_day, ist_ns, ist_text

TOKEN_ENDS = "03:30"  # IST, whenever it was issued
# RFC 9110 11.2: what a header carries, and no text format escapes, so that a log can be searched.
FORM = re.compile(r"[A-Za-z0-9._~+/=-]{1,4096}")
LATEST_S = 4_102_444_800  # 2100-01-01: a claim of a later time is none
LOGIN = "run `tradingd login`"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token as it is known to us.

    `ends_ns` None: nobody has said when; then the broker's refusal is the first to tell.
    `is_read_only`: for data and account, not for orders. `owner`: as the broker's profile says.
    """

    text: SecretStr
    ends_ns: int | None = None
    is_read_only: bool = False
    owner: str = ""

    def is_good(self, now_ns: int) -> bool:
        return self.ends_ns is None or now_ns < self.ends_ns

    def kept(self) -> str:
        """As it lies in its file."""
        return json.dumps(
            {
                "access_token": self.text.get_secret_value(),
                "ends": None if self.ends_ns is None else ist_text(self.ends_ns),
                "read_only": self.is_read_only,
                "owner": self.owner,
            },
            indent=2,
        )


def issued(text: str, now_ns: int, owner: str = "") -> AccessToken:
    """A token that the broker gave us at `now_ns`."""
    told = _token(text)
    ends_ns = next_end_ns(now_ns) if told.ends_ns is None else told.ends_ns
    return AccessToken(told.text, ends_ns, told.is_read_only, owner)


def token_in(content: str) -> AccessToken:
    """A token from where it was kept: the JSON of `AccessToken.kept`, or its text alone.

    Raises ConfigError, which does not show it.
    """
    if not content.startswith("{"):
        return _token(content)
    try:
        kept = json.loads(content)
        told = _token(str(kept["access_token"]))
        ends = kept.get("ends")
        return AccessToken(
            told.text,
            told.ends_ns if ends is None else ist_ns(str(ends)),
            bool(kept.get("read_only")) or told.is_read_only,
            str(kept.get("owner") or ""),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"no token file: {type(error).__name__}") from None


def next_end_ns(now_ns: int) -> int:
    """The next 03:30 IST after `now_ns`."""
    today = at_ist(ist_day(now_ns), TOKEN_ENDS)
    return today if now_ns < today else today + DAY_NS


def _token(text: str) -> AccessToken:
    """What a token's text says of itself; a JWT is read, its signature is the broker's matter."""
    if not FORM.fullmatch(text):
        raise ConfigError("no access token: letters, digits and -._~+/= make one")
    claims = _claims(text)
    ends_s, issued_s = claims.get("exp"), claims.get("iat")
    if not (isinstance(ends_s, int) and 0 < ends_s < LATEST_S):
        return AccessToken(SecretStr(text))
    # One that may trade ends with its day. What lives longer, extended or analytics, only reads.
    is_long = isinstance(issued_s, int) and (ends_s - issued_s) * SECOND_NS > DAY_NS
    return AccessToken(SecretStr(text), ends_s * SECOND_NS, is_long)


def _claims(text: str) -> Mapping[str, Any]:
    """Of a JWT; empty for a token that is none."""
    parts = text.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


# --- which one is sent ---------------------------------------------------------------------------


class Found(NamedTuple):
    """A token and where it was found."""

    place: str
    token: AccessToken


def _nobody(_: SecretStr) -> None:
    """Nobody wants to know."""


class Tokens:
    """The token of this moment, asked for before every request (`UpstoxRest`).

    Nothing is remembered: a login over night is used with the next request.

    Args:
        places: by name, in order: the first that holds a token that has not ended is the one. Each
            reads its content, None where there is none; it may raise ConfigError, StoreFailed.
        now_ns: the host's time, by which tokens end.
        learned: is told of a token before it is used for the first time, so that no log shows it.
    """

    def __init__(
        self,
        places: Mapping[str, Callable[[], str | None]],
        now_ns: Callable[[], int],
        learned: Callable[[SecretStr], None] = _nobody,
    ) -> None:
        self._places = dict(places)
        self._now_ns = now_ns
        self._learned = learned
        self._last: SecretStr | None = None

    def __call__(self) -> str:
        """Raises AuthExpired without a token that can be sent."""
        held = self.held()
        if held is None:
            raise AuthExpired(f"no access token: {LOGIN}")
        token = held.token
        if token.ends_ns is not None and not token.is_good(self._now_ns()):
            end = f"{ist_text(token.ends_ns)[11:16]} on {day_text(ist_day(token.ends_ns))}"
            raise AuthExpired(f"the access token ({held.place}) ended at {end}: {LOGIN}")
        if token.text != self._last:
            self._learned(token.text)
            self._last = token.text
        return token.text.get_secret_value()

    def held(self) -> Found | None:
        """The token to be used; where all have ended, the last of them. Raises AuthExpired where a
        place holds one that must not be used."""
        ended = None
        for place, read in self._places.items():
            try:
                content = read()
                token = token_in(content) if content else None
            except (ConfigError, StoreFailed) as error:
                text = str(error)
                raise AuthExpired(text if place in text else f"{place}: {text}") from error
            if token is not None and token.is_good(self._now_ns()):
                return Found(place, token)
            ended = ended if token is None else Found(place, token)
        return ended
