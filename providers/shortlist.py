"""`@FILE` among symbols: the ones that the file lists, a line each, as `scan` writes them.

What follows `#` is a note. Nothing is guessed: a file that is missing or names nobody is an error.
"""

from collections.abc import Iterable
from pathlib import Path

MAX_BYTES = 1_000_000


def expanded(words: Iterable[object]) -> list[object]:
    """`words` with each @FILE replaced by its symbols. Raises ValueError naming the file."""
    symbols: list[object] = []
    for word in words:
        if isinstance(word, str) and word.startswith("@"):
            symbols += read_shortlist(Path(word[1:]))
        else:
            symbols.append(word)
    return symbols


def read_shortlist(path: Path) -> list[str]:
    """Its symbols in order. Raises ValueError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"{path} is no list of symbols: over {MAX_BYTES:,} bytes")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    symbols = [line.partition("#")[0].strip() for line in lines]
    found = [symbol for symbol in symbols if symbol]
    if not found:
        raise ValueError(f"{path} names no symbol")
    return found
