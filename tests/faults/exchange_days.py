"""Days of a misbehaving exchange through the daemon: real sockets, virtual time.

Both are in one process and one loop, whose time is that of the market and of every timer: waits,
pings and back-off take as long as they do on a real day.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import structlog

from backtest.run import session_terms
from core.ports import Clock
from core.session import SECOND_NS, day_span_ns, parse_day
from core.types import BAR, Instrument, InstrumentId, Market, Records, SessionClass
from daemon.clocks import SystemClock
from daemon.plan import DayOutcome, Plan
from daemon.proof.certificate import Certificate, certify_day
from daemon.upstox.source import UpstoxSource
from providers.live import DayFrame
from providers.upstox.rest import UpstoxRest
from sandbox.accounts import Accounts
from sandbox.faults.schedule import Faults, fault_of
from sandbox.market.exchange import Exchange, hours
from sandbox.market.universe import SHARES
from sandbox.market.world import GeneratedWorld, World
from sandbox.server import Sandbox
from stores.memory import MemoryMarketStore
from strategies.registry import settings_of
from strategies.settings import RiskSettings, resolve
from tests.daemon.days import played
from tests.virtual_loop import run_virtual
from tests.wired_loop import WiredLoop

DAY = parse_day("2025-10-21")
HOURS = ("13:45", "13:53")  # of that Muhurat day, shortened
# Busier than in life: any silence of theirs is a fault.
LISTED = tuple(replace(one, trades_per_minute=60.0) for one in (SHARES[0], SHARES[2]))
LEAD_NS = 20 * SECOND_NS
BRISK = (
    "timeframe=1m ema_fast=3 ema_slow=8 atr_period=4 adx_period=3 swing_period=2 reversion_k=0.6"
    " adx_limit=45 warmup_bars=10 time_stop_bars=3 cooldown_bars=1 max_daily_loss=900"
    " last_entry_minutes=3 square_off_minutes=2"
).split()


class LoopVenue:
    """The exchange goes on whatever the daemon does: it lives by the loop's time."""

    name = "sandbox"
    identity = "sandbox seed 5"
    is_live = True

    def __init__(self, starts_ns: int) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, WiredLoop)
        self.clock_of_all = SystemClock(lambda: starts_ns + loop.monotonic_ns())

    def next_day(self, after_day: int) -> int:
        return DAY

    def dawn(self, day: int) -> None:
        pass

    def clock(self, frame: DayFrame, after_ns: int) -> Clock:
        return self.clock_of_all

    async def pause(self, seconds: float, clock: Clock) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class FaultyDay:
    """A day that is over: what was kept, logged and certified."""

    outcome: DayOutcome
    certificate: Certificate
    store: MemoryMarketStore
    log: list[dict[str, object]]
    directory: Path

    @property
    def bars(self) -> Records:
        return self.store.bars(*day_span_ns(DAY, SessionClass.CASH)).view(BAR)

    def events(self, name: str) -> list[dict[str, object]]:
        return [one for one in self.log if one["event"] == name]


def faulty_day(
    directory: Path,
    *faults: str,
    world: World | None = None,
    token: Callable[[int], str] = lambda now_ns: "given",
) -> FaultyDay:
    """The day with `faults`, to its end.

    Args:
        token: that the daemon has at a moment.
    """
    store = MemoryMarketStore(instruments())

    async def main() -> DayOutcome:
        venue = LoopVenue(hours(LISTED[0], DAY).open_ns - LEAD_NS)
        clock = venue.clock_of_all
        asked = Faults([fault_of(text) for text in faults], seed=5)
        exchange = Exchange(LISTED, world or GeneratedWorld(5, hours), hours, clock, asked)
        sandbox = Sandbox(exchange, Accounts("given", clock.now_ns(), asked))
        rest = UpstoxRest(lambda: token(clock.now_ns()), address=await sandbox.start())
        plan = plan_of(venue, rest)
        try:
            [outcome] = await played(plan, directory, [DAY], open_store=lambda path, ours: store)
        finally:
            await rest.close()
            await sandbox.stop()
        return outcome

    with structlog.testing.capture_logs() as log:
        outcome = run_virtual(WiredLoop(), main())
    return FaultyDay(outcome, certify_day(directory, DAY, store), store, list(log), directory)


def instruments() -> tuple[Instrument, ...]:
    return tuple(
        Instrument(InstrumentId(one.key), one.symbol, one.session_class, one.tick_paise)
        for one in LISTED
    )


def plan_of(venue: LoopVenue, rest: UpstoxRest) -> Plan:
    risk, settings = resolve(RiskSettings(), settings_of("pixity")(), BRISK)
    market_risk = risk.for_market(Market.NSE)
    terms = session_terms(market_risk)
    source = UpstoxSource(
        venue,
        rest,
        instruments(),
        terms=terms,
        history_sessions=1,
        grace_ns=2_000_000_000,
        band_percent=20.0,
    )
    return Plan(
        mode="paper",
        source=source,
        strategies=(("pixity", "pixity", settings),),
        risk=market_risk,
        terms=terms,
    )


def candles_of(world: World) -> Records:
    """The exchange's own candles of the day as bars: by time, then instrument."""
    found = []
    for number, listing in enumerate(LISTED):
        candles = world.tape(listing, DAY).candles()
        bars: Records = np.zeros(len(candles.open_ms), BAR)
        bars["instrument"], bars["open_ns"] = number, candles.open_ms * 1_000_000
        for name in ("open", "high", "low", "close", "volume"):
            bars[name] = getattr(candles, name)
        found.append(bars)
    both = np.concatenate(found)
    return both[np.lexsort((both["instrument"], both["open_ns"]))].view(BAR)
