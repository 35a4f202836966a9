"""Where `run` takes its day from: the configured feed as a Source.

Decides which one, and what of it can be refused before anything is opened. What has to be served or
asked first is so inside the Opening.
"""

import math
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

from backtest.run import check_span, session_terms
from cli.reading import read
from core.errors import DataError
from core.session import day_text, parse_day
from core.types import Market
from daemon.clocks import SystemClock
from daemon.config import REAL, Configuration
from daemon.sources import RecordedSource, ReplaySource, Source, SyntheticSource
from providers.recorded import RecordedTicks, is_capture
from providers.replay import ReplayProvider, SessionTerms

Opening = AbstractAsyncContextManager[Source]


def opening_of(configured: Configuration) -> Opening:
    """The configured source, once it is entered. Raises ConfigError, DataError."""
    match configured.settings.feed.kind:
        case "replay":
            return nullcontext(replay_source(configured))
        case "synthetic":
            return nullcontext(synthetic_source(configured))
        case "sandbox":
            return sandbox_opening(configured)


def terms_of(configured: Configuration) -> SessionTerms:
    settings = configured.settings
    return session_terms(settings.risk.for_market(Market(settings.feed.session)))


def sandbox_opening(configured: Configuration) -> Opening:
    """A local exchange in this process, served as long as its source is used."""
    from cli.mornings import morning_of
    from cli.sandbox_source import DEMO, OwnSandbox
    from daemon.upstox_source import UpstoxSource
    from providers.upstox.assets import UpstoxAssets
    from providers.upstox.rest import UpstoxRest

    settings = configured.settings
    symbols = settings.symbols or DEMO
    venue = OwnSandbox(
        seed=settings.feed.seed,
        speed=speed_of(configured),
        accept=accepted_days(configured),
        host=SystemClock() if settings.feed.speed == REAL else None,
    )

    @asynccontextmanager
    async def served() -> AsyncIterator[Source]:
        async with venue.served() as address:
            rest, assets = UpstoxRest(venue.token, address=address), UpstoxAssets(address)
            morning = morning_of(settings, venue.identity, assets, rest, symbols)
            try:
                yield UpstoxSource(
                    venue,
                    rest,
                    await morning.instruments(venue.exchange.clock.now_ns()),
                    terms=terms_of(configured),
                    history_sessions=settings.history_sessions,
                    grace_ns=round(settings.grace_s * 1e9),
                    accept=accepted_days(configured),
                    band_percent=settings.price_band_percent,
                    relist=morning.instruments,
                )
            finally:
                await assets.close()
                await rest.close()

    return served()


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
        host=SystemClock() if settings.feed.speed == REAL else None,
    )


def accepted_days(configured: Configuration) -> frozenset[int]:
    """Unconfirmed sessions that the operator vouches for."""
    accept = configured.settings.accept_session
    return frozenset() if accept is None else frozenset({parse_day(accept.isoformat())})


def speed_of(configured: Configuration) -> float:
    speed = configured.settings.feed.speed
    return {"max": math.inf, REAL: 1.0}.get(str(speed)) or float(speed)
