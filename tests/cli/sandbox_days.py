"""Days of the sandbox through the daemon, both in this process, over the real protocol."""

import asyncio
import gzip
import json
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from backtest.run import session_terms
from cli.sandbox_source import OwnSandbox
from core.ports import MarketStore
from core.session import parse_day
from core.types import BAR, MISSING, PARTIAL, Instrument, Market, Records
from daemon.bootstrap import OpenStore
from daemon.plan import DayOutcome, Plan
from daemon.upstox.orders import UpstoxOrders
from daemon.upstox.source import UpstoxSource
from providers.upstox.instruments import Master
from providers.upstox.rest import RateWindows, UpstoxRest
from sandbox.account_answers import intraday_master, master
from sandbox.market.universe import listings
from stores.memory import MemoryMarketStore
from strategies.registry import settings_of
from strategies.settings import RiskSettings, resolve
from tests.daemon.days import in_memory, played, told
from tests.datasets import LIVELY

MUHURAT = parse_day("2025-10-21")  # one hour, 13:45-14:45: a day that is over in seconds
SHARES = ("RELIANCE", "TATAPOWER")

Meddle = Callable[[int, OwnSandbox], None]  # given the Minutes that the ledger holds


@asynccontextmanager
async def sandbox_plan(
    *,
    symbols: Sequence[str] = SHARES,
    speed: float = math.inf,
    mode: str = "paper",
    history_sessions: int = 3,
) -> AsyncIterator[tuple[Plan, OwnSandbox]]:
    """What `run --feed sandbox` puts together."""
    risk, settings = resolve(RiskSettings(), settings_of("pixity")(), LIVELY)
    market_risk = risk.for_market(Market.NSE)
    venue = OwnSandbox(seed=5, speed=speed)
    async with venue.served() as address:
        windows = RateWindows(now_s=venue.now_s, sleep=venue.sleep)
        rest = UpstoxRest(venue.token, address=address, windows=windows, held=venue.held)
        calls = rest.beside(address)
        source = UpstoxSource(
            venue,
            rest,
            chosen(symbols),
            terms=session_terms(market_risk),
            history_sessions=history_sessions,
            grace_ns=2_000_000_000,
            band_percent=20.0,
        )
        try:
            yield (
                Plan(
                    mode=mode,
                    source=source,
                    strategies=(("pixity", "pixity", settings),),
                    risk=market_risk,
                    terms=session_terms(market_risk),
                    orders=UpstoxOrders(calls, rest, now_s=venue.now_s, sleep=venue.sleep),
                ),
                venue,
            )
        finally:
            await calls.close()
            await rest.close()


def chosen(symbols: Sequence[str]) -> tuple[Instrument, ...]:
    """Of the exchange's own lists."""
    listed = listings()
    lists = (
        gzip.compress(json.dumps(rows).encode())
        for rows in (master(listed), intraday_master(listed))
    )
    return Master.of(*lists).choose(symbols).instruments


def sandbox_day(
    directory: Path,
    *,
    day: int = MUHURAT,
    to_minute: int | None = None,
    meddle: Meddle = lambda minutes, venue: None,
    open_store: OpenStore = in_memory,
    symbols: Sequence[str] = SHARES,
    speed: float = math.inf,
    mode: str = "paper",
) -> DayOutcome:
    """A day from where the directory stands to its end, or stopped as by SIGTERM once the ledger
    holds `to_minute` Minutes."""

    async def main() -> DayOutcome:
        stop = asyncio.Event()
        async with sandbox_plan(symbols=symbols, speed=speed, mode=mode) as (plan, venue):

            def appended(_: int) -> None:
                minutes = minutes_in(directory)
                meddle(minutes, venue)
                if to_minute is not None and minutes >= to_minute:
                    stop.set()

            [outcome] = await played(
                plan, directory, [day], after_append=appended, stop=stop, open_store=open_store
            )
        return outcome

    return asyncio.run(main())


def minutes_in(directory: Path) -> int:
    return len([one for one in told(directory) if one[0] == "MINUTE"])


def candles_of(symbols: Sequence[str] = SHARES, day: int = MUHURAT) -> Records:
    """The exchange's own, as the bars they should be: by time, then instrument."""
    venue = OwnSandbox(seed=5, speed=math.inf)
    venue.dawn(day + 1)
    rows = []
    for number, one in enumerate(chosen(symbols)):
        listing = venue.exchange.listing(one.id)
        assert listing is not None
        candles = venue.exchange.candles(listing, day)
        bars: Records = np.zeros(len(candles.open_ms), BAR)
        bars["instrument"], bars["open_ns"] = number, candles.open_ms * 1_000_000
        for name in ("open", "high", "low", "close", "volume"):
            bars[name] = getattr(candles, name)
        rows.append(bars)
    together = np.concatenate(rows).view(BAR)
    return together[np.lexsort((together["instrument"], together["open_ns"]))].view(BAR)


def bars_in(store: MarketStore, day: int = MUHURAT) -> Records:
    """Those that are vouched for, whatever built them."""
    midnight_ns = day * 86_400_000_000_000 - 19_800_000_000_000
    bars = store.bars(midnight_ns, midnight_ns + 86_400_000_000_000).copy().view(BAR)
    bars = bars[(bars["quality"] & (MISSING | PARTIAL)) == 0].view(BAR)
    bars["quality"] = 0
    return bars


class KeptStore:
    """A market store in memory that outlives its processes."""

    def __init__(self, symbols: Sequence[str] = SHARES) -> None:
        self.store = MemoryMarketStore(chosen(symbols))

    def __call__(self, path: Path, instruments: object) -> MarketStore:
        return self.store
