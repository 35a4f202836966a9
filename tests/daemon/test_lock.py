"""One daemon per state directory, and the refused one is told who holds it."""

import os
from pathlib import Path

import pytest

from core.errors import AlreadyRunning, StoreFailed
from daemon.lock import LOCK_FILE, StateLock, running_pid


def test_a_held_directory_is_refused_naming_its_holder(tmp_path: Path) -> None:
    with (
        StateLock(tmp_path),
        pytest.raises(AlreadyRunning, match=f"already running, PID {os.getpid()}") as refused,
        StateLock(tmp_path),
    ):
        pass

    assert refused.value.exit_code == 5


def test_a_refusal_leaves_the_holder_in_place(tmp_path: Path) -> None:
    with StateLock(tmp_path):
        for _ in range(2):
            with pytest.raises(AlreadyRunning), StateLock(tmp_path):
                pass


def test_a_directory_is_free_again_afterwards_and_names_nobody(tmp_path: Path) -> None:
    for _ in range(2):
        with StateLock(tmp_path):
            assert (tmp_path / LOCK_FILE).read_text() == str(os.getpid())
        assert (tmp_path / LOCK_FILE).read_text() == ""


def test_who_holds_a_directory_can_be_asked_without_taking_it(tmp_path: Path) -> None:
    assert running_pid(tmp_path) is None  # no lock file yet

    with StateLock(tmp_path):
        assert running_pid(tmp_path) == str(os.getpid())
        (tmp_path / LOCK_FILE).write_text("")
        assert running_pid(tmp_path) == "unknown"  # a process that is just starting
    assert running_pid(tmp_path) is None
    with StateLock(tmp_path):
        pass


def test_a_directory_that_is_missing_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with StateLock(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "a" / "b" / LOCK_FILE).stat().st_mode & 0o777 == 0o600


def test_a_place_that_is_no_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreFailed, match=f"state directory {tmp_path / 'file'}: "):
        StateLock(tmp_path / "file").__enter__()
