"""Whole days through the daemon inside a test: plans, kills, and what the ledger then holds."""

import asyncio
import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from backtest.run import Request, session_terms
from core.ports import Clock, EventKind, Ledger, LedgerEvent
from core.types import Instrument, Market
from daemon.bootstrap import Daemon, OpenStore
from daemon.lock import StateLock
from daemon.plan import DayOutcome, Plan
from daemon.sources import ReplaySource, SyntheticSource
from stores.ledger import HEAD_FILE
from stores.ledger_reader import LEDGER_FILE, open_read_only
from stores.memory import MemoryMarketStore
from stores.owner import InlineOwner
from strategies.registry import settings_of
from strategies.settings import RiskSettings, resolve

PUBLICATION = ("marks", "ticks", "digest")

T = TypeVar("T")
Told = tuple[EventKind, str, dict[str, object], bytes | None]
Hook = Callable[[int], None]


def replay_plan(request: Request, *, mode: str = "paper") -> Plan:
    """What `run --feed replay --speed max` plays of the data of a backtest request."""
    terms = session_terms(request.risk)
    return Plan(
        mode=mode,
        source=ReplaySource(request.dataset, speed=math.inf, terms=terms, to_day=request.to_day),
        strategies=((request.name, request.strategy, request.settings),),
        risk=request.risk,
        terms=terms,
    )


def synthetic_plan(
    *assignments: str,
    mode: str = "paper",
    seed: int = 1,
    history_sessions: int = 4,
    symbols: Sequence[str] = ("RELIANCE",),
    kind: type[SyntheticSource] = SyntheticSource,
    host: Clock | None = None,
) -> Plan:
    """A generated day, in virtual time unless by a host's clock; `assignments` as after --set."""
    risk, settings = resolve(RiskSettings(), settings_of("pixity")(), assignments)
    market_risk = risk.for_market(Market.NSE)
    terms = session_terms(market_risk)
    source = kind(
        seed=seed,
        symbols=symbols,
        speed=math.inf,
        terms=terms,
        history_sessions=history_sessions,
        grace_ns=2_000_000_000,
        host=host,
    )
    return Plan(
        mode=mode,
        source=source,
        strategies=(("pixity", "pixity", settings),),
        risk=market_risk,
        terms=terms,
    )


class WatchedOwner(InlineOwner):
    """Calls `after` with the number of each append once it is durable."""

    def __init__(self, after: Hook) -> None:
        super().__init__()
        self._after = after
        self._appends = 0

    async def run(self, function: Callable[..., T], *args: object) -> T:
        result = await super().run(function, *args)
        if getattr(function, "__name__", "") == "append":
            self._appends += 1
            self._after(self._appends)
        return result


def in_memory(path: Path, instruments: Sequence[Instrument]) -> MemoryMarketStore:
    return MemoryMarketStore(instruments)


async def played(
    plan: Plan,
    directory: Path,
    days: Iterable[int | None],
    *,
    after_append: Hook = lambda number: None,
    stop: asyncio.Event | None = None,
    open_store: OpenStore = in_memory,
) -> list[DayOutcome]:
    """The days one after the other in one process; None: the one the daemon chooses."""
    daemon = Daemon(
        plan,
        directory,
        ledger_owner=WatchedOwner(after_append),
        store_owner=InlineOwner(),
        open_store=open_store,
    )
    outcomes = []
    with StateLock(directory):
        try:
            await daemon.open()
            for wanted in days:
                day = await daemon.choose_day(wanted)
                if day is not None:
                    outcomes.append(await daemon.play(day, stop))
        finally:
            await daemon.close()
    return outcomes


def play(
    plan: Plan,
    directory: Path,
    *days: int | None,
    after_append: Hook = lambda number: None,
    open_store: OpenStore = in_memory,
) -> list[DayOutcome]:
    """As `played`, on a loop of its own."""
    return asyncio.run(
        played(plan, directory, days or (None,), after_append=after_append, open_store=open_store)
    )


def play_to(
    plan: Plan,
    directory: Path,
    *days: int | None,
    minutes: int,
    open_store: OpenStore = in_memory,
) -> DayOutcome:
    """Play until the ledger holds `minutes` Minutes of these days, then stop as SIGTERM does.

    Those that wait in the queue are still handled, as in a real stop.
    """

    async def main() -> DayOutcome:
        stop, handled = asyncio.Event(), 0

        def count(number: int) -> None:
            nonlocal handled
            handled = len(told(directory, [EventKind.MINUTE]))
            if handled >= minutes:
                stop.set()

        outcomes = await played(
            plan, directory, days or (None,), after_append=count, stop=stop, open_store=open_store
        )
        return outcomes[-1]

    return asyncio.run(main())


def crashed_after(
    plan: Plan, directory: Path, copies: Path, *days: int | None, appends: Iterable[int]
) -> list[Path]:
    """Play to the end, and keep what a kill after each of `appends` would have left on disk."""
    wanted = frozenset(appends)
    kept: list[Path] = []

    def keep(number: int) -> None:
        if number in wanted:
            kept.append(copies / f"after-{number}")
            copy_of_a_kill(directory, kept[-1])

    play(plan, directory, *days, after_append=keep)
    return kept


def copy_of_a_kill(directory: Path, to: Path) -> None:
    """The ledger's files as they lie on disk at this moment, the log not yet folded in."""
    to.mkdir(parents=True)
    for name in (LEDGER_FILE, f"{LEDGER_FILE}-wal", HEAD_FILE):
        if (directory / name).exists():
            shutil.copy(directory / name, to / name)


# --- what the ledger holds -----------------------------------------------------------------------


@contextmanager
def ledger_of(directory: Path) -> Iterator[Ledger]:
    reader = open_read_only(directory)
    try:
        yield reader  # type: ignore[misc]  # reads only
    finally:
        reader.close()


def recorded(directory: Path, kinds: Sequence[EventKind] | None = None) -> list[LedgerEvent]:
    with ledger_of(directory) as ledger:
        return [one.event for one in ledger.events(kinds=kinds)]


def told(directory: Path, kinds: Sequence[EventKind] | None = None) -> list[Told]:
    """Every event but the starts, and without how a Minute came about: what must be equal however
    often the day was begun."""
    return [
        (event.kind, event.key, _without(event.payload, PUBLICATION), event.blob)
        for event in recorded(directory, kinds)
        if event.kind is not EventKind.RUN_START
    ]


def _without(payload: dict[str, object], names: Sequence[str]) -> dict[str, object]:
    return {name: value for name, value in payload.items() if name not in names}


def rows(directory: Path, view: str, day: int | None = None) -> list[dict[str, object]]:
    with ledger_of(directory) as ledger:
        return ledger.rows(view, day)


def files_of(directory: Path) -> dict[str, bytes]:
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def steps_of(directory: Path) -> list[list[Told]]:
    """The day's events Minute by Minute."""
    steps: list[list[Told]] = []
    for one in told(directory):
        if one[0] is EventKind.MINUTE:
            steps.append([])
        if steps:
            steps[-1].append(one)
    return steps
