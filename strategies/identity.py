"""What decides, as one short hash: two processes with the same digest decide the same.

Names the source, not the release: an edit in a working tree is another program.
"""

import hashlib
import importlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DECIDING = ("core", "strategies")  # rules, bars and strategies; the desk only carries
ARITHMETIC = ("numba", "llvmlite", "numpy")


def code_digest(strategies: Iterable[str]) -> str:
    """Of the sources that decide, of what compiles them, and of plain strategies among the
    registry names `strategies`."""
    digest = hashlib.sha256(_program())
    for name in sorted(set(strategies)):
        module, colon, _ = name.partition(":")
        source = importlib.import_module(module).__file__ if colon else None
        if source is not None:
            digest.update(f"\0{module}\0".encode() + Path(source).read_bytes())
    return digest.hexdigest()[:16]


@cache
def _program() -> bytes:
    digest = hashlib.sha256()
    for name in ARITHMETIC:
        digest.update(f"\0{name}=={version(name)}".encode())
    for path in sorted(path for part in DECIDING for path in (ROOT / part).rglob("*.py")):
        digest.update(f"\0{path.relative_to(ROOT).as_posix()}\0".encode() + path.read_bytes())
    return digest.digest()
