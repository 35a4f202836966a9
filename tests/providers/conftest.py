"""The fixture that writes bars to a Parquet file of the test's own folder."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from tests.providers.bar_files import Row, Save, frame


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write rows, or a frame, as a Parquet file of the given name."""

    def write(rows: Sequence[Row] | pl.DataFrame, name: str = "bars.parquet") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (rows if isinstance(rows, pl.DataFrame) else frame(rows)).write_parquet(path)
        return path

    return write
