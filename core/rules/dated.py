"""The rules in force on given days, as the arrays kernels read: charges and tick tables."""

from collections.abc import Sequence

import numpy as np

from core.rules.fees import FeeProfile, fee_change_days, fill_fee_rules
from core.rules.ticks import fill_tick_rules, tick_change_days
from core.types import DAY_RULES, Records


def day_rules(days: Sequence[int], *, profile: FeeProfile, fee_bps: float) -> Records:
    """One DAY_RULES row per day (days since 1970-01-01)."""
    changes = np.array(sorted({*fee_change_days(), *tick_change_days()}))
    rows: Records = np.zeros(len(changes), DAY_RULES)
    for i, day in enumerate(changes):
        fill_fee_rules(rows[i : i + 1], day=int(day), profile=profile, fee_bps=fee_bps)
        fill_tick_rules(rows[i : i + 1], day=int(day))
    in_force: Records = rows[np.searchsorted(changes, np.asarray(days), "right") - 1]
    return in_force
