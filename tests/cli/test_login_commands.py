"""`login`: through the dialog of a local exchange, with httpx for a browser."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import httpx
import pytest

from cli import login_commands as commands
from cli.login_commands import Asked
from core.errors import BrokerError, ConfigError, TradingdError, TryAgain
from core.session import at_ist
from daemon.config import UPSTOX_CLIENT_SECRET
from providers.upstox.auth import token_in
from providers.upstox.login import App
from sandbox.accounts import CLIENT_ID, CLIENT_SECRET, Accounts
from sandbox.server import Sandbox
from stores.secret_files import keep_secret, read_secret
from tests.cli.command import call
from tests.sandbox.markets import DAY, HandClock, exchange_by

NOON = at_ist(DAY, "12:00")
WAITING = "waiting "

Browser = Callable[[httpx.AsyncClient, str], Awaitable[None]]


class Login:
    """One login, by a browser that is told the address."""

    def __init__(self, folder: Path, browser: Browser, **changed: object) -> None:
        self.folder = folder
        self.browser = browser
        self.changed = changed
        self.accounts = Accounts(None, NOON)
        self.lines: list[str] = []
        self.code = 0

    @property
    def path(self) -> Path:
        return self.folder / "secrets/upstox_token.json"

    def run(self, ask: commands.Ask = lambda prompt: "") -> "Login":
        try:
            asyncio.run(asyncio.wait_for(self._run(ask), 30))
        except TradingdError as error:
            self.lines.append(str(error))
            self.code = error.exit_code
        return self

    async def _run(self, ask: commands.Ask) -> None:
        sandbox = Sandbox(exchange_by(HandClock(NOON)), self.accounts, now_s=lambda: 0.0)
        api = await sandbox.start()
        redirect = f"http://127.0.0.1:{free_port()}/callback"
        browsing: list[asyncio.Task[None]] = []

        def tell(line: str) -> None:
            self.lines.append(line)
            if line.startswith(WAITING):
                browsing.append(asyncio.create_task(self._browse(dialog_of(self.lines))))

        environ: Mapping[str, str] = {UPSTOX_CLIENT_SECRET: CLIENT_SECRET}
        given: dict[str, object] = {
            "app": App(CLIENT_ID, redirect, api),
            "client_secret": self.folder / "secrets/upstox_client_secret",
            "token_file": self.path,
            "environ": environ,
            "timeout_s": 20.0,
        }
        changed = {name: one(given) if callable(one) else one for name, one in self.changed.items()}
        try:
            asked = Asked(**(given | changed))  # type: ignore[arg-type]
            await commands.log_in(asked, commands.begin(asked, tell, ask), tell)
        finally:
            for one in browsing:
                await one
            await sandbox.stop()

    async def _browse(self, address: str) -> None:
        async with httpx.AsyncClient(follow_redirects=True) as client:
            await self.browser(client, address)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def dialog_of(lines: list[str]) -> str:
    return next(line.split()[-1] for line in lines if line.startswith("log in at"))


async def willing(client: httpx.AsyncClient, address: str) -> None:
    answer = await client.get(address)

    assert "go back to the terminal" in answer.text
    assert "default-src 'none'; frame-ancestors 'none'" == answer.headers["content-security-policy"]
    assert answer.url.params["code"] not in answer.text


async def absent(client: httpx.AsyncClient, address: str) -> None:
    """It never comes back."""


# --- what is kept --------------------------------------------------------------------------------


def test_a_login_keeps_a_token_for_its_owner_alone(tmp_path: Path) -> None:
    login = Login(tmp_path, willing).run()
    text = read_secret(login.path)
    assert text is not None
    token = token_in(text)

    assert (0, "Sandbox Trader (SANDBX)", False) == (login.code, token.owner, token.is_read_only)
    assert token.ends_ns is not None
    assert (0o600, 0o700) == (
        login.path.stat().st_mode & 0o777,
        login.path.parent.stat().st_mode & 0o777,
    )
    assert login.lines[-2].startswith("logged in    Sandbox Trader (SANDBX), until ")
    secret = token.text.get_secret_value()
    assert not [line for line in login.lines if secret in line or CLIENT_SECRET in line]


def test_a_second_login_takes_the_place_of_the_first(tmp_path: Path) -> None:
    first = read_secret(Login(tmp_path, willing).run().path)
    second = read_secret(Login(tmp_path, willing).run().path)

    assert first != second


def test_the_client_secret_may_lie_in_a_file_or_be_asked_for(tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return CLIENT_SECRET

    assert 0 == Login(tmp_path, willing, environ={}).run(ask).code
    keep_secret(tmp_path / "secrets/upstox_client_secret", CLIENT_SECRET)
    assert 0 == Login(tmp_path, willing, environ={}).run().code
    assert ["client secret: "] == asked


def test_without_a_browser_the_address_is_pasted(tmp_path: Path) -> None:
    def ask(prompt: str) -> str:
        asked = httpx.URL(dialog_of(login.lines)).params
        redirect = asked["redirect_uri"]
        code = login.accounts.code(CLIENT_ID, redirect, NOON)
        return f"{redirect}?code={code}&state={asked['state']}"

    login = Login(tmp_path, absent, is_pasted=True)

    assert 0 == login.run(ask).code
    assert login.path.exists()


@pytest.mark.parametrize("pasted", ["", "nonsense", "http://127.0.0.1/callback?code=a&state=b"])
def test_a_pasted_address_of_no_login_of_ours_is_refused(tmp_path: Path, pasted: str) -> None:
    login = Login(tmp_path, absent, is_pasted=True).run(lambda prompt: pasted)

    assert (4, "no login: it does not carry this login's state") == (login.code, login.lines[-1])


# --- what is refused -----------------------------------------------------------------------------


async def forging(client: httpx.AsyncClient, address: str) -> None:
    redirect = httpx.URL(address).params["redirect_uri"]
    for query in ("?code=forged", "?code=forged&state=guessed", "?error=x&state=guessed"):
        answer = await client.get(redirect + query)
        assert 400 == answer.status_code
        assert "forged" not in answer.text
    assert 404 == (await client.get(redirect + "/../other")).status_code
    assert 405 == (await client.post(redirect)).status_code
    await willing(client, address)


def test_a_forged_answer_is_turned_away_and_the_login_goes_on(tmp_path: Path) -> None:
    assert 0 == Login(tmp_path, forging).run().code


async def refusing(client: httpx.AsyncClient, address: str) -> None:
    asked = httpx.URL(address).params
    told = {"error": "access_denied", "state": asked["state"]}
    await client.get(asked["redirect_uri"], params=told)


async def replaying(client: httpx.AsyncClient, address: str) -> None:
    """With a code that somebody has used already."""
    asked = httpx.URL(address).params
    answer = await client.get(address, follow_redirects=False)
    code = httpx.URL(answer.headers["location"]).params["code"]
    form = {
        "code": code,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uri": asked["redirect_uri"],
        "grant_type": "authorization_code",
    }
    used = await client.post(
        str(httpx.URL(address).join("/v2/login/authorization/token")), data=form
    )
    assert 200 == used.status_code
    await client.get(asked["redirect_uri"], params={"code": code, "state": asked["state"]})


def another_app(given: Mapping[str, object]) -> App:
    app = given["app"]
    assert isinstance(app, App)
    return App("nobody", app.redirect_uri, app.api)


async def turned_away(client: httpx.AsyncClient, address: str) -> None:
    answer = await client.get(address)

    assert (401, True) == (answer.status_code, "UDAPI100016" in answer.text)


@pytest.mark.parametrize(
    ("browser", "changed", "code", "line"),
    [
        (refusing, {}, BrokerError.exit_code, "the broker refused it: access_denied"),
        (replaying, {}, BrokerError.exit_code, "UDAPI100057"),
        (
            willing,
            {"environ": {UPSTOX_CLIENT_SECRET: "guessed"}},
            BrokerError.exit_code,
            "UDAPI100016 Invalid Credentials: check API key and client secret",
        ),
        (
            turned_away,
            {"app": another_app, "timeout_s": 0.5},
            TryAgain.exit_code,
            "the browser did not come back within 0.5 s; if the broker's page shows an error,"
            " check the API key",
        ),
        (absent, {"environ": {}}, ConfigError.exit_code, "no client secret"),
    ],
)
def test_a_login_that_fails_is_one_line_and_keeps_nothing(
    tmp_path: Path, browser: Browser, changed: dict[str, object], code: int, line: str
) -> None:
    login = Login(tmp_path, browser, **changed).run()

    assert code == login.code
    assert line in login.lines[-1]
    assert 1 == len(login.lines[-1].splitlines())
    assert not login.path.exists()
    assert "guessed" not in login.lines[-1]


def test_a_redirect_whose_port_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        taken = f"http://127.0.0.1:{held.getsockname()[1]}/callback"

        def app(given: Mapping[str, object]) -> App:
            return App(CLIENT_ID, taken, "http://127.0.0.1:9")

        login = Login(tmp_path, absent, app=app).run()

    assert ConfigError.exit_code == login.code
    assert f"redirect_uri {taken}: port" in login.lines[-1]


@pytest.mark.parametrize("redirect", ["https://127.0.0.1:8766/x", "http://example.com/x"])
def test_a_redirect_elsewhere_can_only_be_pasted(tmp_path: Path, redirect: str) -> None:
    login = Login(tmp_path, absent, app=lambda given: App(CLIENT_ID, redirect, "http://h")).run()

    assert (ConfigError.exit_code, True) == (login.code, "--paste" in login.lines[-1])


# --- the command ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ((), 2, "no API key: give --api-key, or client_id under [upstox]"),
        (("--status",), 4, "no access token: run `tradingd login`"),
        (("--status", "--logout"), 2, "--status and --logout: one of them at a time"),
        (("--api", "http://192.168.1.9:80"), 2, "is no https://HOST, nor http://127.0.0.1:PORT"),
        (("--redirect", "callback"), 2, "is no address like http://127.0.0.1:8766/callback"),
        (("--api-key", "k", "--secret-file", "nowhere"), 2, "nowhere: no such file"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    code: int,
    line: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = call(capfd, "login", "--state-dir", str(tmp_path / "var"), *words)

    assert code == answer.code
    assert line in answer.err
    assert 1 == len(answer.err.splitlines())


def test_status_says_what_is_kept_and_never_the_token(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "secrets/upstox_token.json"
    kept = {"access_token": "planted", "ends": "2099-01-01T03:30:00+05:30", "owner": "Somebody"}
    keep_secret(path, json.dumps(kept | {"read_only": True}))
    good = call(capfd, "login", "--status", "--state-dir", str(tmp_path))
    keep_secret(path, json.dumps(kept | {"ends": "2026-01-01T03:30:00+05:30"}))
    over = call(capfd, "login", "--status", "--state-dir", str(tmp_path))

    assert (0, 4) == (good.code, over.code)
    assert ["token", "whose", "good", "may"] == [line.split()[0] for line in good.out.splitlines()]
    for told in (str(path), "Somebody", "until 2099-01-01 03:30 IST", "read: feed and data"):
        assert told in good.out
    assert "ended at 03:30 on 2026-01-01: run `tradingd login`" in over.err
    assert "planted" not in good.out + over.out + over.err


def test_status_of_a_file_that_others_may_read_is_a_refusal(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "secrets/upstox_token.json"
    keep_secret(path, "planted")
    path.chmod(0o644)
    answer = call(capfd, "login", "--status", "--state-dir", str(tmp_path))

    assert (4, True) == (answer.code, f"chmod 600 {path}" in answer.err)
