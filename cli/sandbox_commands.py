"""`sandbox`: the local exchange alone, until it is told to stop."""

import asyncio
import os
import secrets
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cli.backtest_commands import data_options
from cli.reading import read
from core.errors import ConfigError, DataError
from core.session import MINUTE_NS, Session, day_text, days_of, parse_day
from core.types import SessionClass
from daemon.clocks import SystemClock
from daemon.config import SANDBOX_TOKEN
from sandbox.accounts import Accounts
from sandbox.faults.schedule import Faults, catalogue_lines, fault_of
from sandbox.market.exchange import Exchange, hours
from sandbox.market.recorded import RecordedWorld, listings_of
from sandbox.market.universe import Listing, listings
from sandbox.market.world import GeneratedWorld
from sandbox.server import Sandbox

DEFAULT_DAY = "2026-07-27"
LEAD_NS = 2 * MINUTE_NS  # a day that is asked for begins this long before its open
TRADED_NS = 5 * MINUTE_NS  # otherwise the market has been open so long, and never closes


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of the verb."""

    port: int
    token: str | None
    seed: int
    day: str | None
    data: tuple[Path, ...]
    symbols: tuple[str, ...]
    closing_auction: str
    speed: float
    faults: tuple[str, ...]


def run(asked: Asked, tell: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. Raises ConfigError, DataError."""
    if "list" in asked.faults:
        tell("\n".join(catalogue_lines()))
        return
    token = asked.token or os.environ.get(SANDBOX_TOKEN) or secrets.token_urlsafe(18)
    asyncio.run(_serve(asked, token, tell))


async def _serve(asked: Asked, token: str, tell: Callable[[str], None]) -> None:
    exchange = exchange_of(asked)
    accounts = Accounts(
        token, exchange.clock.now_ns(), exchange.faults, token_ends=plays_a_day(asked)
    )
    sandbox = Sandbox(exchange, accounts, port=asked.port)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    address = await sandbox.start()
    tell(f"sandbox      {address}, day {day_text(exchange.day)} at {asked.speed:g}x")
    tell(f"instruments  {', '.join(one.symbol for one in exchange.listed)}")
    if asked.faults:
        tell(f"faults       {', '.join(asked.faults)}")
    if not (asked.token or os.environ.get(SANDBOX_TOKEN)):
        tell(f"token        {token}")
    try:
        await stop.wait()
    finally:
        await sandbox.stop()
    tell("sandbox      stopped")


def plays_a_day(asked: Asked) -> bool:
    """Whether a day is played as it was or would be, rather than a market that is always open."""
    return bool(asked.day or asked.data)


def exchange_of(asked: Asked) -> Exchange:
    """The exchange of the options; its clock starts now."""
    faults = Faults([fault_of(text) for text in asked.faults], asked.seed)
    if not asked.data:
        day = parse_day(asked.day or DEFAULT_DAY)
        clock = a_day(day, asked.speed) if asked.day else open_market(day, asked.speed)
        return Exchange(_chosen(asked), GeneratedWorld(asked.seed, hours), hours, clock, faults)
    options = data_options("open", "1m", "nse", asked.symbols or None, asked.closing_auction)
    dataset = read(asked.data, options)
    days = days_of(dataset.bars["open_ns"], SessionClass.CASH)
    day = parse_day(asked.day) if asked.day else int(days[-1])
    if day not in days:
        raise DataError(f"{', '.join(map(str, asked.data))}: no bars of {day_text(day)}")
    clock = a_day(day, asked.speed)
    world = RecordedWorld(dataset.bars, dataset.instruments)
    return Exchange(listings_of(dataset.bars, dataset.instruments), world, hours, clock, faults)


def _chosen(asked: Asked) -> tuple[Listing, ...]:
    """Of the generated listings, by symbol or key; all of them when none is asked for."""
    listed = listings()
    named = {one.symbol: one for one in listed} | {one.key: one for one in listed}
    symbols = [symbol for group in asked.symbols for symbol in group.split(",")]
    if unknown := [symbol for symbol in symbols if symbol not in named]:
        offered = ", ".join(one.symbol for one in listed)
        raise ConfigError(f"unknown symbol {unknown[0]}: the sandbox lists {offered}")
    return tuple(named[symbol] for symbol in symbols) or listed


def a_day(day: int, speed: float) -> SystemClock:
    """From shortly before its open, and on into the night. Raises ConfigError."""
    return SystemClock.scaled(_session(day).open_ns - LEAD_NS, speed)


def open_market(day: int, speed: float) -> SystemClock:
    """From the middle of trading on, and never closed."""
    hours_on_end = HoursOnEnd(day)
    passed = SystemClock.scaled(TRADED_NS, speed)
    return SystemClock(lambda: hours_on_end.at(passed.now_ns()), speed)


class HoursOnEnd:
    """The sessions from `day` on without the nights between: after a close comes the next open."""

    def __init__(self, day: int) -> None:
        self._session = _session(day)
        self._passed_ns = 0  # before this session

    def at(self, passed_ns: int) -> int:
        """Market time so long after the first open; asked in order."""
        while passed_ns - self._passed_ns >= self._session.close_ns - self._session.open_ns:
            self._passed_ns += self._session.close_ns - self._session.open_ns
            self._session = _next_session(self._session.day)
        return self._session.open_ns + passed_ns - self._passed_ns


def _next_session(day: int) -> Session:
    following = None
    while following is None:
        day += 1
        following = hours(listings()[0], day)
    return following


def _session(day: int) -> Session:
    session = hours(listings()[0], day)
    if session is None:
        raise ConfigError(f"{day_text(day)} has no session")
    return session
