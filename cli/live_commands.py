"""Real orders: the consent that `run --mode live` needs, and `confirm`, which gives it for a day.

Decides who is asked and what is shown before anything is typed; what is missing is said by
daemon/consent. A sentence that no person types confirms nothing.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from cli.run_sources import Opened, accepted_days
from core.errors import BrokerError, ConfigError, NotReady
from core.session import parse_day
from daemon.bootstrap import Daemon
from daemon.clocks import SystemClock
from daemon.commands import user_name
from daemon.config import Configuration
from daemon.consent.acts import exchange_identity
from daemon.consent.confirmation import Terms, confirm, lacks, terms_of
from daemon.consent.consent import Consent, tell_start
from daemon.consent.readiness import (
    broker_readiness,
    check_evidence,
    check_lists,
    for_real,
    local_checks,
)
from daemon.control import STATUS, ask
from daemon.cycle import relisted
from daemon.doctor import Check
from daemon.lock import running_pid
from daemon.memory.checkout import checkout
from daemon.plan import LIVE
from daemon.sources import day_to_come

Tell = Callable[[str], None]


# --- run -----------------------------------------------------------------------------------------


def consent_of(
    configured: Configuration,
    opened: Opened,
    daemon: Daemon,
    examined: Callable[[int], Iterable[Check]],
) -> Consent | None:
    """What real orders need; None: there are none. `examined`: the checks of any mode."""
    settings, broker = configured.settings, opened.broker
    if settings.mode != LIVE:
        return None
    assert broker is not None  # a feed without one was refused (daemon/consent/acts.py)
    directory, identity = Path(settings.paths.state_dir), opened.source.identity

    def ours(now_ns: int) -> list[Check]:
        accept = settings.live.accept_dirty_tree
        own = local_checks(directory, checkout(), accept_dirty_tree=accept)
        proven = check_evidence(daemon.plan.provenance)
        return [*for_real(examined(now_ns)), *own, check_lists(directory, now_ns), proven]

    async def everything(now_ns: int) -> list[Check]:
        listing = await relisted(daemon, now_ns)
        checks = await daemon.evening.ledger_owner.run(ours, now_ns)
        return [*listing, *checks, *await broker_readiness(broker)]

    return Consent(
        directory,
        lambda day: terms_of(configured, identity, day),
        everything,
        shown(configured),
        daemon.standing,
        daemon.source.touch,
    )


async def admitted(
    consent: Consent, daemon: Daemon, day: int, now_ns: int, stop: asyncio.Event, tell: Tell
) -> bool:
    """Whether the process may go on with `day`; asked of who sits at the terminal, if anybody does.

    True: with entries; False: without, for something is not as it should be on a day under way.
    Raises ConfigError, BrokerError, NotReady, in one line.
    """
    terms = consent.terms_of(day)
    if consent.lacks(day) and sys.stdin.isatty() and sys.stdout.isatty():
        ask_for(terms, consent.lines, tell)
        typed = await typed_line(stop)
        confirm(consent.directory, terms, typed, SystemClock().now_ns(), user_name(os.geteuid()))
    under_way = daemon.record.is_under_way
    try:
        failed = await consent.require(day, now_ns, is_under_way=under_way)
    except (BrokerError, NotReady):
        for line in daemon.standing.readiness:
            tell(line)
        raise
    for one in failed:
        tell(str(one))
    tell_start(terms)
    return not failed


def ask_for(terms: Terms, lines: Sequence[str], tell: Tell) -> None:
    """What a person should know before typing, and what to type."""
    tell(f"LIVE         real orders at {terms.exchange}, account {terms.account}, on {terms.day}")
    for line in lines:
        tell(line)
    tell(f"to confirm   type: {terms.sentence}")


async def typed_line(stop: asyncio.Event) -> str:
    """A line from the terminal; "" if `stop` comes first, as by Ctrl-C."""
    loop = asyncio.get_running_loop()
    there = asyncio.Event()
    loop.add_reader(sys.stdin, there.set)  # a thread that reads could not be ended by Ctrl-C
    waiting = [asyncio.create_task(one.wait()) for one in (there, stop)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return sys.stdin.readline() if there.is_set() else ""
    finally:
        loop.remove_reader(sys.stdin)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def shown(configured: Configuration) -> list[str]:
    """What would be traded, and how much at most."""
    settings = configured.settings
    risk, brakes = settings.risk.for_market(settings.feed.session), settings.brakes
    names = ", ".join(settings.symbols) or "what the feed offers"
    return [
        f"trades       {names} by {', '.join(configured.strategies)}",
        f"at most      Rs {brakes.max_exposure:,.0f} in {brakes.max_positions} positions,"
        f" {risk.max_entries_per_day} entries, a day's loss of Rs {risk.max_daily_loss:,.0f}",
        f"calls        {settings.live.orders_per_second} a second, {brakes.max_orders_per_day} a"
        f" day, {brakes.orders_kept_for_exits} of them kept for exits",
    ]


# --- confirm -------------------------------------------------------------------------------------


def confirm_day(
    load: Callable[[], Configuration], state_dir: Path | None, day: str | None, tell: Tell
) -> None:
    """Ask for the sentence of a day, and keep it. Raises ConfigError.

    A daemon that runs on `state_dir` is asked what it waits for; else the configuration is loaded.
    """
    directory = state_dir or Path(load().settings.paths.state_dir)
    if not sys.stdin.isatty():
        raise ConfigError("confirm needs a terminal: a person types the sentence, no program")
    terms, lines = running_terms(directory) or _configured_terms(load(), day)
    if day is not None and day != terms.day:
        raise ConfigError(f"--day {day}: the daemon on {directory} is at {terms.day}")
    if not lacks(directory, terms):
        tell(f"confirmed    {terms.day} is, for account {terms.account}: nothing to do")
        return
    ask_for(terms, lines, tell)
    os.umask(0o077)
    typed = sys.stdin.readline()
    confirm(directory, terms, typed, SystemClock().now_ns(), user_name(os.geteuid()))
    tell(f"confirmed    {terms.sentence}")
    tell("next         a running daemon goes on by itself; else: tradingd run --mode live")


def running_terms(directory: Path) -> tuple[Terms, list[str]] | None:
    """What the daemon of `directory` asks for; None: none runs. Raises ConfigError, TryAgain."""
    if not directory.is_dir() or running_pid(directory) is None:
        return None
    answer: dict[str, Any] = ask(directory, STATUS)
    told = answer["consent"]
    if told is None:
        raise ConfigError(
            f"the daemon on {directory} runs in mode {answer['mode']}: nothing to confirm"
        )
    names = ("account", "exchange", "day", "setup")
    return Terms(**{name: str(told[name]) for name in names}), list(told["lines"])


def _configured_terms(configured: Configuration, day: str | None) -> tuple[Terms, list[str]]:
    settings = configured.settings
    if not settings.live.account:
        raise ConfigError(
            "there is no account to confirm: account under [live] in the configuration file"
        )
    identity = exchange_identity(settings)
    if day is not None:
        number = parse_day(day)
    elif settings.feed.kind == "upstox" and not settings.upstox.is_local:
        number = day_to_come(-1, SystemClock().now_ns(), accepted_days(configured))
    else:
        raise ConfigError(f"{identity} has days of its own: give --day, or start the daemon first")
    return terms_of(configured, identity, number), shown(configured)
