"""The frames of W4a and W5 say what the market of the benchmarks says, however they are cut."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import wire
from benchmarks.frames import entries
from benchmarks.live import TickedDay
from core.types import Records
from providers.upstox.wire import Frame, FrameDecoder

SECONDS = 2


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frames") / "frames"
    path.write_bytes(b"".join(entries(SECONDS)))
    return path


def decoded(path: Path, per_frame: int, seconds: int = SECONDS) -> list[Records]:
    decoder = FrameDecoder(wire.KEYS)
    parts = []
    for message in wire.frames(path, per_frame, seconds):
        frame = decoder.decode(message, 0)
        assert isinstance(frame, Frame)
        parts.append(frame.ticks.copy())  # the next one overwrites it
    return parts


@pytest.mark.parametrize("per_frame", [1, 50, 2_000])
def test_every_tick_comes_once_in_frames_of_so_many(path: Path, per_frame: int) -> None:
    day = TickedDay(wire.INSTRUMENTS)
    known = np.concatenate([day.second(0, second) for second in range(SECONDS)])
    frames = decoded(path, per_frame)
    found = np.concatenate(frames)

    assert {per_frame} == {len(one) for one in frames}
    for name in ("instrument", "exch_ns", "price", "volume"):
        assert (known[name] == found[name]).all(), name


def test_a_part_of_it_ends_in_time(path: Path) -> None:
    assert wire.INSTRUMENTS == sum(len(one) for one in decoded(path, 50, seconds=1))


@pytest.mark.parametrize("length", [5, 125, 126, 65_535, 65_536])
def test_a_header_is_what_the_library_writes(length: int) -> None:
    frames = pytest.importorskip("websockets.frames")
    payload = bytes(length)
    whole = frames.Frame(frames.Opcode.BINARY, payload).serialize(mask=False)

    assert whole == wire.header(length) + payload
