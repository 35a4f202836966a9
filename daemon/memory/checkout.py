"""Which state of the sources runs: commit, what differs from it, and the locked packages.

Asks git where there is a checkout; an installed program has none, and says so.
"""

import hashlib
import subprocess
from functools import cache
from typing import NamedTuple

from strategies.identity import ROOT

LOCK = ROOT / "requirements" / "run.txt"
UNKNOWN = "unknown"
PATIENCE_S = 10.0
PATHS = ("*.py", "pyproject.toml", "requirements")


class Checkout(NamedTuple):
    """`changed`: files of the program that are not as committed, at most some of them."""

    commit: str
    changed: tuple[str, ...]
    lock: str

    @property
    def name(self) -> str:
        """As RUN_START has it."""
        return f"{self.commit}+changed" if self.changed else self.commit


@cache
def checkout() -> Checkout:
    """Of this process, as it was when it was first asked for."""
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16] if LOCK.exists() else UNKNOWN
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return Checkout(UNKNOWN, (), lock)
    changed = _git("status", "--porcelain", "--", *PATHS) or ""
    return Checkout(commit.strip()[:12], tuple(line[3:] for line in changed.splitlines()), lock)


def _git(*words: str) -> str | None:
    """What git prints; None: it is not there, or this is no checkout of its."""
    if not (ROOT / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
