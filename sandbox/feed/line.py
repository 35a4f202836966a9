"""The feed's side of one WebSocket: market info first, then what the subscriber asks for.

Frames are sent at the edges of slots in market time; nothing is skipped, so a client that reads
late is told late and misses nothing, unless a fault says so.
"""

from collections.abc import Callable

from starlette.websockets import WebSocket

from sandbox.faults import kinds
from sandbox.faults.schedule import MS_NS
from sandbox.faults.spoilt_frames import Spoiler
from sandbox.feed.subscriber import Subscriber, market_info
from sandbox.market.exchange import Exchange, Phases
from sandbox.market.world import SLOT_MS

MAX_REQUEST_BYTES = 1 << 20
ABORT = "sandbox.abort"  # in the scope: cuts the line without a closing handshake
DEAFEN = "sandbox.deafen"  # in the scope: reads nothing any more
CLOSE_AFTER_MS = 60_000
GHOST_LAG_MS = 1_000


class FeedLine:
    """One connection.

    Args:
        number: counts connections; what is drawn belongs to it.
        ghost: the subscriptions of the connection before.
        answered: called when a request has been dealt with.
    """

    def __init__(
        self,
        websocket: WebSocket,
        exchange: Exchange,
        number: int,
        ghost: Subscriber | None,
        *,
        answered: Callable[[], None],
    ) -> None:
        self._websocket = websocket
        self._exchange = exchange
        self._faults = exchange.faults
        self._ghost = ghost
        self._answered = answered
        self._spoiler = Spoiler(exchange.faults, number)
        self._told: Phases | None = None
        self.subscriber = Subscriber(exchange.quotes, self._faults, number)

    async def obey(self) -> None:
        """Do what is asked, until the client is gone."""
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            asked = message.get("bytes")  # a text frame is not honoured
            if asked and len(asked) <= MAX_REQUEST_BYTES:
                await self._answer(asked, self._exchange.now_ms())
                self._answered()

    async def _answer(self, asked: bytes, now_ms: int) -> None:
        if (refusal := self.subscriber.refusal(asked, now_ms)) is not None:
            await self._websocket.send_text(refusal)
            return
        snapshot = self.subscriber.request(asked, now_ms)
        if snapshot is None or self._faults.on(kinds.MUTE, now_ms):
            return
        for _ in range(round(self._faults.amount(kinds.REPEAT_SNAPSHOT, now_ms) or 1)):
            await self._websocket.send_bytes(snapshot)

    async def tell(self) -> None:
        """Tell what happens, slot by slot, until a fault ends it."""
        exchange, faults = self._exchange, self._faults
        opened_ms = slot_ms = exchange.now_ms() // SLOT_MS * SLOT_MS
        while not await self._has_ended(opened_ms, slot_ms):
            if not faults.on(kinds.MUTE, slot_ms):
                for frame in self._frames(opened_ms, slot_ms):
                    await self._websocket.send_bytes(frame)
            slot_ms += SLOT_MS
            late_ms = round(1e3 * (faults.amount(kinds.LAG, slot_ms) or 0.0))
            await exchange.clock.sleep_until((slot_ms + late_ms) * MS_NS)

    def _frames(self, opened_ms: int, slot_ms: int) -> list[bytes]:
        """What is sent in this slot."""
        frames = []
        phases = self._exchange.phases_at(slot_ms)
        if phases != self._told:
            self._told = phases
            frames.append(market_info(slot_ms, *phases))
        fresh = None
        pause_ms = round(1e3 * (self._faults.amount(kinds.CONFLATE, slot_ms) or 0.0))
        if pause_ms == 0 or slot_ms % pause_ms < SLOT_MS:
            fresh = self.subscriber.increment(slot_ms)
        frames += self._spoiler.frames(fresh, slot_ms)
        haunted_s = self._faults.amount(kinds.GHOST, slot_ms)
        if self._ghost and haunted_s and slot_ms < opened_ms + 1e3 * haunted_s:
            old = self._ghost.increment(slot_ms - GHOST_LAG_MS)
            frames += [] if old is None else [old]
        return frames

    async def _has_ended(self, opened_ms: int, slot_ms: int) -> bool:
        """Whether a fault ends the connection in this slot; then it has."""
        faults, age_ms = self._faults, slot_ms - opened_ms
        drop_s, code = faults.amount(kinds.DROP, slot_ms), faults.word(kinds.CLOSE, slot_ms)
        expired_ms = faults.since_ms(kinds.EXPIRE, slot_ms)
        if (drop_s is not None and age_ms >= 1e3 * drop_s) or (
            expired_ms is not None and opened_ms < expired_ms
        ):
            self._websocket.scope[ABORT]()
        elif code is not None and age_ms >= CLOSE_AFTER_MS:
            await self._websocket.close(int(code))
        elif faults.on(kinds.FREEZE, slot_ms):
            self._websocket.scope[DEAFEN]()
        else:
            return False
        return True
