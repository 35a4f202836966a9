"""The frames of W4a and W5 as a file, and an exchange that sends them as fast as they are taken.

`python -m benchmarks.wire PATH PER_FRAME SECONDS [FRAMES_PER_SECOND SENT_PATH]` prints its port on
loopback, serves one connection and ends with it. The peers read the file too: so nothing of ours is
imported. What is in it is made by `frames.py`.
"""

import asyncio
import struct
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

INSTRUMENTS = 2_000  # as many as one connection may have in `full` mode
KEYS = [f"NSE_EQ|INE{number:06d}018" for number in range(INSTRUMENTS)]
FIRST_MS = 1_672_803_900_000  # 2023-01-04 09:15 IST
SECOND_MS = 1_000
AGE_MS = 150  # a trade is so much older than its frame
BATCH = 64  # frames handed to the system at once
MINUTE_S = 63  # of market time: a minute, and as long as it stays open for late ticks
_LENGTH = struct.Struct("<H")


def frames(path: Path, per_frame: int, seconds: int) -> Iterator[bytes]:
    """FeedResponses of `per_frame` instruments each, of the first `seconds` of market time.

    The file holds an instrument's entry of the map `feeds` behind its length, second by second; a
    message is its entries side by side, between its type and its time.
    """
    held, place, number = path.read_bytes(), 0, 0
    while place < len(held) and number < seconds * INSTRUMENTS:
        second, instrument = divmod(number, INSTRUMENTS)
        entries = []
        for _ in range(min(per_frame, INSTRUMENTS - instrument)):
            (length,) = _LENGTH.unpack_from(held, place)
            place += _LENGTH.size + length
            entries.append(held[place - length : place])
        number += len(entries)
        sent_ms = FIRST_MS + SECOND_MS * second + AGE_MS
        yield b"".join([b"\x08\x01", *entries, b"\x18", varint(sent_ms)])


def entry(encoded: bytes) -> bytes:
    """As it stands in the file; `encoded`: a FeedResponse of nothing but one instrument."""
    return _LENGTH.pack(len(encoded)) + encoded


def varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def header(length: int) -> bytes:
    """Of a whole binary WebSocket message from a server."""
    if length < 126:
        return struct.pack("!BB", 0x82, length)
    if length < 1 << 16:
        return struct.pack("!BBH", 0x82, 126, length)
    return struct.pack("!BBQ", 0x82, 127, length)


@contextmanager
def exchange(python: str, *arguments: str) -> Iterator[str]:
    """The address of an exchange in a process of its own, run by `python`."""
    command = [python, "-m", "benchmarks.wire", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"ws://127.0.0.1:{process.stdout.readline().strip()}/"
        except BaseException:
            process.kill()
            raise


async def serve(told: Sequence[bytes], per_second: float) -> list[float]:
    """Messages behind their headers, so many a second, or (0) as fast as they are taken; when each
    was sent."""
    # Not in the peers' environment, where only the file is read.
    from websockets.asyncio.server import ServerConnection
    from websockets.asyncio.server import serve as listening

    done = asyncio.Event()
    times_s: list[float] = []

    async def send(connection: ServerConnection) -> None:
        """Ready-made bytes past the library, which still answers pings."""
        batch = 1 if per_second else BATCH
        try:
            await connection.recv()  # the subscription
            began_s = time.perf_counter()
            for first in range(0, len(told), batch):
                if per_second:
                    await asyncio.sleep(began_s + first / per_second - time.perf_counter())
                times_s.append(time.perf_counter())
                connection.transport.write(b"".join(told[first : first + batch]))
                await connection.drain()
        finally:
            done.set()

    async with listening(send, "127.0.0.1", 0, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await done.wait()
    return times_s


def main(path: str, per_frame: str, seconds: str, per_second: str = "0", sent: str = "") -> None:
    messages = frames(Path(path), int(per_frame), int(seconds))
    told = [header(len(one)) + one for one in messages]
    times_s = asyncio.run(serve(told, float(per_second)))
    if sent:
        Path(sent).write_bytes(array("d", times_s).tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
