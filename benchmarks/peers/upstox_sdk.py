"""W4a and W5 with the broker's own SDK: a dictionary for every message.

Run by the peers' Python: `python -m benchmarks.peers.upstox_sdk decode PATH TICKS_PER_FRAME`, or
`stream PATH TICKS_PER_FRAME PYTHON`, where PYTHON runs the exchange. Its streamer's handler is
given what its WebSocket client receives; bars are built from the dictionaries in plain Python.
"""

import sys
import time
from pathlib import Path
from typing import Any

import websocket
from upstox_client import MarketDataStreamerV3

from benchmarks import wire
from benchmarks.measured import Measurement, timed

DECODED_S = 30  # of market time, as ours
MINUTE_MS = 60_000


class Bars:
    """The 1m bars of every instrument, by what a message says: open, high, low, close, volume."""

    def __init__(self) -> None:
        self.ticks = 0
        self.first_s = self.last_s = 0.0
        self._open: dict[str, list[float]] = {}  # minute, prices, day's volume
        self._before: dict[str, int] = {}  # day's volume before the bar
        self.closed: list[list[float]] = []

    def message(self, told: dict[str, Any]) -> None:
        self.last_s = time.perf_counter()
        self.first_s = self.first_s or self.last_s
        for key, feed in told["feeds"].items():
            market = feed["fullFeed"]["marketFF"]
            trade = market["ltpc"]
            self._add(key, int(trade["ltt"]), trade["ltp"], int(market["vtt"]))

    def _add(self, key: str, traded_ms: int, price: float, volume: int) -> None:
        self.ticks += 1
        minute = traded_ms // MINUTE_MS
        bar = self._open.get(key)
        if bar is None or minute > bar[0]:
            if bar is not None:
                self.closed.append([*bar[1:5], bar[5] - self._before.get(key, 0)])
                self._before[key] = int(bar[5])
            self._open[key] = [minute, price, price, price, price, volume]
            return
        bar[2], bar[3] = max(bar[2], price), min(bar[3], price)
        bar[4], bar[5] = price, volume


def stream(path: str, per_frame: int, python: str) -> Measurement:
    streamer, bars = MarketDataStreamerV3(), Bars()
    streamer.on("message", bars.message)
    with wire.exchange(python, path, str(per_frame), str(wire.MINUTE_S)) as address:
        client = websocket.WebSocketApp(
            address,
            on_open=lambda one: one.send(b"{}", opcode=websocket.ABNF.OPCODE_BINARY),
            on_message=streamer.handle_message,
        )
        client.run_forever()
    return Measurement(
        items=bars.ticks,
        seconds=bars.last_s - bars.first_s,
        checks={
            "bars": len(bars.closed),
            "high_sum": round(sum(bar[1] for bar in bars.closed), 2),
            "close_sum": round(sum(bar[3] for bar in bars.closed), 2),
            "volume_sum": sum(bar[4] for bar in bars.closed),
        },
    )


def decode(path: str, per_frame: int) -> Measurement:
    messages = list(wire.frames(Path(path), per_frame, DECODED_S))
    streamer = MarketDataStreamerV3()
    told: list[dict[str, Any]] = []
    streamer.on("message", lambda one: told.__setitem__(slice(None), [one]))

    def decoded() -> int:
        ticks = 0
        for one in messages:
            streamer.handle_message(None, one)
            ticks += len(told[0]["feeds"])
        return ticks

    seconds, items = timed(decoded)
    sums = [0.0, 0.0, 0.0]
    for one in messages:
        streamer.handle_message(None, one)
        for feed in told[0]["feeds"].values():
            market = feed["fullFeed"]["marketFF"]
            trade = market["ltpc"]
            sums[0] += trade["ltp"]
            sums[1] += int(market["vtt"])
            sums[2] += int(trade["ltt"])
    return Measurement(
        items=items,
        seconds=seconds,
        checks={
            "ticks": items,
            "price_sum": round(sums[0], 2),
            "volume_sum": sums[1],
            "time_sum_ms": sums[2],
        },
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["decode", path, per_frame]:
            decode(path, int(per_frame)).print()
        case ["stream", path, per_frame, python]:
            stream(path, int(per_frame), python).print()
        case _:
            sys.exit(__doc__)
