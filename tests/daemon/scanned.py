"""What the dashboard's tests show: one row with a symbol that would rather be markup."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from daemon.dashboard.source import LiveSource

EVIL = "<img src=x onerror=alert(1)>"
SECRET = "planted-" + "s" * 35  # a token, where one is needed
PATIENCE_S = 60.0  # for what happens at once unless it is broken, on a machine that compiles


def new_source(facts: dict[str, Any] | None = None) -> LiveSource:
    """One row; `facts` may change under it."""
    shown = facts if facts is not None else {"n": 0}
    return LiveSource(
        lambda: {
            "updated_at": "2026-07-27T10:31:00+05:30",
            "data": [{"instrument": EVIL}],
            "daemon": dict(shown),
        }
    )


def run(main: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner() as runner:
        return runner.run(asyncio.wait_for(main, PATIENCE_S))
