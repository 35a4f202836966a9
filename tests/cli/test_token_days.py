"""The broker's token in the life of a daemon: taken away, ended over night, and made anew."""

import asyncio
import io
import json
import math
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, redirect_stderr
from pathlib import Path

import httpx
import pytest
import structlog
from pydantic import SecretStr

from backtest.run import session_terms
from cli.sandbox_source import OwnSandbox
from core.ports import EventKind
from core.session import ist_text, parse_day
from core.types import Market
from daemon import telemetry
from daemon.bootstrap import Daemon
from daemon.lock import StateLock
from daemon.plan import Plan
from daemon.upstox.source import UpstoxSource
from daemon.upstox.tokens import TOKEN_FILE, tokens_of
from providers.upstox.auth import Tokens, issued, token_in
from providers.upstox.login import App, client, exchange, owner, revoke
from providers.upstox.rest import UpstoxRest
from sandbox.accounts import CLIENT_ID, CLIENT_SECRET
from stores.owner import InlineOwner
from stores.secret_files import keep_secret, read_secret
from strategies.registry import settings_of
from strategies.settings import RiskSettings, resolve
from tests.cli.sandbox_days import MUHURAT, chosen
from tests.daemon.days import WatchedOwner, files_of, in_memory, recorded, rows
from tests.datasets import LIVELY

NEXT_DAY = parse_day("2025-10-23")
REDIRECT = "http://127.0.0.1:8766/callback"
LOGIN = "run `tradingd login`"

Action = Callable[["Life"], Awaitable[None]]


class Life:
    """A daemon on a local exchange; its token lies in the file of a login."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / TOKEN_FILE
        self.venue = OwnSandbox(seed=5, speed=math.inf, accept=frozenset())
        self.address = ""
        self.texts: list[str] = []  # every token and code there was
        self.shown: dict[int, dict[str, object]] = {}  # by Minutes handled
        self.minutes = 0
        self.log = ""

    def now_ns(self) -> int:
        return self.venue.exchange.clock.now_ns()

    async def log_in(self) -> None:
        """As `tradingd login` does, by market time."""
        app = App(CLIENT_ID, REDIRECT, self.address)
        asked = {"client_id": CLIENT_ID, "redirect_uri": REDIRECT, "response_type": "code"}
        async with client(self.address) as asking:
            dialog = await asking.get("/v2/login/authorization/dialog", params=asked)
            code = httpx.URL(dialog.headers["location"]).params["code"]
            text = await exchange(asking, app, SecretStr(CLIENT_SECRET), SecretStr(code))
            token = issued(text, self.now_ns(), await owner(asking, SecretStr(text)))
        self.texts += [code, text]
        keep_secret(self.path, token.kept())

    async def take_away(self) -> None:
        """The broker revokes it, and cuts the line."""
        async with client(self.address) as asking:
            await revoke(asking, token_in(read_secret(self.path) or "").text)
        self.venue.sandbox.sockets.cut_all()

    def plan(self, tokens: Tokens) -> tuple[Plan, UpstoxRest]:
        risk, settings = resolve(RiskSettings(), settings_of("pixity")(), LIVELY)
        market_risk = risk.for_market(Market.NSE)
        terms = session_terms(market_risk)
        rest = UpstoxRest(tokens, address=self.address)
        source = UpstoxSource(
            self.venue,
            rest,
            chosen(("RELIANCE",)),
            terms=terms,
            history_sessions=3,
            grace_ns=2_000_000_000,
        )
        plan = Plan(
            mode="paper",
            source=source,
            strategies=(("pixity", "pixity", settings),),
            risk=market_risk,
            terms=terms,
        )
        return plan, rest

    def live(self, days: list[int], actions: dict[int, Action], to_minute: int) -> "Life":
        """Until the ledger holds `to_minute` Minutes; `actions` by how many it holds. Market time
        stands still meanwhile."""

        async def main() -> None:
            stop, doing = asyncio.Event(), set[asyncio.Task[None]]()

            def appended(_: int) -> None:
                self.minutes = len(recorded(self.directory, [EventKind.MINUTE]))
                self.shown[self.minutes] = daemon.snapshot()
                if (action := actions.pop(self.minutes, None)) is not None:
                    stack = ExitStack()
                    stack.enter_context(self.venue.exchange.clock.held())
                    doing.add(asyncio.create_task(self._do(action, stack)))
                if self.minutes >= to_minute:
                    stop.set()

            async with self.venue.served() as self.address:
                tokens = tokens_of(self.path, {}, self.now_ns, redaction.learn)
                self.venue.dawn(days[0])
                if 0 in actions:
                    await actions.pop(0)(self)
                plan, rest = self.plan(tokens)
                daemon = Daemon(
                    plan,
                    self.directory,
                    ledger_owner=WatchedOwner(appended),
                    store_owner=InlineOwner(),
                    open_store=in_memory,
                )
                with StateLock(self.directory):
                    try:
                        await daemon.open()
                        for day in days:
                            assert day == await daemon.choose_day(day)
                            await daemon.play(day, stop)
                    finally:
                        await daemon.close()
                        await asyncio.gather(*doing)
                        await rest.close()

        self.directory.mkdir(mode=0o700)
        log = io.StringIO()
        with redirect_stderr(log):
            redaction = telemetry.configure()
            try:
                asyncio.run(asyncio.wait_for(main(), 120))
            finally:
                structlog.reset_defaults()
        self.log = log.getvalue()
        return self

    async def _do(self, action: Action, held: ExitStack) -> None:
        with held:
            await action(self)

    def doubts(self) -> list[tuple[str, bool]]:
        """When the feed was doubted, and when no more."""
        return [
            (ist_text(one.ts_ns)[11:16], bool(one.payload["open"]))
            for one in recorded(self.directory, [EventKind.DOUBT])
        ]


def said(shown: dict[str, object]) -> str:
    """What page and status say of the doubts."""
    daemon = shown["daemon"]
    assert isinstance(daemon, dict)
    return " ".join(daemon["doubts"])


@pytest.fixture(scope="module")
def taken_away(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """After ten Minutes; a new login ten Minutes later."""
    directory = tmp_path_factory.mktemp("taken-away") / "var"
    actions = {0: Life.log_in, 10: Life.take_away, 20: Life.log_in}
    return Life(directory).live([MUHURAT], actions, 60)


def test_a_token_that_is_taken_away_is_told_until_a_login_brings_the_feed_back(
    taken_away: Life,
) -> None:
    told = [LOGIN in said(taken_away.shown[minutes]) for minutes in (9, 12, 19, 22, 60)]

    assert [False, True, True, False, False] == told
    assert [("13:55", True), ("14:05", False)] == taken_away.doubts()
    assert 60 == taken_away.minutes


def test_without_a_token_nothing_is_entered(taken_away: Life) -> None:
    def entered(since: str, until: str) -> list[object]:
        return [
            row["status"]
            for row in rows(taken_away.directory, "signals")
            if since < ist_text(int(str(row["bar_close_ns"])))[11:16] <= until
        ]

    assert "ACTED" not in entered("13:55", "14:05")
    assert "ACTED" in entered("13:45", "13:55") + entered("14:05", "14:45")


def test_no_token_and_no_code_gets_out(taken_away: Life) -> None:
    """I15: not into the log, the state directory, or what page and status are told."""
    kept = read_secret(taken_away.path) or ""
    everywhere = {
        "log": taken_away.log,
        "shown": json.dumps(list(taken_away.shown.values()), default=str),
        **{
            name: content.decode("latin-1")
            for name, content in files_of(taken_away.directory).items()
            if name != TOKEN_FILE
        },
    }

    assert 4 == len(taken_away.texts)
    assert taken_away.texts[-1] in kept  # what is searched for is what was used
    assert "feed_lost" in taken_away.log
    assert [] == [
        name for name, text in everywhere.items() for one in taken_away.texts if one in text
    ]


def test_yesterdays_token_is_not_sent_and_a_login_over_night_needs_no_restart(
    tmp_path: Path,
) -> None:
    actions = {0: Life.log_in, 65: Life.log_in}
    life = Life(tmp_path / "var").live([MUHURAT, NEXT_DAY], actions, 75)

    assert "ended at 03:30 on 2025-10-22: run `tradingd login`" in said(life.shown[64])
    assert LOGIN not in said(life.shown[60]) + said(life.shown[70])
    assert [("09:15", True), ("09:20", False)] == life.doubts()


def test_a_day_is_begun_without_a_token_and_warmed_up_for_the_login(tmp_path: Path) -> None:
    """History is public, so 08:45 is early enough."""
    life = Life(tmp_path / "var").live([MUHURAT], {5: Life.log_in}, 12)

    assert f"no access token: {LOGIN}" in said(life.shown[4])
    assert [] == life.shown[12]["daemon"]["doubts"]  # type: ignore[index]
    assert "history_asked" in life.log
    assert "history_failed" not in life.log
