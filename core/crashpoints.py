"""Named places at which a test may end the process: around all that reaches a disk or a broker.

In production nobody watches and nothing happens. Nothing may ever be decided here.
"""

from collections.abc import Callable

Watch = Callable[[str], None]


def unwatched(name: str) -> None:
    """What a running daemon does at a crash point: go on."""


_watch: Watch = unwatched


def crashpoint(name: str) -> None:
    """Tell whoever watches that `name` is reached. A literal, each name in one place."""
    _watch(name)


def watch(reached: Watch) -> Watch:
    """From now on `reached` is called at every crash point; returns who was called before."""
    global _watch
    before, _watch = _watch, reached
    return before
