"""The archive gives back what it was given, or says that it cannot."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import StoreFailed
from core.types import BAR
from stores.archive import BarArchive
from stores.files import DiskFiles
from tests.stores.market_rows import DAY, INFY, MINUTE_NS, OPEN_NS, TCS


def columns(count: int = 2, close: float = 100.0) -> dict[str, np.ndarray]:
    prices = {name: np.full(count, close) for name in ("open", "high", "low", "close")}
    return {
        "symbol": np.array(["TCS", "INFY"] * count, object)[:count],
        "open_ns": OPEN_NS + np.arange(count)[::-1] * MINUTE_NS,
        **prices,
        "volume": np.arange(count),
        "quality": np.zeros(count, np.int32),
        "source": np.array(["feed"] * count, object),
    }


def test_a_day_lies_where_a_hive_reader_looks_for_it(tmp_path: Path) -> None:
    path = BarArchive(tmp_path).write(DAY, columns())

    assert path == tmp_path / "bars/year=2026/month=07/2026-07-23.parquet"
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == [path]
    frame = pl.read_parquet(path)
    assert frame.columns == "symbol ts open high low close volume quality source".split()
    assert frame.schema["ts"] == pl.Datetime("ms", "Asia/Kolkata")
    assert frame["symbol"].to_list() == ["INFY", "TCS"]
    assert str(frame["ts"][0]) == "2026-07-23 09:15:00+05:30"


def test_days_are_read_back_by_time_then_configured_order(tmp_path: Path) -> None:
    archive = BarArchive(tmp_path)
    archive.write(DAY, columns(4))
    archive.write(
        DAY + 1, columns(2) | {"open_ns": OPEN_NS + np.array([1, 1]) * 86_400_000_000_000}
    )

    found = archive.read(DAY, DAY + 1, [INFY, TCS])

    assert found.dtype == BAR
    assert found["instrument"].tolist() == [0, 1, 0, 1, 0, 1]
    assert (np.diff(found["open_ns"]) >= 0).all()
    assert found["volume"].tolist() == [3, 2, 1, 0, 1, 0]
    assert len(archive.read(DAY + 1, DAY + 9, [TCS])) == 1
    assert archive.days() == [DAY, DAY + 1]


def test_an_archive_without_the_days_gives_no_bars(tmp_path: Path) -> None:
    assert len(BarArchive(tmp_path).read(DAY, DAY, [TCS])) == 0


def test_a_day_written_again_takes_the_place_of_the_first(tmp_path: Path) -> None:
    archive = BarArchive(tmp_path)
    archive.write(DAY, columns())
    archive.write(DAY, columns(close=101.0))

    assert archive.read(DAY, DAY, [TCS])["close"].tolist() == [101.0]


class LosingFiles(DiskFiles):
    """Files of a disk that says yes and writes something else."""

    def __init__(self, content: bytes | None) -> None:
        self._content = content

    def replace(self, path: Path, content: bytes) -> None:
        if self._content is not None:
            super().replace(path, self._content)


def test_a_file_that_is_not_what_was_written_is_noticed(tmp_path: Path) -> None:
    other = BarArchive(tmp_path / "other").write(DAY, columns(close=99.0)).read_bytes()
    foreign = tmp_path / "foreign.parquet"
    pl.DataFrame({"symbol": ["TCS"]}).write_parquet(foreign)
    faults = {
        "is not what was written": other,
        "is gone": None,
        "is not readable": b"PAR1",
        "has other columns": foreign.read_bytes(),
    }

    for message, content in faults.items():
        archive = BarArchive(tmp_path / message, LosingFiles(content))
        with pytest.raises(StoreFailed, match=f"archive of 2026-07-23 {message}"):
            archive.write(DAY, columns())
