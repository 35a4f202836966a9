"""The folder of a lab's run: whole or not a run."""

from pathlib import Path

import polars as pl
import pytest

from core.errors import ConfigError, DataError
from research.runs import PAGE, RUN, LabRun, read_lab_run, write_lab_run

RUN_OF_TWO = LabRun(
    "optimize",
    {"objective": "sharpe", "chosen": {"sl_mult": 1.5}, "none": None},
    {
        "scores": pl.DataFrame({"sl_mult": [1.0, 1.5], "sharpe": [0.1, None]}),
        "returns": pl.DataFrame({"day": [1, 2], "net": [0.25, -0.5]}),
    },
)


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_lab_run(tmp_path / "run", RUN_OF_TWO, "<p>page</p>")
    read = read_lab_run(tmp_path / "run")
    assert (read.kind, read.told, list(read.tables)) == (
        "optimize",
        RUN_OF_TWO.told,
        ["scores", "returns"],
    )
    for name, frame in RUN_OF_TWO.tables.items():
        assert read.tables[name].equals(frame)
    assert "<p>page</p>" == (tmp_path / "run" / PAGE).read_text()
    assert "sl_mult,sharpe\n1.0,0.1\n1.5,\n" == (tmp_path / "run" / "scores.csv").read_text()


def test_the_same_run_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_lab_run(tmp_path / name, RUN_OF_TWO, "")
    for file in sorted((tmp_path / "a").iterdir()):
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


@pytest.mark.parametrize("missing", [RUN, "scores.parquet"])
def test_a_folder_that_is_not_whole_is_refused_by_name(tmp_path: Path, missing: str) -> None:
    write_lab_run(tmp_path, RUN_OF_TWO, "")
    (tmp_path / missing).unlink()
    with pytest.raises(DataError, match=missing):
        read_lab_run(tmp_path)


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": "else"}', "{"])
def test_a_file_that_is_no_run_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / RUN).write_text(text)
    with pytest.raises(DataError):
        read_lab_run(tmp_path)


def test_a_folder_that_cannot_be_made_is_said_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        write_lab_run(tmp_path / "file" / "run", RUN_OF_TWO, "")
