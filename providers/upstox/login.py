"""A login at Upstox: the dialog's address, what the browser brings back, and a token for its code.

Decides which answer is that of this login. Never shows a code, a client secret or a token, and
takes nobody's word who does not know this login's state.
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode

import httpx
from pydantic import SecretStr

from core.errors import BrokerError, ConnectionLost, ProtocolViolation
from providers.upstox.rest import MAX_TOLD, TIMEOUT_S, data_of, problem_of, proxied

DIALOG, EXCHANGE = "/v2/login/authorization/dialog", "/v2/login/authorization/token"
PROFILE, LOGOUT, STATUS = "/v2/user/profile", "/v2/logout", "/v2/market/status/NSE"
CODE = re.compile(r"[A-Za-z0-9._~+/=-]{1,512}")
MAX_FIELDS = 16  # of what the browser brings
HINTS = {
    "UDAPI100016": "check API key and client secret",
    "UDAPI100057": "the code was used before, is too old, or belongs to another redirect URI",
}


@dataclass(frozen=True, slots=True)
class App:
    """The user's app at the broker."""

    client_id: str
    redirect_uri: str
    api: str


class Brought(NamedTuple):
    """What the browser brought: a code, or why there is none.

    `is_ours` False: it does not know our state, so it says nothing about this login.
    """

    code: SecretStr | None
    reason: str
    is_ours: bool


def new_state() -> str:
    return secrets.token_urlsafe(24)


def dialog_address(app: App, state: str) -> str:
    """Where the user logs in."""
    asked = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
        "state": state,
    }
    return f"{app.api}{DIALOG}?{urlencode(asked)}"


def brought(query: str, state: str) -> Brought:
    """What the query of a redirect says; each field once."""
    try:
        told = parse_qs(query, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        told = {}
    one = {name: values[0] for name, values in told.items() if len(values) == 1}
    if not secrets.compare_digest(one.get("state", "").encode(), state.encode()):
        return Brought(None, "it does not carry this login's state", is_ours=False)
    if "error" in told:
        said = one.get("error_description") or one.get("error") or "no reason"
        return Brought(None, f"the broker refused it: {_plain(said)}", is_ours=True)
    code = one.get("code", "")
    if not CODE.fullmatch(code):
        return Brought(None, "the broker's answer carries no code", is_ours=True)
    return Brought(SecretStr(code), "", is_ours=True)


def _plain(said: str) -> str:
    """Words from outside, fit for a terminal."""
    return re.sub(r"[^\w .,:()*'-]", "?", " ".join(said.split()))[:MAX_TOLD]


# --- at the broker -------------------------------------------------------------------------------


def client(api: str, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """For the questions below; `transport` for tests."""
    return httpx.AsyncClient(
        base_url=api,
        timeout=TIMEOUT_S,
        headers={"user-agent": "tradingd", "accept": "application/json"},
        transport=transport,
        trust_env=proxied(api),
    )


async def exchange(
    asking: httpx.AsyncClient, app: App, client_secret: SecretStr, code: SecretStr
) -> str:
    """The access token for a code, which is used up by it. Raises BrokerError."""
    form = {
        "code": code.get_secret_value(),
        "client_id": app.client_id,
        "client_secret": client_secret.get_secret_value(),
        "redirect_uri": app.redirect_uri,
        "grant_type": "authorization_code",
    }
    answer = await _answered(asking, "POST", EXCHANGE, data=form)
    told = _json(answer)
    if answer.status_code == 200 and isinstance(told, dict):
        token = told.get("access_token")
        if not isinstance(token, str) or not token:
            raise ProtocolViolation("the broker's answer to the login carries no token")
        return token
    number, (broker_code, message) = answer.status_code, problem_of(told)
    message = _plain(message.replace(client_secret.get_secret_value(), "**********"))
    said = " ".join(filter(None, [f"HTTP {number}", broker_code, message]))
    hint = f": {HINTS[broker_code]}" if broker_code in HINTS else ""
    raise BrokerError(f"the broker refused the login, {said}{hint}")


async def owner(asking: httpx.AsyncClient, token: SecretStr) -> str:
    """Name and account of whoever the token belongs to. Raises BrokerError."""
    told = await _data(asking, "GET", PROFILE, token)
    if not isinstance(told, dict):
        raise ProtocolViolation("the broker's profile is none")
    return _plain(f"{told.get('user_name') or 'no name'} ({told.get('user_id') or 'no id'})")


async def check_reads(asking: httpx.AsyncClient, token: SecretStr) -> None:
    """Raises BrokerError for a token that may not even ask whether the market is open."""
    await _data(asking, "GET", STATUS, token)


async def revoke(asking: httpx.AsyncClient, token: SecretStr) -> None:
    """The broker takes it no more. Raises BrokerError."""
    await _data(asking, "DELETE", LOGOUT, token)


async def _data(asking: httpx.AsyncClient, method: str, path: str, token: SecretStr) -> Any:
    text = token.get_secret_value()
    answer = await _answered(asking, method, path, headers={"authorization": f"Bearer {text}"})
    return data_of(path, answer.status_code, answer.content.replace(text.encode(), b"**********"))


async def _answered(
    asking: httpx.AsyncClient, method: str, path: str, **what: Mapping[str, str]
) -> httpx.Response:
    try:
        return await asking.request(method, path, **what)  # type: ignore[arg-type]
    except httpx.HTTPError as error:
        raise ConnectionLost(f"{asking.base_url}: {type(error).__name__}") from error


def _json(answer: httpx.Response) -> Any:
    try:
        return json.loads(answer.content)
    except ValueError:
        return None
