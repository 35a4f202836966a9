"""Small seeded panels: one with what alphalens-reloaded says of it, one with a planted edge."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from core.session import DAY_NS, IST_OFFSET_NS, parse_day
from core.types import Bools, Float64s, Int64s
from research.panel.matrix import Panel
from research.signals import study as studying
from research.signals.forward import Horizon, forward_returns, held
from research.signals.study import Asked, Studied


class AlphalensPanel(NamedTuple):
    signal: Float64s
    forward: dict[int, Float64s]  # by sessions
    dates: int  # the first rows, which have the returns of all horizons


class Alphalens(NamedTuple):
    """Of alphalens-reloaded 0.5.1 with numpy 2.4.6, run once on `alphalens_panel`: prices one row
    earlier (it buys on the signal's date) without the row that lacks them (it would carry the last
    price forward), `quantiles=5`, `periods=(1, 5)`, `demeaned=False`."""

    ic_mean: dict[int, float]
    ic_std: dict[int, float]
    quantile_means: dict[int, list[float]]
    turnover: dict[int, float]
    autocorrelation: float


ALPHALENS = Alphalens(
    ic_mean={1: 0.15240428045306095, 5: 0.07947328191230633},
    ic_std={1: 0.13388053408928677, 5: 0.1389566418584586},
    quantile_means={
        1: [
            *(-0.0038274414620370002, -0.0016477364303720179, -4.588559548801655e-06),
            *(0.0023881756007977863, 0.0044023495448495195),
        ],
        5: [
            *(-0.0016753994224666827, -0.004405141735437608, 0.0036655091466094693),
            *(0.004468951828275957, 0.006697939200879892),
        ],
    },
    turnover={0: 0.5731132075471698, 4: 0.5707547169811321},
    autocorrelation=0.47940458069312203,
)


def weekdays(count: int, first: str = "2026-01-05") -> tuple[Int64s, Int64s]:
    """Stamps and days of daily bars from a Monday on."""
    numbers = np.arange(count)
    days = parse_day(first) + numbers // 5 * 7 + numbers % 5
    return days * DAY_NS - IST_OFFSET_NS, days


def alphalens_panel() -> AlphalensPanel:
    """60 days of 40 walks; the signal knows a little of the next move, and yesterday's of it."""
    random = np.random.default_rng(20260720)
    opens = 100 * np.exp(np.cumsum(random.normal(0, 0.02, (60, 40)), axis=0))
    signal = random.normal(0, 0.02, (60, 40))
    signal[:-2] += 0.3 * np.log(opens[2:] / opens[1:-1])
    signal[1:] = 0.5 * signal[1:] + 0.5 * signal[:-1]
    stamps = weekdays(60)
    forward = {
        sessions: forward_returns(opens, held(*stamps, Horizon(sessions))) for sessions in (1, 5)
    }
    return AlphalensPanel(signal, forward, 54)  # sold five rows after the one bought in: 60 - 6


SESSIONS, SYMBOLS = 420, 30


def walks(sessions: int = SESSIONS, symbols: int = SYMBOLS) -> Panel:
    """Random walks of which `known` says a little of the next session."""
    random = np.random.default_rng(11)
    known = random.normal(size=(sessions, symbols))
    moves = random.normal(0, 0.02, (sessions, symbols))
    moves[2:] += 0.004 * known[:-2]  # from the next open to the one after it
    opens = 100 * np.cumprod(1 + moves, axis=0)
    stamps_ns, days = weekdays(sessions)
    fields = {"open": opens, "close": opens * 1.001, "known": known}
    names = [f"S{number:02}" for number in range(symbols)]
    return Panel(stamps_ns, days, names, fields, np.zeros(opens.shape, bool))


def known(panel: Panel) -> Float64s:
    return panel.fields["known"]


def idle(panel: Panel) -> Float64s:
    return np.random.default_rng(4).normal(size=panel.masked.shape)


def nothing(panel: Panel) -> Float64s:
    return np.full(panel.masked.shape, np.nan)


Signal = Callable[[Panel], Float64s]  # values known at the close of each row
SIGNALS: dict[str, Signal] = {
    "idle": idle,
    "known": known,
    "same": lambda panel: -np.exp(known(panel)),
    "void": nothing,
}
HORIZONS = (Horizon(1), Horizon(5))


def study(panel: Panel, signals: Mapping[str, Signal], asked: Asked, **masks: Bools) -> Studied:
    def compute(names: Sequence[str]) -> list[Float64s]:
        return [signals[name](panel) for name in names]

    return studying.study(panel, list(signals), compute, asked, masks=masks)
