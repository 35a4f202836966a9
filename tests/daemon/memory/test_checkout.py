"""The state of the sources that RUN_START names."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.memory import checkout as module
from daemon.memory.checkout import UNKNOWN, Checkout, checkout


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that the program is taken to lie in."""
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "LOCK", tmp_path / "lock.txt")
    checkout.cache_clear()
    yield tmp_path
    checkout.cache_clear()


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def committed(folder: Path) -> str:
    git(folder, "init", "-q")
    (folder / "engine.py").write_text("one = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return git(folder, "rev-parse", "HEAD")


def test_a_commit_is_named_and_what_differs_from_it(sources: Path) -> None:
    commit = committed(sources)[:12]
    (sources / "lock.txt").write_text("numpy==2\n")
    clean = checkout()
    checkout.cache_clear()
    (sources / "engine.py").write_text("one = 2\n")
    (sources / "fresh.py").write_text("")
    (sources / "notes.md").write_text("no part of the program")
    changed = checkout()

    assert (commit, ()) == (clean.commit, clean.changed)
    assert len(clean.lock) == 16
    assert (commit, {"engine.py", "fresh.py"}) == (changed.commit, set(changed.changed))
    assert (commit, f"{commit}+changed") == (clean.name, changed.name)


def test_a_program_that_is_no_checkout_has_no_commit(sources: Path) -> None:
    assert Checkout(UNKNOWN, (), UNKNOWN) == checkout()


def test_without_git_there_is_no_commit_either(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(sources)
    monkeypatch.setenv("PATH", str(sources))

    assert UNKNOWN == checkout().commit
