"""What must hold before orders are real, beyond what `doctor` looks at: asked of the broker itself.

Decides what keeps a day from being traded. Places nothing: of the order host it asks what only a
call to it can tell, with one that names no order.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from brokers.upstox.wording import CANCEL
from core.errors import BrokerError, ProtocolViolation, StoreFailed
from core.ports import Clock
from core.session import ist_day, ist_text
from daemon.commands import HALT_FILE
from daemon.consent.acts import exchange_of
from daemon.doctor import Check, Verdict, fail, ok, warn
from daemon.memory.checkout import UNKNOWN, Checkout
from daemon.plan import masked
from daemon.provenance import Origin, Provenance
from daemon.upstox.masters import KeptMasters, made_ns
from providers.upstox.exchange_time import exchange_now_ns
from providers.upstox.login import PROFILE
from providers.upstox.rest import UpstoxRest, data_of

NEEDED = {"exchanges": {"NSE"}, "products": {"I"}, "order_types": {"MARKET", "SL-M"}}
NAMES_NO_ORDER = 400  # upstox.md 3.1: UDAPI1023, the order id is required
MAX_SKEW_MS, WARN_SKEW_MS = 2_000, 500  # reliability.md 2.3
MS_NS = 1_000_000
NAMED = 3  # in a message
# What a day on paper may begin with, and a real one not.
MUST_BE_OK = frozenset({"certificate"})
OF_THE_BROKER = frozenset({"token", "account", "order host", "feed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AtBroker:
    """Whom a day asks: `calls` the order host, `reads` everything else.

    `clock`: that the exchange's time is held against; None: the exchange is our own, and goes by
    our clock.
    """

    calls: UpstoxRest
    reads: UpstoxRest
    api: str
    account: str
    clock: Clock | None


def for_real(checks: Iterable[Check]) -> Iterator[Check]:
    """The checks of `doctor`, as strict as real orders need them."""
    for one in checks:
        is_loose = one.name in MUST_BE_OK and one.verdict is Verdict.WARN
        yield replace(one, verdict=Verdict.FAIL) if is_loose else one


def local_checks(directory: Path, running: Checkout, *, accept_dirty_tree: bool) -> Iterator[Check]:
    """Of this machine: asks nobody."""
    yield check_program(running, accept_dirty_tree=accept_dirty_tree)
    halted = directory / HALT_FILE
    if halted.exists():
        yield fail("halt file", f"{halted} is there", "remove it when its reason is gone")
    else:
        yield ok("halt file", "none")


def check_evidence(found: Sequence[Provenance]) -> Check:
    """That parameters were promoted is asked for and not required: who trades decides."""
    odd = [f"{one.strategy}: {one.told}" for one in found if one.origin is not Origin.PROMOTED]
    if odd:
        return warn("evidence", "; ".join(odd), "`tradingd promote` writes it, docs/evidence.md")
    return ok("evidence", f"of {len(found)} strategies")


def check_program(running: Checkout, *, accept_dirty_tree: bool) -> Check:
    """What runs is what was committed."""
    name, advice = "program", "commit it, or accept_dirty_tree = true under [live]"
    some = ", ".join(running.changed[:NAMED]) + (" ..." if running.changed[NAMED:] else "")
    if running.commit == UNKNOWN:
        found = "its commit is not known"
    elif running.changed:
        found = f"commit {running.commit}, changed: {some}"
    else:
        return ok(name, f"commit {running.commit}, packages {running.lock}")
    return (
        warn(name, found, "accepted under [live]")
        if accept_dirty_tree
        else fail(name, found, advice)
    )


def check_lists(directory: Path, now_ns: int) -> Check:
    """The instrument master, and what of it may be traded intraday, are today's."""
    name, advice = "lists", "see 'The instrument master' in docs/runbook.md"
    try:
        kept = KeptMasters(directory).in_force(ist_day(now_ns))
    except (ProtocolViolation, StoreFailed) as error:
        return fail(name, str(error), advice)
    if kept is None:
        return fail(name, "the broker has told no list of instruments", advice)
    found = f"of {ist_text(kept.asked_ns)[:16].replace('T', ' ')} IST"
    if kept.asked_ns < made_ns(now_ns):
        return fail(name, f"{found}, a newer one is made at 06:15", advice)
    return ok(name, found)


# --- at the broker -------------------------------------------------------------------------------


async def broker_readiness(broker: AtBroker) -> list[Check]:
    """Each is asked, also where one has failed: a person puts all right at once."""
    return [
        await check_account(broker),
        await check_order_host(broker),
        *await check_feed(broker),
    ]


async def check_account(broker: AtBroker) -> Check:
    """The token is of the account that is configured, and that may trade what we trade."""
    name, ours = "account", broker.account
    try:
        told = await broker.reads.get(PROFILE)
    except BrokerError as error:
        return Check(Verdict.FAIL, name, str(error), heals=True)
    profile = told if isinstance(told, dict) else {}
    whose = str(profile.get("user_id") or "")
    if whose != ours:
        found = f"the token is of account {masked(whose)}, not of {masked(ours)}"
        return fail(name, found, "log in to the account under [live]")
    faults = ["it is not active"] if profile.get("is_active") is not True else []
    for key, needed in NEEDED.items():
        held = profile.get(key)
        missing = needed - set(held if isinstance(held, list) else [])
        faults += [f"its {key} lack {', '.join(sorted(missing))}"] if missing else []
    if faults:
        return fail(name, f"{masked(ours)}: {'; '.join(faults)}", "ask the broker")
    return ok(name, f"{masked(ours)} is active, may trade NSE intraday")


async def check_order_host(broker: AtBroker) -> Check:
    """It answers, and takes calls of this token and address.

    Only a call can tell: reads may work while orders are refused (a token, a static IP). A cancel
    that names no order is refused as such once everything else has been let through.
    """
    name = "order host"
    status = 0
    try:
        status, body = await broker.calls.call("DELETE", CANCEL)
        data_of(CANCEL, status, body)
    except BrokerError as error:
        if status == NAMES_NO_ORDER and type(error) is BrokerError:  # none of the other kinds
            return ok(name, "takes calls")
        return Check(Verdict.FAIL, name, str(error), heals=True)
    return fail(name, "it took a cancel that named no order", "that is no order host")


async def check_feed(broker: AtBroker) -> list[Check]:
    """Prices are of the exchange that orders go to, and its clock is ours."""
    if broker.clock is None:
        return [ok("feed", "of the local exchange, which goes by our clock")]
    try:
        address = await broker.reads.feed_address()
        if exchange_of(address) != exchange_of(broker.api):
            found = f"prices are of {exchange_of(address)}, orders of {exchange_of(broker.api)}"
            return [fail("feed", found, "that is not one exchange")]

        async def authorised() -> str:
            return address

        theirs_ns = await exchange_now_ns(authorised)
    except BrokerError as error:
        return [Check(Verdict.FAIL, "feed", str(error), heals=True)]
    ahead_ms = (broker.clock.now_ns() - theirs_ns) // MS_NS
    return [ok("feed", f"of {exchange_of(address)}"), check_skew(ahead_ms)]


def check_skew(ahead_ms: int) -> Check:
    name, found = "skew", f"our clock is {ahead_ms:+,} ms to the exchange's"
    if abs(ahead_ms) > MAX_SKEW_MS:
        return fail(name, found, "set the host's clock")
    if abs(ahead_ms) > WARN_SKEW_MS:
        return warn(name, found, "look at the host's time service")
    return ok(name, found)


def reds(checks: Iterable[Check]) -> list[Check]:
    return [one for one in checks if one.verdict is Verdict.FAIL]


def names_of(checks: Sequence[Check]) -> str:
    return ", ".join(dict.fromkeys(one.name for one in checks))
