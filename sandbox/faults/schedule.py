"""Which faults are on at a moment, and how a person asks for them: NAME[=VALUE][@FROM[-TO]].

Times are of the market's day, so a schedule is the same at any speed. Decides no behaviour: code
that can misbehave asks whether it shall.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from core.errors import ConfigError
from core.session import DAY_NS, IST_OFFSET_NS, ist_day
from sandbox.faults.kinds import CATALOGUE, Amount, Kind, Word

MS_NS = 1_000_000
DAY_MS, IST_OFFSET_MS = DAY_NS // MS_NS, IST_OFFSET_NS // MS_NS
GRAMMAR = re.compile(r"([^=@]+)(?:=([^@]*))?(?:@([\d:]+)(?:-([\d:]+))?)?")
TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One that was asked for; `from_ms` to `to_ms` of every day, in IST."""

    kind: Kind
    amount: float = 0.0
    word: str = ""
    from_ms: int = 0
    to_ms: int = DAY_MS


class Faults:
    """All that were asked for; the same seed draws the same.

    Args:
        asked: where two of a kind are on at once, the first counts.
    """

    def __init__(self, asked: Iterable[Fault] = (), seed: int = 0) -> None:
        self._seed = seed
        self._asked: dict[str, list[Fault]] = {}  # by name
        for fault in asked:
            self._asked.setdefault(fault.kind.name, []).append(fault)
        self._taken: Counter[Fault] = Counter()

    def at(self, kind: Kind, at_ms: int) -> Fault | None:
        """The fault of this kind that is on at a moment (epoch)."""
        if kind.name not in self._asked:  # asked for many times with every frame
            return None
        of_day_ms = (at_ms + IST_OFFSET_MS) % DAY_MS
        asked = self._asked[kind.name]
        return next((one for one in asked if one.from_ms <= of_day_ms < one.to_ms), None)

    def on(self, kind: Kind, at_ms: int) -> bool:
        return self.at(kind, at_ms) is not None

    def amount(self, kind: Kind, at_ms: int) -> float | None:
        """None while it is off."""
        fault = self.at(kind, at_ms)
        return None if fault is None else fault.amount

    def word(self, kind: Kind, at_ms: int) -> str | None:
        """None while it is off."""
        fault = self.at(kind, at_ms)
        return None if fault is None else fault.word

    def take(self, kind: Kind, at_ms: int) -> bool:
        """Whether it happens once more; its amount says how often it does."""
        fault = self.at(kind, at_ms)
        if fault is None or self._taken[fault] >= fault.amount:
            return False
        self._taken[fault] += 1
        return True

    def since_ms(self, kind: Kind, at_ms: int) -> int | None:
        """When it was switched on today (epoch); None while it is off."""
        fault = self.at(kind, at_ms)
        midnight_ms = ist_day(at_ms * MS_NS) * DAY_MS - IST_OFFSET_MS
        return None if fault is None else midnight_ms + fault.from_ms

    def of(self, kind: Kind) -> Sequence[Fault]:
        """Whenever they are on."""
        return self._asked.get(kind.name, ())

    def random(self, *parts: object) -> np.random.Generator:
        """A generator that belongs to the seed and `parts` alone."""
        text = "|".join(map(str, (self._seed, *parts)))
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


NO_FAULTS = Faults()


# --- as it is typed ------------------------------------------------------------------------------


def fault_of(text: str) -> Fault:
    """Raises ConfigError with the nearest name, or with what may be said."""
    found = GRAMMAR.fullmatch(text)
    if found is None:
        raise ConfigError(f"fault {text}: NAME[=VALUE][@FROM[-TO]] is wanted, e.g. drop=60@10:15")
    name, value, begins, ends = found.groups()
    kind = CATALOGUE.get(name)
    if kind is None:
        near = get_close_matches(name, CATALOGUE, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"unknown fault {name}; {hint}`--fault list` tells them all")
    amount, word = _value(kind, value)
    from_ms = 0 if begins is None else _of_day_ms(text, begins)
    to_ms = DAY_MS if ends is None else _of_day_ms(text, ends)
    if to_ms <= from_ms:
        raise ConfigError(f"fault {text}: it ends before it begins")
    return Fault(kind, amount, word, from_ms, to_ms)


def _value(kind: Kind, text: str | None) -> tuple[float, str]:
    match kind.value:
        case None:
            if text is not None:
                raise ConfigError(f"fault {kind.name} takes no value, not {text!r}")
            return 0.0, ""
        case Amount(default, unit, least, most):
            try:
                amount = default if text is None else float(text)
            except ValueError:
                amount = float("nan")
            if not least <= amount <= most:
                limits = f"{least:g} and {most:g} {unit}".strip()
                raise ConfigError(f"fault {kind.name}: {text!r} is not between {limits}")
            return amount, ""
        case Word(default, offered):
            word = default if text is None else text
            if offered and word not in offered:
                near = get_close_matches(word, offered, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ConfigError(
                    f"fault {kind.name}: {word!r} is not one of {', '.join(offered)}{hint}"
                )
            return 0.0, word


def _of_day_ms(text: str, clock: str) -> int:
    found = TIME.fullmatch(clock)
    if found is None:
        raise ConfigError(f"fault {text}: {clock!r} is no time of day, e.g. 10:15 or 10:15:30")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000


def catalogue_lines() -> list[str]:
    """Every fault with its default value, its field reports and what it does."""
    return [f"{_typed(one):<26} {one.reports:<7} {one.says}" for one in CATALOGUE.values()]


def _typed(kind: Kind) -> str:
    match kind.value:
        case None:
            return kind.name
        case Amount(default, unit):
            return f"{kind.name}={default:g}" + (f" ({unit})" if unit else "")
        case Word(default, offered, told):
            return f"{kind.name}={default or told or offered[0]}"
