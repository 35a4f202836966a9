"""The form of a compiled strategy: dtypes, one step function, and what its numbers are called.

A strategy module declares PARAMS and STATE dtypes, the names of its kinds, gates and features, and

    @kernel
    def step(params, state, bar, signal): ...        # one strategy bar of one instrument
    @kernel
    def drive(params, states, bars, signals): ...    # loops step; names it globally, so it caches

`step` sees prices only, never the account: so a whole span of signals can be made in one pass, and
live, replay, backtest and sweep run the same text.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.book import AccountView
from core.errors import ConfigError
from core.jit import kernel
from core.types import MAX_EVENTS, Records, Row, record
from strategies.forest import Judge
from strategies.settings import StrategySettings

Drive = Callable[[Records, Records, Records, Records], None]


def signal_dtype(features: int, gates: int) -> np.dtype[Any]:
    """What a strategy says about one bar, and what became of it.

    The first event (`kind[0]`, `side[0]`) is the signal, the others are SUPPRESSED. The columns
    from `status` to `number` are written by whoever decides. `gate_*` answer "why no signal" for
    any bar: value, threshold and whether it passed, in the order of the strategy's GATES.
    """
    return record(
        [
            ("count", "i1"),
            ("kind", "i1", (MAX_EVENTS,)),
            ("side", "i1", (MAX_EVENTS,)),
            ("status", "i1"),
            ("refusal", "i1"),
            ("close", "f8"),
            ("atr", "f8"),
            ("vwap", "f8"),
            ("confidence", "f8"),
            ("value", "f8"),
            ("limit", "f8"),
            ("quantity", "i8"),
            ("number", "i8"),
            ("features", "f8", (features,)),
            ("gate_value", "f8", (gates,)),
            ("gate_threshold", "f8", (gates,)),
            ("gate_passed", "u1", (gates,)),
        ]
    )


@kernel
def blank(signal: Row, bar: Row) -> None:
    """No event: what every step starts from."""
    signal.count = 0
    signal.status = 0
    signal.refusal = 0
    signal.close = bar.close
    signal.atr = np.nan
    signal.vwap = np.nan
    signal.confidence = 0.5
    signal.value = np.nan
    signal.limit = np.nan
    signal.quantity = 0
    signal.number = 0
    for i in range(len(signal.kind)):
        signal.kind[i] = 0
        signal.side[i] = 0
    for i in range(len(signal.features)):
        signal.features[i] = 0.0


@kernel
def raise_event(signal: Row, kind: int, side: int) -> None:
    """Add an event; the first one raised on a bar is the signal."""
    signal.kind[signal.count] = kind
    signal.side[signal.count] = side
    signal.count += 1


@kernel
def gate(signal: Row, number: int, value: float, threshold: float, passed: bool) -> bool:
    """Record one gate of the decision and return whether it passed."""
    signal.gate_value[number] = value
    signal.gate_threshold[number] = threshold
    signal.gate_passed[number] = passed
    return passed


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSpec:
    """What a strategy module declares. Kinds are numbered from 1 in a SIGNAL.

    `judge`: the meta-model that its settings name, if any; asked of every signal raised, after the
    step, so that a bar without one costs what it costs without a model.
    """

    name: str
    settings: type[StrategySettings]
    params: np.dtype[Any]
    state: np.dtype[Any]
    kinds: tuple[str, ...]
    gates: tuple[str, ...]
    features: tuple[str, ...]
    drive: Drive
    judge: Callable[[StrategySettings], Judge | None] | None = None

    @property
    def signal(self) -> np.dtype[Any]:
        return signal_dtype(len(self.features), len(self.gates))


class KernelStrategy:
    """A kernel strategy over numbered instruments: its parameters, their states, and `on_bars`.

    `states` is the whole memory: a snapshot of it restarts the strategy.
    """

    sees_account = False

    def __init__(
        self, spec: KernelSpec, settings: StrategySettings, instruments: int, name: str = ""
    ) -> None:
        self.spec = spec
        self.name = name or spec.name
        self.settings = settings
        self.kinds, self.gates, self.features = spec.kinds, spec.gates, spec.features
        self.timeframes_ns: tuple[int, ...] = (settings.timeframe_ns,)
        self.params = pack(spec.params, settings)
        self.states: Records = np.zeros(instruments, spec.state)
        self._signals: Records = np.empty(max(64, instruments), spec.signal)
        self._judge = None if spec.judge is None else spec.judge(settings)

    def on_bars(self, bars: Records, account: AccountView | None = None) -> Records:
        """SIGNAL rows for closed strategy bars, in order; valid until the next call."""
        if len(bars) > len(self._signals):
            self._signals = np.empty(2 * len(bars), self.spec.signal)
        signals = self._signals[: len(bars)]
        self.spec.drive(self.params, self.states, bars, signals)
        if self._judge is not None:
            self._judge.judge(signals)
        return signals


def pack(dtype: np.dtype[Any], settings: StrategySettings) -> Records:
    """Settings as a PARAMS[1] array: each field takes the setting of its own name."""
    params: Records = np.zeros(1, dtype)
    for field in dtype.names or ():
        value = getattr(settings, field, None)
        if value is None:
            raise ConfigError(f"{field} has no value")
        params[field] = value
    return params
