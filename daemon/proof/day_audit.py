"""After the close: the day's stored bars against the broker's candles of the whole day.

Counts, logs and corrects nothing. Asks for one instrument after the other, within the broker's
limits, and for no day but the one whose candles can still be asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.audit import BarAudit
from core.ports import Candles
from core.session import Session
from core.types import Instrument, Records
from daemon.intake.audit import CANDLES, tell_audit, tell_difference

MOST_INSTRUMENTS = 500  # of one evening: eight minutes within the half-hour's limit


@dataclass(frozen=True, slots=True)
class Witness:
    """What the process that played a day knows of it beyond the stores.

    `audits` is added to; `candles`: the broker's, of the running day; None: nobody has any.
    """

    day: int
    audits: dict[str, BarAudit]
    candles: Candles | None


async def audit_day(
    witness: Witness,
    bars: Records,
    instruments: Sequence[Instrument],
    sessions: Sequence[Session | None],
) -> None:
    """Hold `bars`, BAR rows as stored, against the candles. Raises BrokerError.

    Args:
        sessions: one per instrument.
    """
    if witness.candles is None:
        return
    audit = BarAudit()
    first = None
    for number, session in enumerate(sessions[:MOST_INSTRUMENTS]):
        if session is None:
            continue
        candles = await witness.candles.day(number)
        traded = np.array([session.contains(int(ns)) for ns in candles["open_ns"]], np.bool_)
        if traded.any():
            found = audit.compare(bars[bars["instrument"] == number], candles[traded])
            first = first or found
    witness.audits[CANDLES] = audit
    if first is not None:
        tell_difference(CANDLES, first, instruments, audit)
    tell_audit(CANDLES, audit)


def told(audits: Mapping[str, BarAudit]) -> dict[str, object]:
    """JSON values, as the report has them."""
    return {
        against: {
            "equal": audit.equal,
            "differ": audit.differ,
            "missing": audit.missing,
            "fields": {name: count for name, count in audit.fields.items() if count},
            "largest": {name: audit.largest[name] for name, n in audit.fields.items() if n},
        }
        for against, audit in audits.items()
        if audit.compared
    }


def lines(audits: Mapping[str, BarAudit]) -> list[str]:
    """For a person."""
    return [f"{name}: {audit.told()}" for name, audit in audits.items() if audit.compared]
