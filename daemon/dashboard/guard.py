"""Who is answered: by Host and Origin, and for every change, and every read from afar, by token.

It stands before all routes, so a route cannot be forgotten, and bounds what is read of a request.
What a request says is never repeated in an answer, and a token never in a record.
"""

import asyncio
import hmac
import math
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import Receive, Scope

TOKEN_HEADER = "X-Tradingd-Token"
READING = ("GET", "HEAD")
JSON_TYPE = "application/json"
MAX_BODY_BYTES = 16_384
BODY_WAIT_S = 5.0
# Nothing of the day is told here: the page itself, and whether the process lives.
OPEN_PATHS = ("/static/", "/health/")
TELL_EVERY_S = 10.0  # of refused changes: whoever guesses must not fill the log

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may do what.

    Args:
        hosts: names a Host header may carry, lower case, without port; IPv6 in brackets.
        token: None: nothing can be changed, and nothing be read from afar.
        open_reads: the page is served to this machine only, and reading needs no token.
    """

    hosts: frozenset[str]
    token: SecretStr | None = None
    open_reads: bool = True


class Turned(NamedTuple):
    """Why a request is turned away."""

    status: int
    reason: str


TOO_LONG = Turned(413, f"a body has at most {MAX_BODY_BYTES} bytes")


def is_change(scope: Scope) -> bool:
    """Whether a request may change something: whatever does not say that it only reads."""
    return scope["method"] not in READING


async def body_of(receive: Receive) -> bytes | Turned:
    """The whole body. Also of a request that is turned away: an answer to one that is still being
    sent may never arrive."""
    body = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(BODY_WAIT_S):
            while True:
                message = await receive()
                body += bytes(message.get("body", b""))
                if len(body) > MAX_BODY_BYTES:
                    return TOO_LONG
                if not message.get("more_body", False):  # all of it, or the client has gone
                    return body
    return Turned(408, f"a body has {BODY_WAIT_S:g} s to arrive")


class Guard:
    """Judges a request by its head, before it is routed."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._told_s = -math.inf
        self._untold = 0

    def turned(self, scope: Scope) -> Turned | None:
        """None: let it through."""
        headers = Headers(scope=scope)
        changing = is_change(scope)
        turned = self._foreign(headers) or self._unknown(headers, scope["path"], changing)
        if turned is None and changing:
            turned = _unfit(headers)
        if turned is not None and changing:
            self._tell(turned, scope)
        return turned

    def _foreign(self, headers: Headers) -> Turned | None:
        """Against DNS rebinding (Host), and pages of other sites (Origin).

        Hosts are compared without their port: a tunnel may end on another one.
        """
        host, origin = headers.getlist("host"), headers.get("origin")
        if len(host) != 1 or _name(host[0]) not in self._access.hosts:
            return Turned(403, "this Host is not served here")
        if origin is not None and origin not in (f"http://{host[0]}", f"https://{host[0]}"):
            return Turned(403, "this Origin is not served here")
        return None

    def _unknown(self, headers: Headers, path: str, changing: bool) -> Turned | None:
        open_path = path == "/" or path.startswith(OPEN_PATHS)
        if not changing and (self._access.open_reads or open_path):
            return None
        told, token = headers.getlist(TOKEN_HEADER), self._access.token
        if (
            token is None
            or len(told) != 1
            or not hmac.compare_digest(told[0].encode(), token.get_secret_value().encode())
        ):
            return Turned(401, f"header {TOKEN_HEADER} must carry the token of this daemon")
        return None

    def _tell(self, turned: Turned, scope: Scope) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._told_s < TELL_EVERY_S:
            self._untold += 1
            return
        client = scope.get("client") or ("unknown", 0)
        log.warning(
            "page_request_refused",
            status=turned.status,
            reason=turned.reason,
            client=client[0],
            untold=self._untold,
        )
        self._told_s, self._untold = now_s, 0


def _unfit(headers: Headers) -> Turned | None:
    """A form of another site cannot say that it is JSON; what is too long is not read."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != JSON_TYPE:
        return Turned(415, f"Content-Type must be {JSON_TYPE}")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > MAX_BODY_BYTES:
        return TOO_LONG
    return None


def _name(host: str) -> str:
    """`localhost:8765` -> `localhost`, `[::1]:8765` -> `[::1]`."""
    name = host[: host.index("]") + 1] if "]" in host else host.partition(":")[0]
    return name.lower()
