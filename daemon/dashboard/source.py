"""Where the page's facts come from: the seam between the daemon's tasks and its dashboard.

Nothing is built before somebody looks, so a dashboard without visitors costs one counter.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol


class Source(Protocol):
    """What the dashboard asks of the daemon."""

    @property
    def version(self) -> int:
        """Grows whenever `snapshot` would answer differently."""

    def snapshot(self) -> dict[str, Any]:
        """JSON values: "data" (runner_state rows), "daemon" (facts), "updated_at" (ISO).

        Made anew each time; the rows stand for the same things in the same order.
        """

    async def changed(self, after: int) -> int:
        """The version, as soon as it is over `after`."""


class DayQueries(Protocol):
    """What the page may ask of the day that is shown. Every answer is JSON rows, bounded in number.

    Asked on the loop, answered elsewhere. Raises StoreFailed.
    """

    def knows(self, instrument: str) -> bool:
        """Whether this is the symbol or the key of a configured instrument."""

    async def bars(self, instrument: str) -> list[dict[str, object]]:
        """The 1m bars of the day so far."""

    async def decisions(self, instrument: str) -> list[dict[str, object]]:
        """The decided strategy bars of the day so far, with their gates."""

    async def table(self, view: str) -> list[dict[str, object]]:
        """ "orders", "trades" or "positions"."""

    async def certificates(self) -> list[dict[str, object]]:
        """The last closed days, newest first, with their verdicts."""

    async def certificate(self, day: int) -> dict[str, object] | None:
        """The certificate of a day; None where there is none."""


class LiveSource:
    """The Source of a running daemon: `build` answers, `touch` says that the answer changed.

    Only for the loop it was made for; `touch` is cheap enough for every frame of a feed.
    """

    def __init__(self, build: Callable[[], dict[str, Any]]) -> None:
        self._build = build
        self._version = 0
        self._touched = asyncio.Event()

    @property
    def version(self) -> int:
        return self._version

    def touch(self) -> None:
        self._version += 1
        self._touched.set()

    def snapshot(self) -> dict[str, Any]:
        return self._build()

    async def changed(self, after: int) -> int:
        while self._version <= after:
            self._touched.clear()
            await self._touched.wait()
        return self._version
