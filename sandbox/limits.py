"""How often one may ask: three windows, as the broker counts them.

A window slides: whether the broker's are fixed or sliding is not documented, and a client that
respects the stricter reading respects both.
"""

from collections import deque
from collections.abc import Mapping

# Requests by window in seconds.
STANDARD: Mapping[int, int] = {1: 50, 60: 500, 1_800: 2_000}
# Order calls of an algorithm that is not registered with the exchange.
ORDERS: Mapping[int, int] = {1: 10, 60: 500, 1_800: 2_000}


class Windows:
    """The requests of one user, by real time: a limit protects a server, not a market."""

    def __init__(self, allowed: Mapping[int, int]) -> None:
        self._allowed = dict(allowed)
        self._asked: deque[float] = deque(maxlen=max(allowed.values()))

    def take(self, now_s: float) -> bool:
        """Count a request; False: one too many, and not counted."""
        asked = self._asked
        for window_s, count in self._allowed.items():
            if len(asked) >= count and now_s - asked[-count] < window_s:
                return False
        asked.append(now_s)
        return True
