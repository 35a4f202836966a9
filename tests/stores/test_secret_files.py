"""Secrets on disk: their owner's alone from the first moment, and refused otherwise."""

import os
from pathlib import Path

import pytest

from core.errors import ConfigError, StoreFailed
from stores.secret_files import MAX_SECRET_BYTES, keep_secret, plain_secret, read_secret


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "token"


def test_what_is_kept_is_found_again_and_nobody_elses(path: Path) -> None:
    keep_secret(path, "one")
    keep_secret(path, "two")

    assert "two" == read_secret(path)
    assert (0o600, 0o700) == (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)
    assert [path] == list(path.parent.iterdir())


def test_what_a_crash_has_left_does_not_stand_in_the_way(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    partial = path.with_name(".token.partial")
    partial.write_text("half")
    partial.chmod(0o666)
    keep_secret(path, "one")

    assert 0o600 == path.stat().st_mode & 0o777
    assert [path] == list(path.parent.iterdir())


def test_what_is_not_there_is_none(path: Path) -> None:
    assert read_secret(path) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(path: Path, mode: int) -> None:
    keep_secret(path, "planted")
    path.chmod(mode)

    with pytest.raises(ConfigError) as error:
        read_secret(path)
    assert f"{path} is open to others (mode {mode:04o}): chmod 600 {path}" == str(error.value)


@pytest.mark.parametrize("mode", [0o750, 0o705])
def test_a_folder_that_others_may_enter_is_refused(path: Path, mode: int) -> None:
    keep_secret(path, "planted")
    path.parent.chmod(mode)

    for action in (lambda: read_secret(path), lambda: keep_secret(path, "new")):
        with pytest.raises(ConfigError, match=f"chmod 700 {path.parent}"):
            action()
    path.parent.chmod(0o700)
    assert "planted" == read_secret(path)


def test_a_file_of_another_size_than_a_secrets_is_refused(path: Path) -> None:
    keep_secret(path, "a" * MAX_SECRET_BYTES)

    with pytest.raises(ConfigError, match="is no secret"):
        plain_secret(path)


def test_what_cannot_be_read_or_written_is_told_without_its_content(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.mkdir(mode=0o700)

    with pytest.raises(StoreFailed, match=str(path)):
        read_secret(path)
    (path / "file").touch(mode=0o600)
    with pytest.raises(StoreFailed, match="file/token") as error:
        keep_secret(path / "file" / "token", "planted")
    assert "planted" not in str(error.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(path: Path) -> None:
    keep_secret(path, "planted")
    os.chown(path, 12345, -1)

    with pytest.raises(ConfigError, match="belongs to user 12345"):
        read_secret(path)
