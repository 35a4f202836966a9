"""The table of `make bench`: medians over the rounds, and ratios taken inside each round.

Knows the goals (performance.md) and which peer each is stated against. Reports whether a goal was
met and whether the answers agree; decides nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from types import MappingProxyType
from typing import NamedTuple

from benchmarks.measured import Measurement


class Result(NamedTuple):
    """One case in one round; `measurement` None: it failed."""

    work: str
    who: str
    peer: bool
    round: int
    measurement: Measurement | None


class Goal(NamedTuple):
    """What performance.md asks of one line."""

    peer: str = ""  # ratios and memory are compared with it, in the same round
    ratio: float = 0.0
    less_memory: bool = False
    limits: Mapping[str, float] = MappingProxyType({})  # by name of a figure
    beside: Mapping[str, tuple[str, float]] = MappingProxyType({})  # at most this x that of a peer


NAUTILUS, DUCKDB, BARE = "NautilusTrader", "duckdb executemany", "duckdb, bare arrays"
SDK = "Upstox SDK 2.30.0"
ALPHALENS = "alphalens, full path"
VECTORBT, QUANTSTATS = "vectorbt", "quantstats"
POLARS, PANDAS = "polars truncate", "pandas, growing buffer"

# By the first words of a work and by who does it. The absolute figures of performance.md stand as
# ratios of the figures beside them there: an absolute figure is not stable, a ratio is.
GOALS = {
    ("W1", "tradingd event"): Goal(NAUTILUS, 10.0, less_memory=True),
    ("W1", "tradingd compiled"): Goal(NAUTILUS, 600.0, less_memory=True),
    ("Search", "tradingd"): Goal(limits={"ns_per_bar": 1e9 / 30e6}),
    ("W2 1m", "tradingd, 1 thread"): Goal(VECTORBT, 90.0, limits={"memory_mb": 400.0}),
    ("W2 15m", "tradingd, 1 thread"): Goal(VECTORBT, 70_000 / 840, limits={"memory_mb": 400.0}),
    ("W3 in memory", "tradingd, 1 thread"): Goal(POLARS, 120 / 65),
    ("W3 from Parquet", "tradingd, load and resample"): Goal(POLARS, 15 / 15.6),
    ("W3 live", "tradingd, 1m to 15m"): Goal(PANDAS, 5_000 / 13),
    ("W4b", "tradingd"): Goal(DUCKDB, 500 / 3.1, beside={"flush_p99_ms": (BARE, 3.0 / 2.2)}),
    ("W4a 50", "tradingd"): Goal(SDK, 900 / 27),
    ("W4a 1", "tradingd"): Goal(SDK, 450 / 25),
    ("W5 50", "tradingd"): Goal(SDK, 400 / 27),
    ("W5 1", "tradingd"): Goal(SDK, 120 / 23),
    ("W5 live", "50 a message, 160/s"): Goal(limits={"socket_p99_ms": 0.5}),
    ("W5 live", "2,000 a message, 4/s"): Goal(limits={"behind_at_end_ms": 250.0}),
    ("W6", "tradingd, 1 thread"): Goal(ALPHALENS, 300_000 / 701, less_memory=True),
    ("Lag", "tradingd"): Goal(limits={"p99_ms": 20.0}),
    ("Halt", "tradingd"): Goal(limits={"p99_ms": 250.0}),
    ("W7", "tradingd"): Goal(QUANTSTATS, 170 / 8),
    ("W8", "default limits"): Goal(limits={"closing_p50_ms": 5.0, "closing_p99_ms": 25.0}),
}
HEAD = ("work", "who", "rate/s", "x peer", "peak MB", "prepared s", "answers", "goal", "figures")


def table(results: Sequence[Result]) -> str:
    """Markdown, one line for each who of each work, in the order of the first round."""
    rows = [row(results, work, who) for work, who in _lines(results)]
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    return "\n".join([*lines, *("| " + " | ".join(one) + " |" for one in rows)])


def row(results: Sequence[Result], work: str, who: str) -> tuple[str, ...]:
    mine = [one.measurement for one in results if (one.work, one.who) == (work, who)]
    good = [one for one in mine if one is not None]
    if not good:
        return (work, who, "failed", *[""] * (len(HEAD) - 3))
    ratio = ratio_of(results, work, who)
    return (
        work,
        who,
        _short(median(one.per_second for one in good)),
        "" if ratio is None else f"{ratio:.3g}",
        f"{max(one.peak_mb for one in good):.0f}",
        f"{median(one.prepare_seconds for one in good):.2f}",
        answers(results, work, good[0]),
        verdict(results, work, who),
        ", ".join(f"{name} {value:.3g}" for name, value in _figures(good).items()),
    )


def ratio_of(results: Sequence[Result], work: str, who: str) -> float | None:
    """Median over the rounds of the rate against the reference peer in the same round."""
    rates = {
        (one.who, one.round): one.measurement.per_second
        for one in results
        if one.work == work and one.measurement is not None
    }
    peer = reference_of(work)
    pairs = [
        (rate, rates[peer, round_])
        for (name, round_), rate in rates.items()
        if name == who and (peer, round_) in rates
    ]
    return median(mine / theirs for mine, theirs in pairs) if pairs else None


def reference_of(work: str) -> str:
    """The peer that goals of `work` are stated against; empty where there is none."""
    return next((goal.peer for (begin, _), goal in GOALS.items() if work.startswith(begin)), "")


def answers(results: Sequence[Result], work: str, mine: Measurement) -> str:
    """`same`, or every check that differs from the reference peer's."""
    peer = reference_of(work)
    theirs = next(
        (r.measurement for r in results if (r.work, r.who) == (work, peer) and r.measurement), None
    )
    if theirs is None or not mine.checks:
        return ""
    shared = theirs.checks.keys() & mine.checks.keys()
    if not shared:
        return "other"
    differing = [
        f"{name} {mine.checks[name]:.10g}"
        for name in mine.checks
        if name in shared and not _agree(mine.checks[name], theirs.checks[name])
    ]
    return "same" if not differing else "not: " + ", ".join(differing)


def verdict(results: Sequence[Result], work: str, who: str) -> str:
    """What the goal asks and whether it was met; empty without a goal."""
    goal = next((g for (w, n), g in GOALS.items() if work.startswith(w) and n == who), None)
    if goal is None:
        return ""
    mine = _good(results, work, who)
    told = []
    if goal.ratio:
        ratio = ratio_of(results, work, who)
        told.append(_told(f">= {goal.ratio:.3g}x", ratio is not None and ratio >= goal.ratio))
    if goal.less_memory and (theirs := _good(results, work, goal.peer)):
        limit = max(one.peak_mb for one in theirs)
        told.append(_told("memory", max(one.peak_mb for one in mine) <= limit))
    for name, limit in goal.limits.items():
        told.append(_told(f"{name} <= {limit:g}", _figures(mine)[name] <= limit))
    for name, (peer, factor) in goal.beside.items():
        theirs = _good(results, work, peer)
        met = bool(theirs) and _figures(mine)[name] <= factor * _figures(theirs)[name]
        told.append(_told(f"{name} <= {factor:.3g}x {peer}", met))
    return ", ".join(told)


def as_json(results: Sequence[Result]) -> dict[str, object]:
    """Every measurement of every round, and the lines of the table."""
    return {
        "rounds": [
            {
                "work": one.work,
                "who": one.who,
                "round": one.round + 1,
                "measured": None if one.measurement is None else asdict(one.measurement),
            }
            for one in results
        ],
        "table": [dict(zip(HEAD, row(results, *line), strict=True)) for line in _lines(results)],
    }


def _lines(results: Sequence[Result]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((one.work, one.who) for one in results))


def _good(results: Sequence[Result], work: str, who: str) -> list[Measurement]:
    return [
        one.measurement
        for one in results
        if (one.work, one.who) == (work, who) and one.measurement is not None
    ]


def _figures(rounds: Sequence[Measurement]) -> dict[str, float]:
    return {name: median(one.figures[name] for one in rounds) for name in rounds[0].figures}


def _agree(mine: float, theirs: float) -> bool:
    """Sums of millions of floats may be added in another order."""
    return abs(mine - theirs) <= 1e-9 * max(abs(mine), abs(theirs))


def _told(goal: str, met: bool) -> str:
    return f"{goal} {'met' if met else 'MISSED'}"


def _short(rate: float) -> str:
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if rate >= size:
            return f"{rate / size:.3g}{unit}"
    return f"{rate:.3g}"
