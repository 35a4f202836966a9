"""The broker's kill switch: a segment that is switched off takes no order for twelve hours.

All or nothing, and only with flat positions. Market time.
"""

from typing import Any

from core.session import MINUTE_NS
from sandbox.answers import Json, Refused
from sandbox.market.world import MS_NS
from sandbox.orders.bulk import SEGMENTS
from sandbox.orders.desk import KILLED, Desk

COOLING_NS = 12 * 60 * MINUTE_NS


class KillSwitch:
    """That of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._since_ms: dict[str, int] = {}

    def rows(self) -> list[Json]:
        return [
            {
                "segment": one,
                "segment_status": "INACTIVE" if one in self._since_ms else "ACTIVE",
                "kill_switch_enabled": one in self._since_ms,
            }
            for one in SEGMENTS
        ]

    def change(self, body: Any) -> list[Json]:
        """`[{segment, action}]`; DISABLE engages the switch. Raises Refused and changes nothing."""
        asked = self._asked(body)
        off = [segment for segment, action in asked.items() if action == "DISABLE"]
        on = [segment for segment, action in asked.items() if action == "ENABLE"]
        positions = self._desk.account.positions.values()
        if any(one.net and one.listing.segment in off for one in positions):
            raise Refused(400, "UDAPI1184", "Close open positions before disabling the segment")
        now_ms = self._desk.floor.now_ms
        cooling = [one for one in on if now_ms < self._ends_ms(one)]
        if cooling:
            raise Refused(400, "UDAPI1185", f"{cooling[0]} can be enabled 12 hours after it ended")
        for segment in off:
            self._since_ms.setdefault(segment, now_ms)
        for segment in on:
            self._since_ms.pop(segment, None)
        self._desk.blocked_segments = set(self._since_ms)
        for order in self._desk.working():
            if order.terms.listing.segment in off:
                self._desk.drop(order, KILLED)
        return self.rows()

    def _ends_ms(self, segment: str) -> int:
        since_ms = self._since_ms.get(segment)
        return 0 if since_ms is None else since_ms + COOLING_NS // MS_NS

    def _asked(self, body: Any) -> dict[str, str]:
        rows = body if isinstance(body, list) else []
        asked = {
            str(row.get("segment")): str(row.get("action")) for row in rows if isinstance(row, dict)
        }
        if not asked or not set(asked) <= set(SEGMENTS):
            raise Refused(400, "UDAPI1186", "Invalid segment")
        if not set(asked.values()) <= {"ENABLE", "DISABLE"}:
            raise Refused(400, "UDAPI1186", "action must be ENABLE or DISABLE")
        return asked
