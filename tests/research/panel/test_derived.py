"""Derived frames: made once, never believed when damaged, never more than the bound."""

from pathlib import Path

import polars as pl
import pytest

from core.errors import ConfigError
from research.panel.derived import DerivedFrames

KEY = {"data_hash": "abc", "symbols": ["A", "B"], "timeframe": "15m"}


class Making:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> pl.LazyFrame:
        self.times += 1
        return pl.LazyFrame({"symbol": ["A", "B"] * 500, "close": [1.5, 2.5] * 500})


def test_a_frame_is_made_once_for_a_key(tmp_path: Path) -> None:
    make = Making()
    first = DerivedFrames(tmp_path).get(KEY, make)
    again = DerivedFrames(tmp_path).get(dict(reversed(KEY.items())), make)

    assert first.equals(again)
    assert 1 == make.times
    for other in ({"data_hash": "abd"}, {"symbols": ["A"]}, {"timeframe": "5m"}):
        DerivedFrames(tmp_path).get({**KEY, **other}, make)
    assert 4 == make.times


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: str) -> None:
    make, frames = Making(), DerivedFrames(tmp_path)
    whole = frames.get(KEY, make)
    [path] = tmp_path.glob("*.parquet")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    kept = {"cut": content[:-20], "flipped": content, "empty": b""}
    path.write_bytes(bytes(kept[damage]))

    assert frames.get(KEY, make).equals(whole)
    assert frames.get(KEY, make).equals(whole)
    assert 2 == make.times
    assert 1 == len(list(tmp_path.iterdir()))


def test_the_longest_unused_go_when_there_is_no_room(tmp_path: Path) -> None:
    make = Making()
    DerivedFrames(tmp_path).get(KEY, make)
    [path] = tmp_path.glob("*.parquet")
    room = DerivedFrames(tmp_path, max_bytes=2 * path.stat().st_size + 1)
    for number, name in enumerate("12"):
        room.get({**KEY, "data_hash": name}, make)
        if not number:
            room.get(KEY, make)  # used again: the other one is older now
    assert 3 == make.times
    room.get(KEY, make)
    assert 3 == make.times
    assert 2 == len(list(tmp_path.iterdir()))


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write to"):
        DerivedFrames(tmp_path / "file" / "cache")
