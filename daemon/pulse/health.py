"""Is the process alive, and does everything flow that should: named checks with what was found.

Reads what the tasks told; asks nobody, waits for nothing, changes nothing. Not ready means that a
new entry cannot be expected now; it says nothing against positions, which are watched all the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

from core.types import TradingState
from daemon.plan import masked
from daemon.pulse.vitals import Vitals
from daemon.scanner import DaemonFacts
from providers.live import MAX_WAITING_MINUTES

STALE_FRAME_MS = 5_000  # reliability.md 2.3: no frame at all for so long is a stale feed
MINUTE_MARGIN_NS = 15_000_000_000  # grace, repair and publication, on top of a Minute's length
LAGGED_S = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `detail` is what was found, for a person."""

    name: str
    ok: bool
    detail: str


class Health:
    """What /health answers.

    Args:
        facts, now_ns: of the day that is played, and its market time.
        base_ns: the length of a Minute.
    """

    def __init__(
        self,
        vitals: Vitals,
        facts: Callable[[], DaemonFacts],
        now_ns: Callable[[], int],
        base_ns: int,
    ) -> None:
        self._vitals = vitals
        self._facts = facts
        self._now_ns = now_ns
        self._base_ns = base_ns

    def live(self) -> list[Check]:
        """Whoever reads the answer knows it already: the loop turned to give it."""
        lag = self._vitals.meters.loop_lag
        told = f"lag p99 {_ms(lag.quantile_s(0.99))}, longest {_ms(lag.longest_s)}"
        return [Check("loop", True, f"{told}, of {lag.count} beats")]

    def ready(self) -> list[Check]:
        """What must hold for an entry to be possible."""
        vitals, facts = self._vitals, self._facts()
        checks = [
            _mode(facts),
            _start(vitals),
            _loop(vitals),
            _state(facts),
            _store(vitals),
            _queues(vitals),
        ]
        if (reconciled := facts.standing.reconciled) is not None:
            checks.append(Check("reconciliation", reconciled.agrees, reconciled.brief))
        if not facts.market_open:
            names = ("feed", "frames", "minutes")
            return checks + [Check(name, True, "the market is closed") for name in names]
        now_ns, opened_ns = self._now_ns(), vitals.opened_ns
        return [
            *checks,
            _feed(facts),
            _frames(facts, (now_ns - opened_ns) // 1_000_000, self._base_ns),
            _minutes(facts, now_ns - max(facts.last_minute_ns or 0, opened_ns), self._base_ns),
        ]


def _mode(facts: DaemonFacts) -> Check:
    if facts.account is None:
        return Check("mode", True, f"{facts.mode}: no order is real")
    told = f"LIVE: real orders at {facts.broker}, account {masked(facts.account)}"
    return Check("mode", True, told)


def _start(vitals: Vitals) -> Check:
    if vitals.stopping:
        return Check("start", False, "stopping")
    steps = ", ".join(
        f"{one.name} under way" if one.seconds is None else f"{one.name} {one.seconds:.2f} s"
        for one in vitals.steps
    )
    return Check("start", vitals.ready, steps)


def _loop(vitals: Vitals) -> Check:
    return Check("loop", vitals.lag_s < LAGGED_S, f"last lag {_ms(vitals.lag_s)}")


def _state(facts: DaemonFacts) -> Check:
    active = facts.trading_state is TradingState.ACTIVE
    told = f"{facts.trading_state.name}: entries are {'allowed' if active else 'refused'}"
    return Check("trading_state", active, told)


def _store(vitals: Vitals) -> Check:
    meters = vitals.meters
    told = meters.store_failing or f"{meters.store_failures} failures since the start"
    return Check("market_store", not meters.store_failing, told)


def _queues(vitals: Vitals) -> Check:
    waiting = {name: depth() for name, depth in vitals.queues.items()}
    told = ", ".join(f"{name} {count}" for name, count in waiting.items())
    return Check("queues", waiting.get("minutes", 0) < MAX_WAITING_MINUTES, told or "empty")


def _feed(facts: DaemonFacts) -> Check:
    told = f"{facts.feed} is {'up' if facts.feed_up else 'down'}"
    if facts.feed_up and facts.stale:  # the others may be entered
        told += f", but for {len(facts.stale)} instruments"
    return Check("feed", facts.feed_up, told)


def _frames(facts: DaemonFacts, open_ms: int, base_ns: int) -> Check:
    """A feed of ticks is never long without a frame; recorded bars come a Minute at a time."""
    most_ms = STALE_FRAME_MS + (0 if facts.ticks_seen else base_ns // 1_000_000)
    if facts.feed_age_ms is None:
        return Check("frames", open_ms <= most_ms, f"none yet, at most {most_ms} ms without")
    told = f"the last {facts.feed_age_ms} ms ago, at most {most_ms}"
    return Check("frames", facts.feed_age_ms <= most_ms, told)


def _minutes(facts: DaemonFacts, since_ns: int, base_ns: int) -> Check:
    most_ns = base_ns + MINUTE_MARGIN_NS
    told = f"the last {since_ns / 1e9:.1f} s ago, at most {most_ns / 1e9:.0f}"
    minutes = f"{facts.minutes_done} of {facts.minutes_expected}"
    return Check("minutes", since_ns <= most_ns, f"{minutes}, {told}")


def _ms(seconds: float) -> str:
    return f"{seconds * 1_000:.1f} ms"
