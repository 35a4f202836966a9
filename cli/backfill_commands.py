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
from daemon.clocks import SystemClock
from daemon.config import Settings
from daemon.lock import StateLock
from daemon.upstox.backfill import Backfill, Filled, Keep
from daemon.upstox.backfill_memory import BackfillMemory
from daemon.upstox.backfilled_store import StoreKeep
from daemon.upstox.tokens import token_path, tokens_of
from providers.upstox.assets import MASTER, UpstoxAssets
from providers.upstox.history import FIRST_DAY, Chunk, UpstoxHistory, least_s, sessions_between
from providers.upstox.instruments import Master
from providers.upstox.rest import RateWindows, UpstoxRest
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
        patience = _Patience()
        async with _rest(asked, patience) as rest:
            history = UpstoxHistory(rest, instruments, accept=accept, waits=patience.tried_again)
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
            filled = await _filled(work, chunks)
    for line in report(filled, instruments, history.retried):
        tell(line)
    if isinstance(keep, ArchiveKeep):
        tell(f"written      {len(keep.written):,} days below {asked.directory}")
    if not filled.bars:
        raise DataError(f"the broker has no bar of {names}{more} in these days")


async def _filled(work: Backfill, chunks: Sequence[Chunk]) -> Filled:
    try:
        while chunks:
            with progress("backfill", len(chunks), "requests") as advance:
                await work.take(chunks, advance)
            chunks = work.renewals()
    except BrokerError as error:
        raise type(error)(f"{error}; what came is kept, run it again to go on") from error
    return work.end()


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
        if number not in filled.anew:
            yield f"in part      {symbol}: days the broker did not tell are still in old prices"


# --- the parts -----------------------------------------------------------------------------------


async def _instruments(asked: Asked, tell: Tell) -> tuple[Instrument, ...]:
    assets = UpstoxAssets(asked.settings.upstox.lists_at)
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
async def _rest(asked: Asked, patience: "_Patience") -> AsyncIterator[UpstoxRest]:
    """Candles need no token; where there is a good one it is sent."""
    tokens = tokens_of(token_path(asked.settings), os.environ, SystemClock().now_ns)
    rest = UpstoxRest(
        tokens,
        address=asked.settings.upstox.api,
        windows=RateWindows(sleep=patience.within_limits),
    )
    try:
        yield rest
    finally:
        await rest.close()


class _Patience:
    """Says why it takes long: one line for all requests that wait meanwhile."""

    def __init__(self) -> None:
        self._until_s = 0.0

    async def within_limits(self, seconds: float) -> None:
        """Sleep until the broker's limits let one more request through."""
        if seconds >= LONG_WAIT_S:
            self._say(f"the broker's limits: the next request in {seconds:,.0f} s", seconds)
        await asyncio.sleep(seconds)

    def tried_again(self, error: BrokerError, seconds: float) -> None:
        self._say(f"{error}: again in {seconds:.0f} s", seconds)

    def _say(self, line: str, seconds: float) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._until_s:
            self._until_s = now_s + seconds
            print(line, file=sys.stderr, flush=True)


def _duration(seconds: int) -> str:
    if seconds < 60:
        return "less than a minute within the broker's limits"
    return f"at least {-(-seconds // 60):,} minutes within the broker's limits"
