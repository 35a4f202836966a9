"""Whom the orders of `run` go to: the host of orders beside the one that data are asked of.

Nobody, in any mode but live.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.ports import Clock
from daemon.config import Configuration
from daemon.consent.readiness import AtBroker
from daemon.plan import LIVE, OpenOrders
from daemon.upstox.orders import UpstoxOrders
from daemon.upstox.source import Venue
from providers.upstox.rest import UpstoxRest


@asynccontextmanager
async def ordering(
    configured: Configuration,
    venue: Venue,
    rest: UpstoxRest,
    *,
    api: str,
    orders_at: str,
    clock: Clock | None = None,
) -> AsyncIterator[tuple[AtBroker | None, OpenOrders | None]]:
    """Whom orders go to and what opens a day of them, in mode live; else nobody is there to ask.

    Args:
        rest: as the source asks, whose windows the reads of orders share.
        clock: that the exchange's is held against; None: it goes by ours.
    """
    live, brakes = configured.settings.live, configured.settings.brakes
    if configured.settings.mode != LIVE:
        yield None, None
        return
    calls = rest.beside(orders_at)
    try:
        yield (
            AtBroker(calls=calls, reads=rest, api=api, account=live.account, clock=clock),
            UpstoxOrders(
                calls, rest, limits=live.limits(brakes), now_s=venue.now_s, sleep=venue.sleep
            ),
        )
    finally:
        await calls.close()
