"""What each kind of token may ask, and how a login that is not right is turned away."""

import asyncio

import httpx
import pytest

from core.session import at_ist
from sandbox.accounts import CLIENT_ID, CLIENT_SECRET, Accounts, Grant
from sandbox.market.universe import SHARES
from sandbox.server import Sandbox
from tests.sandbox.markets import DAY, HandClock, exchange_by

NOON = at_ist(DAY, "12:00")
REDIRECT = "http://127.0.0.1:5000/back"
PRICES = "/v3/market-quote/ltp?instrument_key=" + SHARES[0].key
AUTHORIZE = "/v3/feed/market-data-feed/authorize"
PROFILE = "/v2/user/profile"


async def answers(accounts: Accounts, *requests: httpx.Request) -> list[httpx.Response]:
    sandbox = Sandbox(exchange_by(HandClock(NOON)), accounts, now_s=lambda: 0.0)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sandbox.app)) as client:
        return [await client.send(request) for request in requests]


def asked(accounts: Accounts, *requests: httpx.Request) -> list[tuple[int, str]]:
    """Status and error code of each answer."""
    found = []
    for one in asyncio.run(answers(accounts, *requests)):
        told = one.json()
        found.append((one.status_code, told["errors"][0]["error_code"] if one.is_error else ""))
    return found


@pytest.mark.parametrize(
    ("grant", "refused"),
    [
        (Grant.FULL, []),
        (Grant.ANALYTICS, [PROFILE]),
        (Grant.EXTENDED, [PRICES, AUTHORIZE, PROFILE]),
    ],
)
def test_a_token_that_only_reads_is_refused_what_is_not_its_own(
    grant: Grant, refused: list[str]
) -> None:
    accounts = Accounts(None, NOON)
    bearer = {"authorization": f"Bearer {accounts.issue(grant, NOON)}"}
    paths = [PRICES, AUTHORIZE, PROFILE]
    requests = [httpx.Request("GET", f"http://here{path}", headers=bearer) for path in paths]

    assert [(403, "UDAPI100067") if path in refused else (200, "") for path in paths] == asked(
        accounts, *requests
    )


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"client_id": "nobody"}, "UDAPI100016"),
        ({"client_secret": "guessed"}, "UDAPI100016"),
        ({"code": "guessed"}, "UDAPI100057"),
        ({"redirect_uri": "http://elsewhere"}, "UDAPI100057"),
    ],
)
def test_an_exchange_that_is_not_right_is_told_why(wrong: dict[str, str], code: str) -> None:
    accounts = Accounts(None, NOON)
    form = {
        "code": accounts.code(CLIENT_ID, REDIRECT, NOON) or "",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uri": REDIRECT,
        "grant_type": "authorization_code",
    }
    address = "http://here/v2/login/authorization/token"

    assert [(401, code)] == asked(accounts, httpx.Request("POST", address, data=form | wrong))
