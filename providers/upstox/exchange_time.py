"""What time it is at an exchange that has a time of its own: a local one, on its own day.

Asks the market feed, whose every frame says when it was sent. Not for the broker, whose time is the
host's.
"""

from collections.abc import Awaitable, Callable

from google.protobuf.message import DecodeError
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from core.errors import ConnectionLost, ProtocolViolation
from providers.upstox.line import Dial, dialled, lost_because
from providers.upstox.plain import EARLIEST_MS, LATEST_MS, MS_NS
from providers.upstox.schema import FeedResponse


async def exchange_now_ns(address: Callable[[], Awaitable[str]], dial: Dial = dialled) -> int:
    """By the first frame of a connection, which comes unasked. Raises BrokerError."""
    try:
        async with dial(await address()) as socket:
            frame = await socket.recv()
    except (ConnectionClosed, InvalidHandshake, InvalidURI, OSError) as error:
        raise ConnectionLost(f"market feed: {lost_because(error)}") from error
    try:
        sent_ms = FeedResponse.FromString(frame).currentTs
    except (DecodeError, TypeError) as error:
        raise ProtocolViolation("market feed: its first frame is none") from error
    if not EARLIEST_MS < sent_ms < LATEST_MS:
        raise ProtocolViolation(f"market feed: sent at {sent_ms} ms")
    return int(sent_ms) * MS_NS
