"""W4a, ours: frames of the broker's feed to ticks.

`python -m benchmarks.w4a PATH TICKS_PER_FRAME`. Decoding as `UpstoxFeed` does it: every frame
checked, its trades in an array, its completed candles read.
"""

import sys
from pathlib import Path

from benchmarks import wire
from benchmarks.measured import Measurement, timed
from providers.upstox.wire import Frame, FrameDecoder

DECODED_S = 30  # of market time


def measure(path: Path, per_frame: int) -> Measurement:
    messages = list(wire.frames(path, per_frame, DECODED_S))

    def decoded() -> int:
        decoder = FrameDecoder(wire.KEYS)
        return sum(len(_frame(decoder, one).ticks) for one in messages)

    decoded()  # kernels are loaded from their cache
    seconds, items = timed(decoded)
    decoder = FrameDecoder(wire.KEYS)
    sums = [0.0, 0.0, 0.0]
    for one in messages:
        ticks = _frame(decoder, one).ticks
        sums[0] += float(ticks["price"].sum())
        sums[1] += int(ticks["volume"].sum())
        sums[2] += int((ticks["exch_ns"] // 1_000_000).sum())
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


def _frame(decoder: FrameDecoder, message: bytes) -> Frame:
    frame = decoder.decode(message, 0)
    assert isinstance(frame, Frame), frame
    return frame


if __name__ == "__main__":
    measure(Path(sys.argv[1]), int(sys.argv[2])).print()
