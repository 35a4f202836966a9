"""The frames that make up a day, read by a kernel: known instruments, `full` mode, nothing odd.

Reads a frame only if `wire.py` would take every trade in it as it stands; anything else (another
mode, a candle that is due, damage, a field that is not what it was) it declines, and then learns
nothing: protobuf's own decoder reads that frame. So what to trust is decided there, and a property
test holds the two side by side. An entry costs 2 us by protobuf's attributes and 0.2 us here.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.jit import kernel, routine
from core.session import DAY_NS, IST_OFFSET_NS, MINUTE_NS
from core.types import TICK, Int64s, Records, Row, record

Bytes = NDArray[np.uint8]

MS_NS = 1_000_000
MINUTE_MS = MINUTE_NS // MS_NS
DAY_MS, IST_OFFSET_MS = DAY_NS // MS_NS, IST_OFFSET_NS // MS_NS
EARLIEST_MS = 946_684_800_000  # 2000-01-01: an earlier time is no time
LATEST_MS = 4_102_444_800_000  # 2100-01-01
MAX_JUMP = 1_000_000  # of a day's volume between two frames, over doubling: more is looked at

DECLINED = -1
FREE = -1  # a slot without a key
KEY_BYTES = 64  # no key of a share is longer; a longer one is not found
MAX_VARINT_BYTES = 9  # 63 bits: what is longer is negative, or damage
MAX_TAG = 0x3FFF

# What is known of an instrument, by its number.
KNOWN = record(
    [
        ("name", "u1", (KEY_BYTES,)),
        ("length", "i8"),
        ("day_volume", "i8"),  # as last told; -1: not yet
        ("candle_ms", "i8"),  # when a completed minute not read yet is expected
        ("lacks_close", "i8"),  # the previous close is not told yet: it comes with a trade
    ]
)

# Wire types, and tags (field number << 3 | wire type) of what is read: see `schema.READ`.
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
TYPE, FEEDS, SENT = 0x08, 0x12, 0x18
KEY, VALUE, FULL_FEED, MARKET, INDEX = 0x0A, 0x12, 0x12, 0x0A, 0x12
LTPC, CANDLES, VOLUME, INDEX_CANDLES = 0x0A, 0x22, 0x30, 0x12
PRICE, TRADED, QUANTITY, CLOSE = 0x09, 0x10, 0x18, 0x21
OHLC, INTERVAL = 0x0A, 0x0A
OHLC_FIGURES, OPEN_MS = (0x11, 0x19, 0x21, 0x29, 0x30), 0x38  # four prices, volume
LETTER_I, DIGIT_1 = 0x49, 0x31  # the interval of the last completed minute
LIVE_FEED = 1

# Places of what an entry has told.
PRICE_BEGINS, TRADED_MS, LAST_QUANTITY, DAY_VOLUME, NEXT_CANDLE_MS, TOLD_PLACES = range(6)
ROW_BYTES = TICK.itemsize
PRICE_AT = 24  # of a row; tested


class PlainFrames:
    """Reads such frames of one connection, into rows of `ticks`.

    Args:
        keys: of the instruments numbered from `first` on.
        ticks: TICK[at least one for each key], overwritten by every frame, read or declined.
    """

    def __init__(self, keys: Sequence[str], first: int, connection: int, ticks: Records) -> None:
        self.known: Records = np.zeros(first + len(keys), KNOWN)
        self.known["day_volume"] = -1
        self.known["lacks_close"] = 1
        self._connection = connection
        self._slots: Int64s = np.full(1 << (2 * len(keys) + 1).bit_length(), FREE)
        self._ticks = ticks
        self._tick_bytes: Bytes = ticks.view(np.uint8)
        self._told: Int64s = np.zeros(TOLD_PLACES, np.int64)
        for number, key in enumerate(keys, first):
            name = np.frombuffer(key.encode(), np.uint8)
            if len(name) <= KEY_BYTES:
                self.known["name"][number, : len(name)] = name
                self.known["length"][number] = len(name)
                put_key(name, number, self._slots)

    def read(self, frame: bytes, recv_ns: int, seq: int) -> tuple[int, int]:
        """(rows filled, when it was sent in ms), or (DECLINED, 0)."""
        return read_frame(
            np.frombuffer(frame, np.uint8),
            self._slots,
            self.known,
            self._ticks,
            self._tick_bytes,
            self._told,
            self._connection,
            recv_ns,
            seq,
        )


@kernel
def read_frame(
    data: Bytes,
    slots: Int64s,
    known: Records,
    ticks: Records,
    tick_bytes: Bytes,
    told: Int64s,
    connection: int,
    recv_ns: int,
    seq: int,
) -> tuple[int, int]:
    """As `PlainFrames.read`; `told` is scratch."""
    at, count, entries, sent_ms = 0, 0, 0, 0
    due_ms, oldest_ms, youngest_ms = LATEST_MS, LATEST_MS, EARLIEST_MS
    while at < len(data):
        tag, value, at = field(data, at, len(data))
        if tag == FEEDS:
            number = read_entry(data, value, at, slots, known, told)
            if number == DECLINED or entries == len(ticks):
                return DECLINED, 0
            entries += 1
            row = known[number]
            if told[NEXT_CANDLE_MS] > row.candle_ms:
                due_ms = min(due_ms, row.candle_ms)
            if told[TRADED_MS] == 0:
                continue  # depth alone
            if row.lacks_close or not _follows(row.day_volume, told[DAY_VOLUME]):
                return DECLINED, 0
            oldest_ms = min(oldest_ms, told[TRADED_MS])
            youngest_ms = max(youngest_ms, told[TRADED_MS])
            tick = ticks[count]
            tick.instrument, tick.connection = number, connection
            tick.recv_ns, tick.seq = recv_ns, seq + count
            write_trade(tick, tick_bytes, count * ROW_BYTES, data, told)
            count += 1
        elif tag == SENT:
            sent_ms = value
        elif tag == TYPE:
            if value > LIVE_FEED:
                return DECLINED, 0
        elif tag >> 3 <= 4:  # damage, or the state of the market
            return DECLINED, 0
    today_ms = sent_ms - (sent_ms + IST_OFFSET_MS) % DAY_MS
    if not (EARLIEST_MS < sent_ms < due_ms and today_ms <= oldest_ms and youngest_ms < LATEST_MS):
        return DECLINED, 0
    for i in range(count):
        tick = ticks[i]
        row = known[tick.instrument]
        if tick.volume:
            row.day_volume = tick.volume
        tick.volume = row.day_volume
    return count, sent_ms


@kernel
def write_trade(tick: Row, tick_bytes: Bytes, begins: int, data: Bytes, told: Int64s) -> None:
    """What was told, into the row that begins at that byte."""
    tick.exch_ns = told[TRADED_MS] * MS_NS
    tick.quantity = told[LAST_QUANTITY] if told[LAST_QUANTITY] else -1
    tick.volume = told[DAY_VOLUME]
    tick.price = 0.0
    if told[PRICE_BEGINS] > 0:
        for i in range(8):
            tick_bytes[begins + PRICE_AT + i] = data[told[PRICE_BEGINS] + i]


@kernel
def _follows(before: int, volume: int) -> bool:
    """Whether a day's volume is nothing to look twice at; 0 is not told."""
    return volume == 0 or before <= volume <= 2 * before + MAX_JUMP


# --- one message of the feed each ----------------------------------------------------------------


@routine
def read_entry(data: Bytes, at: int, end: int, slots: Int64s, known: Records, told: Int64s) -> int:
    """An entry of the map: its instrument, or DECLINED; what it tells is in `told`."""
    number = FREE
    has_market = False
    told[:] = 0
    while at < end:
        tag, value, at = field(data, at, end)
        if tag == KEY and number == FREE:
            number = find_key(data, value, at, slots, known)
            if number == FREE:
                return DECLINED
        elif tag == VALUE:
            if not read_feed(data, value, at, told):
                return DECLINED
            has_market = True
        elif tag >> 3 <= 2:
            return DECLINED
    return number if has_market else DECLINED


@routine
def read_feed(data: Bytes, at: int, end: int, told: Int64s) -> bool:
    """What is told of an instrument: a share's or an index's feed in `full` mode."""
    kind = DECLINED
    while at < end:
        tag, value, at = field(data, at, end)
        if tag == FULL_FEED:
            full_at, full_end = value, at
            while full_at < full_end:
                tag, value, full_at = field(data, full_at, full_end)
                if tag != kind and kind != DECLINED:
                    return False
                kind = tag
                if tag == MARKET:
                    if not read_market(data, value, full_at, told):
                        return False
                elif tag != INDEX or not read_index(data, value, full_at, told):
                    return False
        elif tag >> 3 <= 3:
            return False
    return kind != DECLINED


@routine
def read_market(data: Bytes, at: int, end: int, told: Int64s) -> bool:
    while at < end:
        tag, value, at = field(data, at, end)
        if tag == LTPC:
            if not read_trade(data, value, at, told):
                return False
        elif tag == CANDLES:
            if not read_candles(data, value, at, told):
                return False
        elif tag == VOLUME:
            told[DAY_VOLUME] = value
        elif tag == DECLINED or tag >> 3 in (1, 4, 6):
            return False
    return True


@routine
def read_index(data: Bytes, at: int, end: int, told: Int64s) -> bool:
    while at < end:
        tag, value, at = field(data, at, end)
        if tag == LTPC:
            if not read_trade(data, value, at, told):
                return False
        elif tag == INDEX_CANDLES:
            if not read_candles(data, value, at, told):
                return False
        elif tag >> 3 <= 2:
            return False
    return True


@routine
def read_trade(data: Bytes, at: int, end: int, told: Int64s) -> bool:
    while at < end:
        tag, value, at = field(data, at, end)
        if tag == PRICE:
            told[PRICE_BEGINS] = value
        elif tag == TRADED:
            told[TRADED_MS] = value
        elif tag == QUANTITY:
            told[LAST_QUANTITY] = value
        elif tag == DECLINED or (tag >> 3 <= 4 and tag != CLOSE):
            return False
    return True


@routine
def read_candles(data: Bytes, at: int, end: int, told: Int64s) -> bool:
    while at < end:
        tag, value, at = field(data, at, end)
        if tag == OHLC:
            if not read_candle(data, value, at, told):
                return False
        elif tag >> 3 <= 1:
            return False
    return True


@kernel
def read_candle(data: Bytes, at: int, end: int, told: Int64s) -> bool:
    """Only whether it is a new one: then the other decoder reads it."""
    is_last_minute, open_ms = False, 0
    while at < end:
        tag, value, at = field(data, at, end)
        if tag == INTERVAL:
            for i in range(value, at):
                if data[i] >= 0x80:  # text that may be none
                    return False
            is_last_minute = (
                at - value == 2 and data[value] == LETTER_I and data[value + 1] == DIGIT_1
            )
        elif tag == OPEN_MS:
            open_ms = value
        elif tag not in OHLC_FIGURES and tag >> 3 <= 7:
            return False
    if is_last_minute:
        told[NEXT_CANDLE_MS] = max(told[NEXT_CANDLE_MS], open_ms + 2 * MINUTE_MS)
    return True


# --- the wire ------------------------------------------------------------------------------------


@routine
def field(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """(tag, value, where the field ends); for what is no varint the value is where it begins.

    The tag is DECLINED if the field is damaged or none that a feed has.
    """
    tag, at = varint(data, at, end)
    kind, value = tag & 7, at
    if at == DECLINED or not 8 <= tag <= MAX_TAG:
        return DECLINED, 0, end
    if kind == VARINT:
        value, at = varint(data, at, end)
    elif kind == FIXED64:
        at += 8
    elif kind == FIXED32:
        at += 4
    elif kind == LENGTH:
        length, value = varint(data, at, end)
        at = DECLINED if value == DECLINED or length > end - value else value + length
    else:
        at = DECLINED
    if at == DECLINED or at > end:
        return DECLINED, 0, end
    return tag, value, at


@kernel
def varint(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """A value and where it ends; (0, DECLINED) for one that is cut off or too long."""
    value = 0
    for i in range(MAX_VARINT_BYTES):
        if at + i >= end:
            return 0, DECLINED
        byte = int(data[at + i])
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at + i + 1
    return 0, DECLINED


# --- keys ----------------------------------------------------------------------------------------


@kernel
def put_key(name: Bytes, number: int, slots: Int64s) -> None:
    slot = _hash(name, 0, len(name)) & (len(slots) - 1)
    while slots[slot] != FREE:
        slot = (slot + 1) & (len(slots) - 1)
    slots[slot] = number


@routine
def find_key(data: Bytes, begins: int, ends: int, slots: Int64s, known: Records) -> int:
    """The number of the key that stands in `data`; FREE: it is not one of ours."""
    slot = _hash(data, begins, ends) & (len(slots) - 1)
    while slots[slot] != FREE:
        if _is_named(known[slots[slot]], data, begins, ends):
            return int(slots[slot])
        slot = (slot + 1) & (len(slots) - 1)
    return FREE


@kernel
def _is_named(row: Row, data: Bytes, begins: int, ends: int) -> bool:
    if row.length != ends - begins:
        return False
    for i in range(ends - begins):
        if row.name[i] != data[begins + i]:
            return False
    return True


@kernel
def _hash(data: Bytes, begins: int, ends: int) -> int:
    """FNV-1a, 32 bits."""
    value = 2166136261
    for i in range(begins, ends):
        value = ((value ^ int(data[i])) * 16777619) & 0xFFFFFFFF
    return value
