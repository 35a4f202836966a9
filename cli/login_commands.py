"""`login`: a token of the broker's by its dialog in a browser, kept for the daemon; and what of it.

Decides where the client secret comes from: never from an argument. Nothing secret is printed.
"""

import asyncio
import os
import sys
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from cli.login_listener import listening
from core.errors import AuthExpired, BrokerError, ConfigError, TryAgain
from core.session import MINUTE_NS, ist_text
from daemon.clocks import SystemClock
from daemon.config import UPSTOX_CLIENT_SECRET, Settings
from daemon.upstox.tokens import token_path, tokens_of
from providers.upstox.auth import AccessToken, issued, token_in
from providers.upstox.login import (
    App,
    Brought,
    brought,
    check_reads,
    client,
    dialog_address,
    exchange,
    new_state,
    owner,
    revoke,
)
from stores.secret_files import forget_secret, keep_secret, read_secret

SECRET_FILE = "secrets/upstox_client_secret"  # in the state directory

Tell = Callable[[str], None]
Ask = Callable[[str], str]  # for something secret, which is not shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of a login. `client_secret` and `token_file` are where they are kept."""

    app: App
    client_secret: Path
    token_file: Path
    environ: Mapping[str, str]
    timeout_s: float
    is_pasted: bool = False
    is_opened: bool = False


def asked_of(
    settings: Settings,
    secret_file: Path | None,
    timeout_s: float,
    *,
    is_pasted: bool,
    is_opened: bool,
) -> Asked:
    """Raises ConfigError without an API key, or with a secret file that is not there."""
    own = settings.upstox
    if not own.client_id:
        raise ConfigError("no API key: give --api-key, or client_id under [upstox]")
    if secret_file is not None and not secret_file.exists():
        raise ConfigError(f"{secret_file}: no such file")
    return Asked(
        app=App(own.client_id, own.redirect_uri, own.api),
        client_secret=secret_file or Path(settings.paths.state_dir) / SECRET_FILE,
        token_file=token_path(settings),
        environ={} if secret_file else os.environ,
        timeout_s=timeout_s,
        is_pasted=is_pasted,
        is_opened=is_opened,
    )


class Begun(NamedTuple):
    """A login for which the person at the terminal has done what is asked there."""

    client_secret: SecretStr
    state: str
    pasted: Brought | None


def login(asked: Asked, tell: Tell) -> None:
    """Log in, and keep the token. Raises BrokerError, ConfigError, TryAgain."""
    os.umask(0o077)  # whatever folder has to be made is its owner's alone
    begun = begin(asked, tell, hidden)  # outside the loop, which would keep Ctrl-C from a prompt
    asyncio.run(log_in(asked, begun, tell))


def begin(asked: Asked, tell: Tell, ask: Ask) -> Begun:
    """Show the address of the dialog, once the client secret is known."""
    secret, state = client_secret(asked, ask), new_state()
    tell(f"log in at    {dialog_address(asked.app, state)}")
    if not asked.is_pasted:
        return Begun(secret, state, None)
    query = urlsplit(ask("address the browser was sent to: ")).query
    return Begun(secret, state, brought(query, state))


async def log_in(asked: Asked, begun: Begun, tell: Tell) -> None:
    answer = begun.pasted or await _from_browser(asked, begun.state, tell)
    if answer.code is None:
        raise BrokerError(f"no login: {answer.reason}")
    async with client(asked.app.api) as asking:
        text = SecretStr(await exchange(asking, asked.app, begun.client_secret, answer.code))
        whose = await owner(asking, text)
    now_ns = SystemClock().now_ns()
    token = issued(text.get_secret_value(), now_ns, whose)
    keep_secret(asked.token_file, token.kept())
    tell(f"logged in    {whose}, {until(token, now_ns)}")
    tell(f"kept in      {asked.token_file}")


async def _from_browser(asked: Asked, state: str, tell: Tell) -> Brought:
    redirect = asked.app.redirect_uri
    async with listening(redirect, state) as answer:
        if asked.is_opened:  # in a thread: one in the terminal returns when it is left
            address = dialog_address(asked.app, state)
            asyncio.get_running_loop().run_in_executor(None, webbrowser.open, address)
        tell(f"waiting      for the browser at {redirect}, {asked.timeout_s:g} s")
        try:
            async with asyncio.timeout(asked.timeout_s):
                return await answer
        except TimeoutError:
            raise TryAgain(
                f"no login: the browser did not come back within {asked.timeout_s:g} s; if the"
                " broker's page shows an error, check the API key, and that the app's redirect URI"
                f" is {redirect}"
            ) from None


def client_secret(asked: Asked, ask: Ask) -> SecretStr:
    """From the environment, its file, or whoever logs in."""
    text = asked.environ.get(UPSTOX_CLIENT_SECRET) or read_secret(asked.client_secret)
    text = text or ask("client secret: ")
    if not text or not text.isprintable():
        raise ConfigError(f"no client secret: set {UPSTOX_CLIENT_SECRET}, or give --secret-file")
    return SecretStr(text)


def hidden(prompt: str) -> str:
    """A line that is not shown; from a pipe, its next line."""
    return (getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()).strip()


# --- without the dialog --------------------------------------------------------------------------


def keep_analytics(settings: Settings, tell: Tell) -> None:
    """Keep a token that was made on the broker's site: read-only, good for a year."""
    os.umask(0o077)
    token = token_in(hidden("analytics token: "))

    async def check() -> None:
        async with client(settings.upstox.api) as asking:
            await check_reads(asking, token.text)

    asyncio.run(check())
    token = AccessToken(token.text, token.ends_ns, is_read_only=True)
    path = token_path(settings)
    keep_secret(path, token.kept())
    tell(f"kept         read-only, {until(token, SystemClock().now_ns())}")
    tell(f"in           {path}")


def status(settings: Settings, tell: Tell) -> None:
    """Which token is there, whose, until when. Raises AuthExpired without one that is good."""
    now_ns = SystemClock().now_ns()
    tokens = tokens_of(token_path(settings), os.environ, lambda: now_ns)
    held = tokens.held()
    if held is not None:
        token = held.token
        tell(f"token        {held.place}")
        tell(f"whose        {token.owner or 'not known'}")
        tell(f"good         {until(token, now_ns)}")
        may = "read: feed and data" if token.is_read_only else "read and trade"
        tell(f"may          {may}")
    tokens()


def logout(settings: Settings, tell: Tell) -> None:
    """Revoke the token that is kept, and remove it. Raises BrokerError; then it is still there."""
    path = token_path(settings)
    content = read_secret(path)
    if content is None:
        tell(f"no token     {path}: no such file")
        return
    token = token_in(content)

    async def revoked() -> str:
        async with client(settings.upstox.api) as asking:
            try:
                await revoke(asking, token.text)
            except AuthExpired as error:
                return f"the broker did not take it any more ({error})"
        return "revoked"

    told = asyncio.run(revoked())
    forget_secret(path)
    tell(f"logged out   {told}; {path} is removed")


def until(token: AccessToken, now_ns: int) -> str:
    """Its end, in words."""
    if token.ends_ns is None:
        return "until the broker refuses it"
    left = (token.ends_ns - now_ns) // MINUTE_NS
    when = f"until {ist_text(token.ends_ns)[:16].replace('T', ' ')} IST"
    return f"{when}, {left // 60} h {left % 60} min left" if left > 0 else f"{when}, which is over"
