"""A local exchange in a thread of its own, for tests of the command."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.session import at_ist
from sandbox.accounts import Accounts
from sandbox.server import Sandbox
from tests.sandbox.markets import DAY, HandClock, exchange_by


@contextmanager
def sandbox_at(clock_text: str = "12:00", day: int = DAY) -> Iterator[str]:
    """The address of an exchange whose clock stands still."""
    loop, clock = asyncio.new_event_loop(), HandClock(at_ist(day, clock_text))
    sandbox = Sandbox(exchange_by(clock), Accounts("given", clock.now_ns()))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result(30)
    finally:
        asyncio.run_coroutine_threadsafe(sandbox.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
