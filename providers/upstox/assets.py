"""The broker's files of instruments: asked for when they may have changed, taken whole or not.

Needs no token. Never follows where an answer leads, and reads no more than a list can be long.
"""

from typing import NamedTuple

import httpx

from core.errors import ConnectionLost, ProtocolViolation
from providers.upstox.master_rows import MAX_PACKED_BYTES

ASSETS = "https://assets.upstox.com"
PATH = "/market-quote/instruments/exchange/{}.json.gz"
MASTER, INTRADAY = "NSE", "NSE_MIS"  # what is listed, and what of it may be traded intraday
LISTS = (MASTER, INTRADAY)
TIMEOUT_S = 20.0


class Fetched(NamedTuple):
    """A file as it was served; `tag` says which version it is, "" if that was not told."""

    packed: bytes
    tag: str


class UpstoxAssets:
    """Where the broker keeps its files; `address` of the broker, or of a local exchange."""

    def __init__(self, address: str = ASSETS) -> None:
        self._client = httpx.AsyncClient(
            base_url=address,
            timeout=TIMEOUT_S,
            # A request without a User-Agent is turned away at the broker's gate; gzip is what the
            # files are, not how they are sent.
            headers={"user-agent": "tradingd", "accept-encoding": "identity"},
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def fetch(self, name: str, tag: str = "") -> Fetched | None:
        """The file of LISTS `name`; None: it is still the version `tag`.

        Raises ConnectionLost, ProtocolViolation.
        """
        path = PATH.format(name)
        asked = {"if-none-match": tag} if tag else {}
        try:
            async with self._client.stream("GET", path, headers=asked) as answer:
                if tag and answer.status_code == httpx.codes.NOT_MODIFIED:
                    return None
                if answer.status_code != httpx.codes.OK:
                    raise ConnectionLost(f"{path}: HTTP {answer.status_code}")
                packed = bytearray()
                async for part in answer.aiter_raw():
                    packed += part
                    if len(packed) > MAX_PACKED_BYTES:
                        raise ProtocolViolation(f"{path}: over {MAX_PACKED_BYTES} bytes")
                return Fetched(bytes(packed), answer.headers.get("etag", ""))
        except httpx.HTTPError as error:
            raise ConnectionLost(f"{path}: {type(error).__name__}") from error
