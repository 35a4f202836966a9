"""The promotion gate: what a run has to show before its settings may become a configuration.

All limits are in this file. Whoever promotes may ask for more; asking for less has to be said, and
is written into the evidence. A figure without a value passes no check.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.errors import ConfigError
from strategies.table import nearest


@dataclass(frozen=True, slots=True)
class Limit:
    """`figure` of the evidence must be at least `value`, or at most.

    `or_at_most`: another figure and value that will do instead.
    """

    figure: str
    value: float
    at_least: bool
    why: str
    or_at_most: tuple[str, float] | None = None

    @property
    def sign(self) -> str:
        return ">=" if self.at_least else "<="

    def holds(self, found: float) -> bool:
        return found >= self.value if self.at_least else found <= self.value


LIMITS = (
    Limit("deflated_sharpe", 0.95, True, "the Sharpe ratio is above 0, given how many were tried"),
    Limit(
        # At 0.5 the choice says nothing of the other half. On a plateau, where any set would do,
        # ranks are luck and this figure is about a half whatever the edge is: so it will do if
        # what was chosen hardly ever lost.
        "probability_of_overfitting",
        0.5,
        False,
        "the best of one half of the sessions is above the median in the other",
        ("probability_of_loss", 0.05),
    ),
    Limit("trades", 50, True, "a mean over so few trades holds"),
    Limit("track_record", 1.0, True, "the record is long enough for its Sharpe ratio, at 95%"),
    Limit("bootstrap_return", 0.0, True, "all but one path in twenty gain"),
    Limit("probability_of_ruin", 0.01, False, "half of the cash is hardly ever lost"),
    Limit("p_value", 0.05, False, "the entries are better than random ones with the same exits"),
    Limit("efficiency", 0.5, True, "out of sample keeps half of what was earned in sample"),
)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the verdict. `instead`: the value of the limit's other figure, if it has one.

    `usual`: the limit of this file, where a laxer one was asked for.
    """

    limit: Limit
    value: float | None
    instead: float | None = None
    usual: float | None = None

    @property
    def passed(self) -> bool:
        return (self.value is not None and self.limit.holds(self.value)) or self.is_spared

    @property
    def is_spared(self) -> bool:
        """Whether the other figure will do."""
        other = self.limit.or_at_most
        return other is not None and self.instead is not None and self.instead <= other[1]

    def told(self) -> dict[str, object]:
        """Plain JSON, as it goes into the evidence."""
        limit = f"{self.limit.sign} {self.limit.value:.12g}"
        if self.limit.or_at_most is not None:
            figure, most = self.limit.or_at_most
            limit += f" or {figure} <= {most:.12g}"
        told: dict[str, object] = {
            "figure": self.limit.figure,
            "value": self.value,
            "limit": limit,
            "passed": self.passed,
        }
        if self.usual is not None:
            told["loosened_from"] = self.usual
        return told


def judged(evidence: Mapping[str, Any], limits: Sequence[Limit] = LIMITS) -> list[Check]:
    """Every check, in the order of `limits`; granted if all of them passed."""
    usual = {one.figure: one for one in LIMITS}
    return [
        Check(
            limit,
            _figure(evidence, limit.figure),
            None if limit.or_at_most is None else _figure(evidence, limit.or_at_most[0]),
            usual[limit.figure].value if _laxer(limit, usual[limit.figure]) else None,
        )
        for limit in limits
    ]


def granted(checks: Iterable[Check]) -> bool:
    return all(one.passed for one in checks)


def limits_of(stricter: Mapping[str, float], laxer: Mapping[str, float]) -> list[Limit]:
    """LIMITS with other values. Raises ConfigError for one that is not what it is said to be."""
    changed = {one.figure: one for one in LIMITS}
    for option, changes in (("--limit", stricter), ("--loosen", laxer)):
        for figure, value in changes.items():
            if figure not in changed:
                raise ConfigError(f"{option} {figure}: {nearest(figure, list(changed))}")
            usual = changed[figure]
            changed[figure] = replace(usual, value=value)
            if option == "--limit" and _laxer(changed[figure], usual):
                raise ConfigError(
                    f"--limit {figure}={value:.12g} asks for less than the gate does"
                    f" ({usual.sign} {usual.value:.12g}): --loosen says so, and the evidence too"
                )
    return list(changed.values())


def _figure(evidence: Mapping[str, Any], figure: str) -> float | None:
    if figure != "track_record":
        value = evidence.get(figure)
        return None if value is None else float(value)
    needed = evidence.get("min_track_record")
    return None if needed is None else evidence["sessions"] / needed


def _laxer(one: Limit, than: Limit) -> bool:
    return one.value < than.value if than.at_least else one.value > than.value
