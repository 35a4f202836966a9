"""A file is the old one or the new one, never half of either."""

from pathlib import Path

import pytest

from core.errors import StoreFailed
from stores.files import DiskFiles


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert DiskFiles().read(tmp_path / "absent") is None


def test_a_replaced_file_leaves_no_other_behind(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "head.json"
    DiskFiles().replace(path, b"old")
    DiskFiles().replace(path, b"new")

    assert DiskFiles().read(path) == b"new"
    assert [one.name for one in path.parent.iterdir()] == ["head.json"]


def test_what_the_system_refuses_is_a_store_failure(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "file").write_text("")
    files = DiskFiles()

    with pytest.raises(StoreFailed, match="cannot read folder"):
        files.read(folder)
    with pytest.raises(StoreFailed, match="cannot write inside"):
        files.replace(tmp_path / "file" / "inside", b"x")
    with pytest.raises(StoreFailed, match="cannot write target"):
        files.publish(tmp_path / "absent", tmp_path / "target")
