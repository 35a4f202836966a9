"""`run`, `validate` and `data export --day`: configuration into a plan, and the plan run."""

import asyncio
import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl
import typer
from pydantic import SecretStr

from backtest.files import SIGNAL_SCHEMA, TRADE_SCHEMA, check_writable, write_run
from backtest.run import check_span, session_terms
from cli.config_commands import configuration
from cli.reading import read
from core.book import MAIN_BOOK
from core.errors import ConfigError, DataError
from core.session import day_text, parse_day
from core.types import Market
from daemon import telemetry
from daemon.bootstrap import Daemon
from daemon.clocks import SystemClock, VirtualClock
from daemon.config import REAL, Configuration, Settings
from daemon.control import ControlServer
from daemon.cycle import Cycle, Examine
from daemon.dashboard.health_routes import health_routes
from daemon.dashboard.report_routes import report_routes
from daemon.dashboard.server import DashboardServer
from daemon.dashboard.token import kept_token
from daemon.doctor import examine
from daemon.intake.space import free_bytes, keep_ballast
from daemon.lock import StateLock
from daemon.plan import DayOutcome, Plan, Strategies
from daemon.proof.report import Report
from daemon.pulse.health import Health
from daemon.pulse.heart import attended
from daemon.pulse.metrics import Metrics
from daemon.pulse.notify import Notifier
from daemon.pulse.vitals import Vitals
from daemon.pulse.watchdog import Watchdog
from daemon.schedule import ClockDriver, Driver, HostDriver
from daemon.sources import RecordedSource, ReplaySource, Source, SyntheticSource
from providers.recorded import RecordedTicks, is_capture
from providers.replay import ReplayProvider, SessionTerms
from stores.ledger_reader import open_read_only

Tell = Callable[[str], None]


# --- run ---------------------------------------------------------------------------------------


def run(configured: Configuration, tell: Tell) -> None:
    """The daemon: days of the configured feed, on paper, with its page."""
    settings = configured.settings
    directory = Path(settings.paths.state_dir)
    check_writable(directory)
    os.umask(0o077)  # whatever the daemon keeps is its owner's alone
    telemetry.configure()
    plan = plan_of(configured)
    accepted = accepted_days(configured)
    with StateLock(directory):
        keep_ballast(directory, free_bytes(directory))
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")  # of systemd, LoadCredential=
        token = kept_token(directory, Path(credentials) if credentials else None)
        telemetry.configure(secrets=[token])
        examined = partial(
            examine, directory, accept=accepted, is_recorded=settings.feed.kind == "replay"
        )
        try:
            asyncio.run(_run(plan, settings, examined, token, tell))
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


async def _run(
    plan: Plan, settings: Settings, examined: Examine, token: SecretStr, tell: Tell
) -> None:
    vitals = Vitals(Notifier())
    async with attended(vitals, Watchdog()) as stop:
        await _served(plan, settings, examined, token, tell, vitals=vitals, stop=stop)


async def _served(
    plan: Plan,
    settings: Settings,
    examined: Examine,
    token: SecretStr,
    tell: Tell,
    *,
    vitals: Vitals,
    stop: asyncio.Event,
) -> None:
    directory, feed, page = Path(settings.paths.state_dir), settings.feed, settings.dashboard
    daemon = Daemon(plan, directory, vitals=vitals)
    server = DashboardServer(
        daemon.source,
        daemon.queries,
        host=page.host,
        port=page.port,
        names=page.names,
        operator=daemon.operator,
        token=token,
        more=[
            *health_routes(
                Health(vitals, daemon.facts, daemon.now_ns, plan.source.base_ns),
                Metrics(vitals, daemon.facts, daemon.day_pnl_paise),
            ),
            *report_routes(lambda: daemon.standing.report),
        ],
    )
    control = ControlServer(directory, daemon.operator, daemon.snapshot, daemon.questions.answer)
    driver: Driver | None = None
    try:
        await daemon.open()
        day = await daemon.choose_day(None if feed.day is None else parse_day(str(feed.day)))
        if day is None:
            tell(f"day {feed.day} is complete")
            return
        frame = daemon.prepare(day)
        vitals.step("page")
        address = await server.start()
        await control.start()
        tell(f"tradingd     {plan.mode} {plan.source.name}, day {day_text(day)}: {address}")
        is_live = plan.source.is_live
        driver = HostDriver(SystemClock()) if is_live else ClockDriver(VirtualClock(frame.open_ns))
        cycle = Cycle(
            daemon,
            driver,
            examine=examined,
            tell=lambda told: tell("\n".join(lines_of(told))),
            days=feed.days or (None if is_live else 1),
        )
        await cycle.run(day, stop)
        tell(f"kept in      {directory}")
    finally:
        if driver is not None:
            driver.close()
        await control.stop()
        await server.stop()
        await daemon.close()


def plan_of(configured: Configuration) -> Plan:
    """What the configuration asks to run; reads the data of a replay."""
    settings = configured.settings
    risk = settings.risk.for_market(Market(settings.feed.session))
    terms = session_terms(risk)
    replay = settings.feed.kind == "replay"
    books = books_of(configured)
    return Plan(
        mode=settings.mode,
        source=(replay_source if replay else synthetic_source)(configured, terms),
        strategies=books.pop(MAIN_BOOK),
        risk=risk,
        terms=terms,
        late_ns=round(settings.late_s * 1e9),
        shadows=tuple(books.items()),
        repair_wait_ns=round(settings.repair_wait_s * 1e9),
    )


def books_of(configured: Configuration) -> dict[str, Strategies]:
    """The strategies of each book, both in configured order."""
    books: dict[str, Strategies] = {}
    for name, one in configured.strategies.items():
        own = (name, one.strategy, one.settings)
        books[one.book] = (*books.get(one.book, ()), own)
    return books


def replay_source(configured: Configuration, terms: SessionTerms) -> Source:
    """Recorded ticks if the data is one capture of them, else recorded bars."""
    from cli.backtest_commands import check_timeframe, data_options

    settings, feed = configured.settings, configured.settings.feed
    options = data_options(
        feed.label, feed.base, feed.session, settings.symbols or None, feed.closing_auction
    )
    for name, one in configured.strategies.items():
        check_timeframe(name, one.settings, options.base_ns)
    assert feed.day is not None
    day = parse_day(feed.day.isoformat())
    speed = speed_of(configured)
    paths = [Path(path) for path in feed.data]
    if len(paths) == 1 and is_capture(paths[0]):
        captures = RecordedTicks(paths[0], settings.symbols or None)
        if day not in captures.days():
            held = ", ".join(map(day_text, captures.days()))
            raise DataError(f"no ticks were captured on {day_text(day)}: {paths[0]} holds {held}")
        return RecordedSource(
            captures, options, speed=speed, terms=terms, grace_ns=round(settings.grace_s * 1e9)
        )
    dataset = read(paths, options)
    check_span(ReplayProvider(dataset, terms), day, day)
    return ReplaySource(dataset, speed=speed, terms=terms)


def synthetic_source(configured: Configuration, terms: SessionTerms) -> Source:
    settings = configured.settings
    return SyntheticSource(
        seed=settings.feed.seed,
        symbols=settings.symbols,
        watch=settings.watch,
        speed=speed_of(configured),
        terms=terms,
        history_sessions=settings.history_sessions,
        grace_ns=round(settings.grace_s * 1e9),
        band_percent=settings.price_band_percent,
        accept=accepted_days(configured),
        host=SystemClock() if settings.feed.speed == REAL else None,
    )


def accepted_days(configured: Configuration) -> frozenset[int]:
    """Unconfirmed sessions that the operator vouches for."""
    accept = configured.settings.accept_session
    return frozenset() if accept is None else frozenset({parse_day(accept.isoformat())})


def speed_of(configured: Configuration) -> float:
    speed = configured.settings.feed.speed
    return {"max": math.inf, REAL: 1.0}.get(str(speed)) or float(speed)


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
