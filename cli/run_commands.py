"""`run`, `validate` and `data export --day`: configuration into a plan, and the plan run."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import polars as pl
import typer
from pydantic import SecretStr

from backtest.files import SIGNAL_SCHEMA, TRADE_SCHEMA, check_writable, write_run
from backtest.run import session_terms
from cli import warm
from cli.config_commands import configuration
from cli.live_commands import admitted, consent_of
from cli.run_sources import Opened, Opening, accepted_days, opening_of
from core.book import MAIN_BOOK
from core.errors import ConfigError, DataError
from core.ports import Clock
from core.session import day_text, parse_day
from core.types import Market
from daemon import telemetry
from daemon.backtests import Backtests
from daemon.bootstrap import Daemon
from daemon.clocks import SystemClock, VirtualClock
from daemon.config import Configuration, DashboardSettings, Settings
from daemon.consent.acts import require_acts
from daemon.control import ControlServer
from daemon.cycle import Cycle, Examine
from daemon.dashboard.backtest_routes import backtest_routes
from daemon.dashboard.health_routes import health_routes
from daemon.dashboard.report_routes import report_routes
from daemon.dashboard.server import DashboardServer
from daemon.dashboard.token import kept_token
from daemon.doctor import Check, examine
from daemon.intake.space import free_bytes, keep_ballast
from daemon.lock import StateLock
from daemon.plan import LIVE, NO_ACCOUNT, DayOutcome, Plan, Strategies, masked
from daemon.proof.report import Report
from daemon.provenance import provenance_of
from daemon.provenance import tell as tell_provenance
from daemon.pulse.health import Health
from daemon.pulse.heart import attended
from daemon.pulse.metrics import Metrics
from daemon.pulse.notify import Notifier
from daemon.pulse.vitals import Vitals
from daemon.pulse.watchdog import Watchdog
from daemon.schedule import ClockDriver, Driver, HostDriver
from daemon.upstox.checks import broker_checks
from daemon.upstox.tokens import tokens_for
from stores.ledger_reader import open_read_only

Tell = Callable[[str], None]

COMMAND = "from cli.main import main; main()"  # this program, in a process of its own
BROKERS_PROTOCOL = frozenset({"sandbox", "upstox"})  # kinds of feed that bring their own lists


# --- run ---------------------------------------------------------------------------------------


def run(configured: Configuration, tell: Tell) -> None:
    """The daemon: days of the configured feed, with its page."""
    settings = configured.settings
    require_acts(configured, os.environ)
    directory = Path(settings.paths.state_dir)
    check_writable(directory)
    os.umask(0o077)  # whatever the daemon keeps is its owner's alone
    redaction = telemetry.configure()
    opening = opening_of(configured, redaction.learn)
    accepted = accepted_days(configured)
    with StateLock(directory):
        keep_ballast(directory, free_bytes(directory))
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")  # of systemd, LoadCredential=
        token = kept_token(directory, Path(credentials) if credentials else None)
        redaction.keep(token)
        examined = partial(_examined, settings, accepted)
        try:
            warm.ahead(tell)
            asyncio.run(_run(configured, opening, examined, token, tell))
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


def _examined(settings: Settings, accepted: frozenset[int], now_ns: int) -> Iterator[Check]:
    """The checks of readiness at `now_ns` of the market."""
    directory, kind = Path(settings.paths.state_dir), settings.feed.kind
    tokens = tokens_for(settings, os.environ, SystemClock().now_ns)
    yield from examine(directory, now_ns, accepted, is_recorded=kind == "replay", tokens=tokens)
    if kind in BROKERS_PROTOCOL:
        yield from broker_checks(directory, now_ns, settings.symbols, settings.watch)


async def _run(
    configured: Configuration, opening: Opening, examined: Examine, token: SecretStr, tell: Tell
) -> None:
    vitals = Vitals(Notifier())
    async with attended(vitals, Watchdog()) as stop, opening as opened:
        plan = plan_of(configured, opened)
        if plan.mode == LIVE:
            vitals.headline = f"LIVE {plan.source.identity}, account {masked(plan.account)}: "
        await _served(configured, opened, plan, examined, token, tell, vitals=vitals, stop=stop)


async def _served(
    configured: Configuration,
    opened: Opened,
    plan: Plan,
    examined: Examine,
    token: SecretStr,
    tell: Tell,
    *,
    vitals: Vitals,
    stop: asyncio.Event,
) -> None:
    settings = configured.settings
    directory, feed = Path(settings.paths.state_dir), settings.feed
    daemon = Daemon(plan, directory, vitals=vitals)
    backtests = Backtests(directory, (sys.executable, "-P", "-c", COMMAND))
    server = page_of(daemon, settings.dashboard, token, backtests)
    control = ControlServer(directory, daemon.operator, daemon.snapshot, daemon.questions.answer)
    driver: Driver | None = None
    try:
        await daemon.open()
        day = await daemon.choose_day(None if feed.day is None else parse_day(str(feed.day)))
        if day is None:
            tell(f"day {feed.day} is complete")
            return
        tell_provenance(plan.provenance)
        frame = daemon.prepare(day)
        consent = consent_of(configured, opened, daemon, examined)
        driver = driver_of(opened.days_by, frame.open_ns)
        is_sound = consent is None or await admitted(
            consent, daemon, day, driver.now_ns(), stop, tell
        )
        vitals.step("page")
        address = await server.start()
        await control.start()
        tell(f"tradingd     {plan.headline}, day {day_text(day)}: {address}")
        cycle = Cycle(
            daemon,
            driver,
            examine=examined,
            tell=lambda told: tell("\n".join([*loud_lines(plan), *lines_of(told)])),
            days=feed.days or (None if plan.source.is_live else 1),
            consent=consent,
        )
        if not is_sound:
            cycle.halt_first()
        await cycle.run(day, stop)
        tell(f"kept in      {directory}")
    finally:
        if driver is not None:
            driver.close()
        await control.stop()
        await backtests.stop()
        await server.stop()
        await daemon.close()


def page_of(
    daemon: Daemon, page: DashboardSettings, token: SecretStr, backtests: Backtests
) -> DashboardServer:
    """The page of a daemon, and what monitors ask."""
    base_ns = daemon.plan.source.base_ns
    return DashboardServer(
        daemon.source,
        daemon.queries,
        host=page.host,
        port=page.port,
        names=page.names,
        operator=daemon.operator,
        token=token,
        more=[
            *health_routes(
                Health(daemon.vitals, daemon.facts, daemon.now_ns, base_ns),
                Metrics(daemon.vitals, daemon.facts, daemon.day_pnl_paise),
            ),
            *report_routes(lambda: daemon.standing.report),
            *backtest_routes(backtests),
        ],
    )


def driver_of(days_by: Clock | None, open_ns: int) -> Driver:
    """Who waits for the moments of a day; by the host's clock it does so over nights and sleep."""
    if days_by is None:
        return ClockDriver(VirtualClock(open_ns))
    if isinstance(days_by, SystemClock) and days_by.is_hosts:
        return HostDriver(days_by)
    return ClockDriver(days_by)


def plan_of(configured: Configuration, opened: Opened) -> Plan:
    """What the configuration asks to run on an opened source."""
    settings, slack = configured.settings, opened.slack
    risk = settings.risk.for_market(Market(settings.feed.session))
    books = books_of(configured)
    symbols = [one.symbol for one in opened.source.instruments if not one.is_watched]
    return Plan(
        mode=settings.mode,
        account=settings.live.account if settings.mode == LIVE else NO_ACCOUNT,
        source=opened.source,
        strategies=books.pop(MAIN_BOOK),
        risk=risk,
        brakes=settings.brakes if settings.mode == LIVE else None,
        terms=session_terms(risk),
        late_ns=round(settings.late_s * slack * 1e9),
        shadows=tuple(books.items()),
        repair_wait_ns=round(settings.repair_wait_s * slack * 1e9),
        orders=opened.orders,
        provenance=provenance_of(configured, symbols),
    )


def books_of(configured: Configuration) -> dict[str, Strategies]:
    """The strategies of each book, both in configured order."""
    books: dict[str, Strategies] = {}
    for name, one in configured.strategies.items():
        own = (name, one.strategy, one.settings)
        books[one.book] = (*books.get(one.book, ()), own)
    return books


def loud_lines(plan: Plan) -> list[str]:
    """Above whatever is told of a day whose orders were real."""
    if plan.mode != LIVE:
        return []
    return [f"LIVE         real orders at {plan.source.identity}, account {plan.account}"]


def lines_of(told: DayOutcome | Report) -> list[str]:
    return told.lines() if isinstance(told, Report) else outcome_lines(told)


def outcome_lines(outcome: DayOutcome) -> list[str]:
    """The day in two lines."""
    state = "complete" if outcome.complete else "left, the next start goes on here"
    return [
        f"day          {day_text(outcome.day)} {state}:"
        f" {outcome.minutes} of {outcome.minutes_expected} Minutes",
        f"trading      {outcome.signals} signals, {outcome.entries} entries,"
        f" {outcome.trades} trades, net Rs {outcome.net_paise / 100:,.2f}",
    ]


# --- export ------------------------------------------------------------------------------------


def export_day(
    state_dir: Path | None, day: int, out: Path, tell: Tell, book: str = MAIN_BOOK
) -> None:
    """A traded day's signals and trades of a book, in the form of a backtest's files."""
    directory = state_dir or Path(configuration(None, None).settings.paths.state_dir)
    if not directory.is_dir():
        raise ConfigError(f"state directory {directory}: no such directory")
    check_writable(out)
    ledger = open_read_only(directory)
    try:
        frames = {
            name: pl.DataFrame(
                [tuple(row[column] for column in schema) for row in ledger.rows(name, day, book)],
                schema,
                orient="row",
            )
            for name, schema in (("signals", SIGNAL_SCHEMA), ("trades", TRADE_SCHEMA))
        }
    finally:
        ledger.close()
    signals, trades = frames["signals"], frames["trades"]
    if not len(signals) and not len(trades):
        raise DataError(
            f"{directory} holds no signal and no trade of {day_text(day)} in book {book}"
        )
    summary: dict[str, object] = {
        "day": day_text(day),
        "signals": len(signals),
        "trades": len(trades),
        "net_paise": int(trades["net_paise"].sum()),
    }
    write_run(out, signals, trades, summary)
    tell(f"written      {out}: {len(signals)} signals, {len(trades)} trades")
