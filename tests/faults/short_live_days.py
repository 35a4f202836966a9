"""Live days of five minutes, watched: the hours of that Muhurat day cut short, at both ends.

The broker's own times move with them, so that a day holds entries, exits and its square-off.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from core.session import SECOND_NS
from core.session_table import SPECIAL_DAYS
from sandbox.orders import entry_rules, hours
from tests.daemon.live_day import Kill, LiveDay, Script, Stage, live_day, nothing
from tests.faults.live_watch import Watch, violations

HOURS = ("13:45", "13:50")
TIMES = "every=2 time_stop_bars=1 last_entry_minutes=2 square_off_minutes=1".split()


def shorten_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """For one test: the broker takes entries until 13:48:30 and closes positions at 13:49:15."""
    special = SPECIAL_DAYS["2025-10-21"]
    monkeypatch.setitem(SPECIAL_DAYS, "2025-10-21", special._replace(parts=(HOURS,)))
    monkeypatch.setattr(entry_rules, "NO_NEW_INTRADAY_NS", 90 * SECOND_NS)
    monkeypatch.setattr(hours, "SQUARE_OFF_NS", 45 * SECOND_NS)


def watched_day(
    folder: Path,
    *faults: str,
    kills: Sequence[Kill] = (),
    script: Script = nothing,
    assignments: Sequence[str] = (),
    token: Callable[[int], str] = lambda now_ns: "given",
    order_host: str | None = None,
) -> LiveDay:
    """The day to its end; raises AssertionError with all that is wrong with it."""
    watch = Watch()

    async def both(stage: Stage) -> None:
        watch.begin(stage)
        await script(stage)

    day = live_day(
        folder,
        *faults,
        kills=kills,
        script=both,
        assignments=[*TIMES, *assignments],
        token=token,
        order_host=order_host,
    )
    wrong = list(violations(day, watch))
    assert wrong == [], "\n".join([*wrong, *told(day)])
    assert day.outcome.complete
    return day


def told(day: LiveDay) -> list[str]:
    """What a person needs to see of a day that went wrong."""
    log = [str(one) for one in day.log if one["log_level"] in ("warning", "error")]
    tape = [
        f"{one.time_ms} {one.order.terms.tag} {one.quantity} at {one.price_paise}"
        for one in day.tape
    ]
    return [*log[:40], *tape]
