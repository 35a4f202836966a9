"""What a daemon is to run, and what came of a day: values that bootstrap takes and gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from core.book import MAIN_BOOK
from core.orders import Order
from core.ports import Clock, RealBroker
from core.session import SECOND_NS
from core.types import Instrument
from daemon.intake.repair import WAIT_NS
from daemon.orders.reconciliation import Reconciled
from daemon.provenance import Provenance
from daemon.sources import Source
from providers.replay import SessionTerms
from strategies.brakes import BrakeSettings
from strategies.settings import MarketRisk, StrategySettings

LIVE = "live"  # the mode whose orders are real
NO_ACCOUNT = "paper"  # what stands for the account where nothing is sent
LATE_NS = 30 * SECOND_NS  # a Minute handled later than this after its close is late

# (instance, registry name, settings) of each strategy of a book, in configured order
Strategies = tuple[tuple[str, str, StrategySettings], ...]

Withheld = Callable[[Order], str]  # asked last: why an order must not be sent any more, or ""
OpenOrders = Callable[[Clock, Sequence[Instrument], Withheld], RealBroker]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the daemon is to run. A shadow book has an account of its own, under the same risk.

    Args:
        account: the broker's name of the one that is traded, in mode live.
        orders: opens the broker of a day, whose fills are told; for mode live.
    """

    mode: str
    account: str = NO_ACCOUNT
    source: Source
    strategies: Strategies  # of the main book
    risk: MarketRisk
    terms: SessionTerms
    late_ns: int = LATE_NS
    repair_wait_ns: int = WAIT_NS
    brakes: BrakeSettings | None = None  # breakers of the main book; none on paper
    shadows: tuple[tuple[str, Strategies], ...] = ()  # book -> its strategies, always on paper
    orders: OpenOrders | None = None
    provenance: tuple[Provenance, ...] = ()  # where the parameters came from, to be shown

    def is_told(self, book: str) -> bool:
        """Whether a real broker fills its orders."""
        return self.mode == LIVE and book == MAIN_BOOK

    @property
    def books(self) -> tuple[tuple[str, Strategies], ...]:
        """All books in configured order, the main one first."""
        return ((MAIN_BOOK, self.strategies), *self.shadows)

    @property
    def all_strategies(self) -> Strategies:
        """Those of all books, in configured order."""
        return tuple(one for _, strategies in self.books for one in strategies)

    def scope_of(self, book: str) -> str:
        """Run scope of the ids of a book.

        pixity.md 7: a replayed day belongs to its data, any other to mode, account and book. A
        shadow of a replayed day must not share the ids of the main book. A shadow of a real one is
        on paper.
        """
        if self.source.name == "replay":
            scope = self.source.identity.replace(" ", "|")
            return scope if book == MAIN_BOOK else f"{scope}|{book}"
        account = self.account if book == MAIN_BOOK else NO_ACCOUNT
        return f"{self.mode}|{account}|{book}"

    @property
    def headline(self) -> str:
        """The mode as a person is told it: real orders are never taken for others."""
        if self.mode != LIVE:
            return f"{self.mode} {self.source.name}"
        return f"LIVE {self.source.identity}, account {self.account}"


def masked(account: str) -> str:
    """For the log and for whoever may read without being asked: enough to tell two apart."""
    return f"..{account[-2:]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOutcome:
    """What came of one run of a day."""

    day: int
    complete: bool
    minutes: int
    minutes_expected: int
    signals: int
    entries: int
    trades: int
    net_paise: int


@dataclass(slots=True)
class Standing:
    """Where the cycle of days stands, for the page; written by it alone, but for `reconciled`."""

    waiting_for: str | None = None  # None: a day is being played, or the process ends
    now_ns: Callable[[], int] | None = None  # the time while it waits; None: that of the day
    report: dict[str, object] | None = None  # of the last day that had its evening
    consent: dict[str, object] | None = None  # what a real day needs, and what of it is lacking
    readiness: list[str] = field(default_factory=list)  # checks of the last morning that are not ok
    reconciled: Reconciled | None = None  # of today's broker; None: no fills are told
