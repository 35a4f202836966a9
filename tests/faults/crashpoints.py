"""Which crash points the sources have, read from their text, and how a test stands on one."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core import crashpoints

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "providers", "brokers", "stores", "daemon", "backtest", "cli")


def places() -> list[tuple[str, str]]:
    """(name, file) of every crash point, as they stand in the sources. Raises on a built name."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "crashpoint":
                    [name] = node.args
                    if not isinstance(name, ast.Constant):
                        raise AssertionError(f"{path}:{node.lineno}: a crash point is a literal")
                    found.append((str(name.value), str(path.relative_to(ROOT))))
    return found


@contextmanager
def watched(reached: crashpoints.Watch) -> Iterator[None]:
    before = crashpoints.watch(reached)
    try:
        yield
    finally:
        crashpoints.watch(before)
