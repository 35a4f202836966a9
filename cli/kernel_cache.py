"""Where numba keeps compiled kernels: a folder per digest of everything they are made of.

numba looks at the file of the compiled function only; an edited callee would leave its cached
callers on the old code, silently (performance.md, trap 9). So it is never given a folder that
older sources have used. Must run before numba is imported, and must never import it.
"""

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KERNEL_PACKAGES = ("core", "strategies", "providers")
LAB, COMPILES = "research", "from core.jit import"  # of the lab those files alone: a page is none
COMPILERS = ("numba", "llvmlite", "numpy")
VARIABLE = "NUMBA_CACHE_DIR"
KEEP_DAYS = 30
DIGEST_DIGITS = 16
WHOLE = "whole"  # left in a folder once all has been compiled (`cli/warm.py`)


def prepare(environ: MutableMapping[str, str] | None = None, root: Path = ROOT) -> Path | None:
    """Point numba at the folder of these sources; None when it works without a cache.

    NUMBA_CACHE_DIR, where set, is the base of such folders, else the user's cache folder is.
    """
    environ = os.environ if environ is None else environ
    if "numba" in sys.modules or environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return None
    base = _base(environ)
    folder = base / _digest(root)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)  # in use: `_prune` spares it
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        environ.pop(VARIABLE, None)  # a read-only home costs compile time, not the start
        return None
    _prune(base, keep=folder)
    environ[VARIABLE] = str(folder)
    return folder


def is_whole(environ: Mapping[str, str]) -> bool | None:
    """Whether the folder that `prepare` has left holds every kernel; None: it has left none."""
    folder = environ.get(VARIABLE)
    return (Path(folder) / WHOLE).exists() if folder else None


def _base(environ: MutableMapping[str, str]) -> Path:
    if environ.get(VARIABLE):
        # A child process inherits the folder its parent has chosen: use the same base.
        given = Path(environ[VARIABLE])
        return given.parent if _is_digest(given.name) else given
    home = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME", "/")) / ".cache")
    return Path(home) / "tradingd" / "kernels"


def _digest(root: Path) -> str:
    """Of the text of every kernel source and the versions of what compiles it."""
    digest = hashlib.sha256(sys.version.encode())
    for name in COMPILERS:
        digest.update(f"\0{name}=={version(name)}".encode())
    for path in _sources(root):
        digest.update(f"\0{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:DIGEST_DIGITS]


def _sources(root: Path) -> Iterable[Path]:
    always = [path for package in KERNEL_PACKAGES for path in (root / package).rglob("*.py")]
    lab = [path for path in (root / LAB).rglob("*.py") if COMPILES in path.read_text("utf-8")]
    return sorted([*always, *lab])


def _prune(base: Path, keep: Path) -> None:
    """Remove the folders of older sources once nobody has started from them for KEEP_DAYS."""
    oldest_s = keep.stat().st_mtime - KEEP_DAYS * 86_400
    for folder in base.iterdir():
        if _is_digest(folder.name) and folder != keep:
            with contextlib.suppress(FileNotFoundError):  # another start was quicker
                if folder.stat().st_mtime < oldest_s:
                    shutil.rmtree(folder, ignore_errors=True)


def _is_digest(name: str) -> bool:
    return len(name) == DIGEST_DIGITS and set(name) <= set("0123456789abcdef")
