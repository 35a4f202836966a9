"""Where `run` takes its day from: the configured feed as a Source.

Decides which one, and what of it can be refused before anything is opened. What has to be served or
asked first is so inside the Opening.
"""

import math
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import SecretStr

from backtest.run import check_span, session_terms
from cli.reading import read
from core.errors import ConfigError, DataError
from core.ports import Clock
from core.session import day_text, parse_day
from core.types import Market
from daemon.clocks import SystemClock
from daemon.config import REAL, Configuration, Settings
from daemon.consent.acts import exchange_identity
from daemon.sources import RecordedSource, ReplaySource, Source, SyntheticSource
from providers.recorded import RecordedTicks, is_capture
from providers.replay import ReplayProvider, SessionTerms

if TYPE_CHECKING:  # loaded where they are used: a replay talks to nobody
    from daemon.consent.readiness import AtBroker
    from daemon.plan import OpenOrders
    from daemon.upstox.source import Venue
    from providers.upstox.rest import UpstoxRest

Token = Callable[[], str]
Learn = Callable[[SecretStr], None]  # told of a secret before it is used, so that no log shows it
MAX_LOCAL_SPEED = 60.0  # a moment of the host's is a minute of the market's


class Opened(NamedTuple):
    """A source that can be used.

    `days_by`: the clock by which days come; None: one follows another. `slack`: market seconds that
    pass in one of the host's: what the host is given time for takes so much longer. `broker`: whom
    orders go to, in mode live.
    """

    source: Source
    days_by: Clock | None = None
    slack: float = 1.0
    broker: "AtBroker | None" = None
    orders: "OpenOrders | None" = None


Opening = AbstractAsyncContextManager[Opened]


def opening_of(configured: Configuration, learned: Learn) -> Opening:
    """The configured source, once it is entered. Raises ConfigError, DataError."""
    match configured.settings.feed.kind:
        case "replay":
            return nullcontext(Opened(replay_source(configured)))
        case "synthetic":
            return nullcontext(Opened(synthetic_source(configured), host_of(configured)))
        case "sandbox":
            return sandbox_opening(configured, learned)
        case "upstox":
            return upstox_opening(configured, learned)


def sandbox_opening(configured: Configuration, learned: Learn) -> Opening:
    """A local exchange in this process, served as long as its source is used."""
    from cli.run_orders import ordering
    from cli.sandbox_source import DEMO, FIRST_DAY, OwnSandbox

    settings, host = configured.settings, host_of(configured)
    feed = settings.feed
    venue = OwnSandbox(
        seed=feed.seed,
        speed=speed_of(configured),
        accept=accepted_days(configured),
        learned=learned,
        host=host,
        day=FIRST_DAY if feed.day is None else parse_day(feed.day.isoformat()),
    )

    @asynccontextmanager
    async def served() -> AsyncIterator[Opened]:
        symbols = settings.symbols or DEMO
        async with (
            venue.served() as address,
            talking(configured, venue, venue.token, symbols, api=address) as (source, rest),
            ordering(configured, venue, rest, api=address, orders_at=address) as ordered,
        ):
            yield Opened(source, host, 1.0, *ordered)

    return served()


def upstox_opening(configured: Configuration, learned: Learn) -> Opening:
    """The broker, or an exchange in another process of this machine. Raises ConfigError."""
    from cli.run_orders import ordering
    from daemon.upstox.source import HostVenue
    from daemon.upstox.tokens import tokens_for

    settings, accept = configured.settings, accepted_days(configured)
    if not settings.symbols:
        raise ConfigError("feed upstox needs symbols, e.g. --symbols RELIANCE,TATAPOWER")
    speed = local_speed(configured)
    tokens = tokens_for(settings, os.environ, SystemClock().now_ns, learned)
    assert tokens is not None  # the broker tells nothing without

    @asynccontextmanager
    async def talked_to() -> AsyncIterator[Opened]:
        clock = SystemClock() if speed is None else await followed(settings, tokens, speed)
        identity = exchange_identity(settings)
        venue = HostVenue(identity, clock, speed=speed or 1.0, accept=accept)
        own, slack = settings.upstox, speed or 1.0
        async with (
            talking(configured, venue, tokens, settings.symbols, api=own.api, slack=slack) as (
                source,
                rest,
            ),
            ordering(
                configured, venue, rest, api=own.api, orders_at=own.orders_at, clock=clock
            ) as ordered,
        ):
            yield Opened(source, clock, slack, *ordered)

    return talked_to()


async def followed(settings: Settings, token: Token, speed: float) -> SystemClock:
    """The time of an exchange that has its own. Raises BrokerError."""
    from providers.upstox.exchange_time import exchange_now_ns
    from providers.upstox.rest import UpstoxRest

    rest = UpstoxRest(token, address=settings.upstox.api)
    try:
        return await SystemClock.following(partial(exchange_now_ns, rest.feed_address), speed)
    finally:
        await rest.close()


@asynccontextmanager
async def talking(
    configured: Configuration,
    venue: "Venue",
    token: Token,
    symbols: Sequence[str],
    *,
    api: str,
    slack: float = 1.0,
) -> AsyncIterator[tuple[Source, "UpstoxRest"]]:
    """The source of a venue, with the instruments of its lists, and whom it asks.

    Raises ConfigError, BrokerError.
    """
    from cli.mornings import morning_of
    from daemon.upstox.source import UpstoxSource
    from providers.upstox.assets import UpstoxAssets
    from providers.upstox.feed import Allowance
    from providers.upstox.rest import RateWindows, UpstoxRest

    settings = configured.settings
    lists_at = settings.upstox.lists_at if venue.name == "upstox" else api
    windows = RateWindows(now_s=venue.now_s, sleep=venue.sleep)
    rest = UpstoxRest(token, address=api, windows=windows, held=venue.held)
    assets = UpstoxAssets(lists_at)
    morning = morning_of(settings, venue.identity, assets, rest, symbols)
    try:
        source = UpstoxSource(
            venue,
            rest,
            await morning.instruments(venue.now_ns()),
            directory=Path(settings.paths.state_dir),
            terms=terms_of(configured),
            history_sessions=settings.history_sessions,
            grace_ns=round(settings.grace_s * slack * 1e9),
            accept=accepted_days(configured),
            band_percent=settings.price_band_percent,
            relist=morning.instruments,
            allowance=Allowance(connections=settings.upstox.connections),
        )
        yield source, rest
    finally:
        await assets.close()
        await rest.close()


def local_speed(configured: Configuration) -> float | None:
    """How fast the time of an exchange on this machine passes; None: it is the broker, whose time
    is the host's. Raises ConfigError."""
    settings = configured.settings
    told = "feed.speed" in configured.origins
    if not settings.upstox.is_local:
        if told and settings.feed.speed != REAL:
            raise ConfigError("feed upstox: the broker's time is the host's, leave speed out")
        return None
    speed = speed_of(configured) if told else 1.0
    if speed > MAX_LOCAL_SPEED:
        raise ConfigError(f"feed upstox: speed {speed:g} over {MAX_LOCAL_SPEED:g}")
    return speed


def host_of(configured: Configuration) -> Clock | None:
    """The host's clock, where days come by it."""
    return SystemClock() if configured.settings.feed.speed == REAL else None


def terms_of(configured: Configuration) -> SessionTerms:
    settings = configured.settings
    return session_terms(settings.risk.for_market(Market(settings.feed.session)))


def replay_source(configured: Configuration) -> Source:
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
            captures,
            options,
            speed=speed,
            terms=terms_of(configured),
            grace_ns=round(settings.grace_s * 1e9),
        )
    dataset = read(paths, options)
    check_span(ReplayProvider(dataset, terms_of(configured)), day, day)
    return ReplaySource(dataset, speed=speed, terms=terms_of(configured))


def synthetic_source(configured: Configuration) -> Source:
    settings = configured.settings
    return SyntheticSource(
        seed=settings.feed.seed,
        symbols=settings.symbols,
        watch=settings.watch,
        speed=speed_of(configured),
        terms=terms_of(configured),
        history_sessions=settings.history_sessions,
        grace_ns=round(settings.grace_s * 1e9),
        band_percent=settings.price_band_percent,
        accept=accepted_days(configured),
        host=host_of(configured),
    )


def accepted_days(configured: Configuration) -> frozenset[int]:
    """Unconfirmed sessions that the operator vouches for."""
    accept = configured.settings.accept_session
    return frozenset() if accept is None else frozenset({parse_day(accept.isoformat())})


def speed_of(configured: Configuration) -> float:
    speed = configured.settings.feed.speed
    return {"max": math.inf, REAL: 1.0}.get(str(speed)) or float(speed)
