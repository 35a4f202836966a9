"""`data backfill`: the broker's past minutes into an archive, or into a state directory at rest."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from backtest.files import check_writable
from cli.backfill_archive import ArchiveKeep
from cli.backtest_commands import span_of
from cli.progress import progress
from core.errors import BrokerError, ConfigError, DataError
from core.session import day_text, ist_day, parse_day
from core.types import Instrument, SessionClass
from daemon.backfill import Backfill, Filled, Keep
from daemon.backfill_memory import BackfillMemory
from daemon.backfilled_store import StoreKeep
from daemon.broker_token import token_path, tokens_of
from daemon.clocks import SystemClock
from daemon.config import Settings
from daemon.lock import StateLock
from providers.upstox.assets import ASSETS, MASTER, UpstoxAssets
from providers.upstox.history import FIRST_DAY, UpstoxHistory, least_s, sessions_between
from providers.upstox.instruments import Master
from providers.upstox.rest import API, RateWindows, Sleep, UpstoxRest
from stores.market import MARKET_FILE, DuckMarketStore
from stores.memory import MemoryMarketStore
from stores.owner import InlineOwner

Tell = Callable[[str], None]

NAMED = 8  # symbols in a line
LONG_WAIT_S = 5.0  # a pause that a person would wonder about


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of the verb."""

    settings: Settings  # of the broker's address, the token's place, symbols if none are asked
    symbols: tuple[str, ...]
    from_day: str | None
    to_day: str | None
    out: Path | None
    state_dir: Path | None
    dry_run: bool

    @property
    def directory(self) -> Path:
        return self.out or self.state_dir or Path()


def backfill(asked: Asked, tell: Tell) -> None:
    """Fetch what is missing. Raises ConfigError, BrokerError, DataError, StoreFailed,
    AlreadyRunning."""
    first, last = span(asked, ist_day(SystemClock().now_ns()))
    if not sessions_between(first, last, SessionClass.CASH):
        raise DataError(f"no session from {day_text(first)} to {day_text(last)}")
    if not (asked.symbols or asked.settings.symbols):
        raise ConfigError("data backfill needs --symbols A,B")
    if bool(asked.out) == bool(asked.state_dir):
        raise ConfigError("data backfill needs --out DIR or --state-dir DIR, and only one of them")
    check_writable(asked.directory)
    try:
        asyncio.run(_backfill(asked, first, last, tell))
    except BrokerError as error:
        raise type(error)(f"{asked.settings.upstox.api}: {error}") from error


async def _backfill(asked: Asked, first: int, last: int, tell: Tell) -> None:
    instruments = await _instruments(asked, tell)
    accepted = asked.settings.accept_session
    accept = frozenset({parse_day(accepted.isoformat())} if accepted else ())
    with _keep(asked, instruments) as keep:
        async with _rest(asked) as rest:
            history = UpstoxHistory(rest, instruments, accept=accept, waits=_tried_again)
            work = Backfill(
                history,
                keep,
                BackfillMemory(asked.directory),
                instruments,
                from_day=first,
                to_day=last,
                accept=accept,
            )
            chunks = await work.plan()
            names = ", ".join(one.symbol for one in instruments[:NAMED])
            more = ", ..." if len(instruments) > NAMED else ""
            tell(f"symbols      {len(instruments):,}: {names}{more}")
            tell(f"span         {day_text(first)} to {day_text(last)}")
            tell(f"requests     {len(chunks):,}, {_duration(least_s(len(chunks)))}")
            if asked.dry_run:
                return
            while chunks:
                with progress("backfill", len(chunks), "requests") as advance:
                    await work.take(chunks, advance)
                chunks = work.renewals()
            filled = work.end()
    for line in report(filled, instruments, history.retried):
        tell(line)
    if isinstance(keep, ArchiveKeep):
        tell(f"written      {len(keep.written):,} days below {asked.directory}")
    if not filled.bars:
        raise DataError(f"the broker has no bar of {names}{more} in these days")


def span(asked: Asked, today: int) -> tuple[int, int]:
    """The days of the options; the last one is over. Raises ConfigError."""
    if asked.from_day is None:
        raise ConfigError("data backfill needs --from DATE")
    first, last = span_of(asked.from_day, asked.to_day)
    assert first is not None
    last = max(first, today - 1) if last is None else last
    if first < FIRST_DAY:
        begin = day_text(FIRST_DAY)
        raise ConfigError(f"--from {day_text(first)}: the broker's minutes begin on {begin}")
    latest, option = max((first, "--from"), (last, "--to"))
    if latest >= today:
        over = day_text(today - 1)
        raise ConfigError(f"{option} {day_text(latest)}: the last day that is over is {over}")
    return first, last


def report(filled: Filled, instruments: Sequence[Instrument], retried: int) -> Iterator[str]:
    """One line per count, in the words of an import's report."""
    yield f"asked        {filled.requests:,} requests, {retried:,} of them again"
    yield f"bars         {filled.bars:,} on {filled.days:,} days of a symbol"
    yield f"without bars {filled.quiet_days:,} days of a symbol (no trade, or not listed yet)"
    yield f"missing      {filled.missing:,} (minutes of days with bars)"
    yield f"outside      {filled.outside:,} (rows not in the session; not traded)"
    yield f"refused      {filled.refused:,} (rows that cannot be true)"
    yield f"strays       {filled.strays:,} (rows of days that were not asked for; dropped)"
    yield f"off tick     {filled.off_tick:,} (a price that is not whole paise; kept)"
    yield (
        f"compared     {filled.compared:,} days held before: {filled.differing:,} minutes differ,"
        f" {filled.only_ours:,} only here, {filled.only_theirs:,} only there"
    )
    if filled.first_difference:
        yield f"difference   {filled.first_difference} (the first; the broker's is kept)"
    for number, factor in filled.renewed.items():
        symbol = instruments[number].symbol
        yield f"made anew    {symbol}: prices are {factor:.6g} times those kept (corporate action)"


# --- the parts -----------------------------------------------------------------------------------


async def _instruments(asked: Asked, tell: Tell) -> tuple[Instrument, ...]:
    api = asked.settings.upstox.api
    assets = UpstoxAssets(ASSETS if api == API else api)
    try:
        fetched = await assets.fetch(MASTER)
    finally:
        await assets.close()
    assert fetched is not None  # asked for without a version
    resolved = Master.of(fetched.packed).resolve(asked.symbols or asked.settings.symbols)
    for notice in resolved.notices:
        tell(f"notice       {notice}")
    return tuple(one.instrument() for one in resolved.listed)


@contextmanager
def _keep(asked: Asked, instruments: Sequence[Instrument]) -> Iterator[Keep]:
    """Raises AlreadyRunning where a daemon has the state directory."""
    if asked.out:
        yield ArchiveKeep(asked.out, instruments)
        return
    path = asked.directory / MARKET_FILE
    if asked.dry_run and not path.exists():
        yield StoreKeep(MemoryMarketStore(instruments), InlineOwner())
        return
    with StateLock(asked.directory):
        store = DuckMarketStore(path, instruments, read_only=asked.dry_run)
        try:
            yield StoreKeep(store, InlineOwner())
        finally:
            store.close()


@asynccontextmanager
async def _rest(asked: Asked) -> AsyncIterator[UpstoxRest]:
    """Candles need no token; where there is a good one it is sent."""
    clock = SystemClock()
    tokens = tokens_of(token_path(asked.settings), os.environ, clock.now_ns)

    def token() -> str:
        held = tokens.held()
        return tokens() if held is not None and held.token.is_good(clock.now_ns()) else ""

    rest = UpstoxRest(
        token,
        address=asked.settings.upstox.api,
        windows=RateWindows(sleep=_limited()),
    )
    try:
        yield rest
    finally:
        await rest.close()


def _limited() -> Sleep:
    """Sleeps until the limits let one more request through; says so where that takes long."""
    told_until_s = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal told_until_s
        until_s = asyncio.get_running_loop().time() + seconds
        if seconds >= LONG_WAIT_S and until_s > told_until_s + LONG_WAIT_S:
            told_until_s = until_s
            _say(f"the broker's limits: the next request in {seconds:,.0f} s")
        await asyncio.sleep(seconds)

    return sleep


def _tried_again(error: BrokerError, seconds: float) -> None:
    _say(f"{error}: again in {seconds:.0f} s")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _duration(seconds: int) -> str:
    if seconds < 60:
        return "less than a minute within the broker's limits"
    return f"at least {-(-seconds // 60):,} minutes within the broker's limits"
