"""How many shares a signal is worth: rupees at risk first, then what capital allows."""

import numpy as np

from core.jit import kernel
from core.types import Row


@kernel
def quantity(
    close: float,
    atr: float,
    equity: float,
    exposure: float,
    limits: Row,
    terms: Row,
) -> float:
    """Whole shares for one entry (pixity.md 5 rule 7), as float64; below 1 is a refusal.

    floor(risk / (sl_mult * ATR)), then the equity, capital, quantity and notional caps, each
    evaluated in float64 exactly as written. An undefined or non-positive ATR gives 0.

    Units: close, atr, equity, exposure in rupees. `limits` is LIMITS, `terms` TERMS.
    """
    if not atr > 0.0:
        return 0.0
    shares = np.floor(terms.risk_per_trade / (terms.sl_mult * atr))
    shares = min(shares, np.floor(limits.leverage * equity / close))
    shares = min(shares, np.floor((limits.leverage * limits.max_capital - exposure) / close))
    shares = min(shares, limits.max_quantity)
    return float(min(shares, np.floor(limits.max_notional_per_order / close)))
