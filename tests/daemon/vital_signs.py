"""A process in the middle of a sound session, and what may be wrong with it."""

from dataclasses import replace

from core.types import TradingState
from daemon.pulse.health import Health
from daemon.pulse.vitals import Vitals
from daemon.scanner import DaemonFacts
from tests.market import DAY, MINUTE_NS, at

NOW_NS = at("11:00") + MINUTE_NS // 2
SOUND = DaemonFacts(
    mode="paper",
    feed="synthetic",
    feed_up=True,
    feed_age_ms=400,
    day=DAY,
    trading_state=TradingState.ACTIVE,
    market_open=True,
    minutes_done=105,
    minutes_expected=375,
    last_minute_ns=at("11:00"),
    ticks_seen=1_000,
)


class Signs:
    """`facts` and `vitals` may be made worse before they are looked at."""

    def __init__(self, **wrong: object) -> None:
        self.vitals = Vitals()
        self.vitals.step("ledger")
        self.vitals.started("playing")
        self.facts = replace(SOUND, **wrong)  # type: ignore[arg-type]
        self.now_ns = NOW_NS
        self.waiting = 0
        self.vitals.playing(
            self.vitals.trading,
            lambda lag_s: None,
            opened_ns=at("09:15"),
            minutes=lambda: self.waiting,
        )

    @property
    def health(self) -> Health:
        return Health(self.vitals, lambda: self.facts, lambda: self.now_ns, MINUTE_NS)

    def wrong(self) -> list[str]:
        return [check.name for check in self.health.ready() if not check.ok]

    def detail(self, name: str) -> str:
        return next(check.detail for check in self.health.ready() if check.name == name)
