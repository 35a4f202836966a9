"""`--data` read for a verb: damage in a file ends in one line of ours, whatever polars does of it.

A damaged page can make polars' Rust code panic, which prints a report of its own, or ask for so
much memory that Rust aborts the process. Neither is to reach the terminal.
"""

import ctypes
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import DataError
from providers.dataset import DataOptions, Dataset, load

STDERR = 2
HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_int)


def read(paths: Sequence[Path], options: DataOptions) -> Dataset:
    """`providers.dataset.load` behind both guards. Raises what that raises."""
    names = ", ".join(map(str, paths))
    line = f"tradingd: {names}: cannot be read: a page is damaged beyond what the reader survives"
    with last_line_on_abort(line), held_back_stderr():
        return load(paths, options)


@contextmanager
def held_back_stderr() -> Iterator[None]:
    """Keep file descriptor 2 to ourselves; pass on what was written unless the block raises."""
    try:
        terminal = os.dup(STDERR)
    except OSError:  # closed by the caller: nothing can be written, nothing needs to be held
        yield
        return
    with tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        os.dup2(held.fileno(), STDERR)
        try:
            yield
        finally:
            with suppress(OSError):
                sys.stderr.flush()
            os.dup2(terminal, STDERR)
            os.close(terminal)
        held.seek(0)
        os.write(STDERR, held.read())


@contextmanager
def last_line_on_abort(line: str) -> Iterator[None]:
    """Where native code aborts the process: end it with `line` and the exit code of bad data.

    Measured with polars 2.1: 1 of 700 files with a few bytes changed. Python's own handlers run
    between two of its instructions, of which there are none any more, so the handler is a C one;
    a thread that aborts takes the interpreter's lock for it, which polars gives up while it reads.
    """
    try:
        terminal = os.dup(STDERR)
    except OSError:
        terminal = os.open(os.devnull, os.O_WRONLY)

    def leave(_: int) -> None:
        os.write(terminal, f"{line}\n".encode(errors="backslashreplace"))
        os._exit(DataError.exit_code)

    handler = HANDLER(leave)  # must live as long as it is installed
    set_handler = ctypes.CDLL(None).signal
    set_handler.argtypes, set_handler.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    before = set_handler(signal.SIGABRT, ctypes.cast(handler, ctypes.c_void_p))
    try:
        yield
    finally:
        set_handler(signal.SIGABRT, before)
        os.close(terminal)
