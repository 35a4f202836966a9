"""Legs of live days are read from what the evenings kept, and else out of the ledger."""

from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from core.errors import StoreFailed
from daemon.slippage.kept import keep, kept, legs_of, path_of, run_days
from stores.ledger_reader import open_read_only
from tests.daemon.brokered import DAYS, AsOnPaper
from tests.daemon.slippage.live_days import written

DAY = DAYS[2]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    played = AsOnPaper(DAY)
    played.play(DAY)
    return written(tmp_path_factory.mktemp("state"), played)


def test_a_kept_day_is_not_computed_again(directory: Path, tmp_path: Path) -> None:
    with closing(open_read_only(directory)) as ledger:
        days = run_days(ledger)
        computed = legs_of(tmp_path, ledger, days)
        keep(tmp_path, DAY, computed.head(1))

        assert [(DAY, True)] == [(one.day, one.is_told) for one in days]
        assert computed.height > 1
        assert computed.head(1).equals(legs_of(tmp_path, ledger, days))


def test_a_file_that_is_none_or_of_another_version_is_named(tmp_path: Path) -> None:
    assert kept(tmp_path, DAY) is None
    path = path_of(tmp_path, DAY)
    path.parent.mkdir()
    path.write_bytes(b"no parquet")
    with pytest.raises(StoreFailed, match=r"cannot be read.*move it away"):
        kept(tmp_path, DAY)
    pl.DataFrame({"day": [1]}).write_parquet(path)
    with pytest.raises(StoreFailed, match="other columns"):
        kept(tmp_path, DAY)
