"""What goes wrong with the updates of one connection of the portfolio stream.

Pure: an update in, the updates to be told and when out. Knows no socket.
"""

from sandbox.answers import Json
from sandbox.faults import kinds
from sandbox.faults.schedule import Faults
from sandbox.orders.order import TERMINAL, Status

OPENED = (Status.OPEN, Status.TRIGGER_PENDING)


class SpoiltUpdates:
    """Remembers what it holds back."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._held: dict[str, list[Json]] = {}  # that it was opened, by order

    def told(self, row: Json, now_ms: int) -> list[Json]:
        """What is told instead of `row`."""
        faults = self._faults
        if faults.on(kinds.MUTE_UPDATES, now_ms):
            return []
        rows = [row]
        order_id, status = row.get("order_id"), row.get("status")
        if row["update_type"] == "order" and isinstance(order_id, str):
            opened = status in OPENED and not row["filled_quantity"]
            if opened and faults.on(kinds.LOST_ACK, now_ms):
                rows = []
            elif opened and faults.on(kinds.ACK_AFTER_FILL, now_ms):
                self._held.setdefault(order_id, []).append(row)
                rows = []
            elif status in TERMINAL:
                rows = [row, *self._held.pop(order_id, [])]
        return [one for one in rows for _ in range(self._times(now_ms))]

    def when_ms(self, now_ms: int) -> int:
        """When it is told."""
        late_s = self._faults.amount(kinds.LATE_UPDATES, now_ms)
        return now_ms + round((late_s or 0.0) * 1_000)

    def _times(self, now_ms: int) -> int:
        return 2 if self._faults.on(kinds.DOUBLE_UPDATES, now_ms) else 1
