"""Where `tradingd` starts: one verb is run, and every way it may end becomes an exit code.

A refusal is one clear line on standard error and the exit code of cli.md; never a stack trace
unless --debug is given.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import typer

from cli import kernel_cache
from cli.verbs import MANY_VALUES, PROGRAM, app
from core.errors import DataError, TradingdError

INTERNAL = TradingdError.exit_code
INTERRUPTED = 128 + 2  # as a shell tells SIGINT
READER_GONE = 128 + 13  # as a shell tells SIGPIPE: what was left to do has not been done
READERS = ("providers.", "strategies.precomputed")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point: run one verb and exit with its code."""
    kernel_cache.prepare()
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"] or ["--help"]
    try:
        code = call(expanded(words))
        sys.stdout.flush()  # here, where an error can still be told; not while Python shuts down
        sys.exit(code)
    except SystemExit:
        raise
    except BrokenPipeError:
        discard_output()  # nobody is left to tell
        sys.exit(READER_GONE)
    except BaseException as error:  # noqa: BLE001 - a panic of polars is no Exception
        message, code = last_words(error)
        fail(message, code, debug)


def call(words: Sequence[str]) -> int:
    """Run the verb without the library's own answers to errors, Ctrl-C and a closed pipe."""
    command = typer.main.get_command(app)
    try:
        with command.make_context(PROGRAM, list(words)) as context:
            command.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    return 0


def last_words(error: BaseException) -> tuple[str, int]:
    """What an error says to a person, and the exit code of cli.md."""
    match error:
        case TradingdError():
            return str(error), error.exit_code
        case typer.TyperException():  # usage: an unknown verb, a missing or unknown option
            context = getattr(error, "ctx", None)
            verb = context.command_path if context else PROGRAM
            reason = error.format_message().rstrip(".")
            return f"{reason}; see {verb} --help", error.exit_code
        case KeyboardInterrupt():
            return "interrupted", INTERRUPTED
    told = f"{type(error).__name__}: {error}"
    if type(error).__name__ == "PanicException" and came_from_reading(error):
        return f"the data cannot be read: {told}", DataError.exit_code
    return f"internal error: {told}; --debug shows where", INTERNAL


def came_from_reading(error: BaseException) -> bool:
    """Whether the code that reads files of the user's was at work."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    modules = (frame.f_globals.get("__name__", "") for frame in frames)
    return any(name.startswith(READERS) for name in modules)


def fail(message: str, code: int, debug: bool) -> NoReturn:
    """Say why in one line and exit; with --debug re-raise what is being handled."""
    if debug:
        raise
    print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        discard_output()
    sys.exit(code)


def discard_output() -> None:
    """What is still buffered goes nowhere: Python would complain of it while it shuts down."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def expanded(words: Sequence[str]) -> list[str]:
    """`--set a=1 b=2` as `--set a=1 --set b=2`: these options take all words that follow."""
    result: list[str] = []
    option, fresh = "", False
    for word in words:
        if word.startswith("-"):
            option, fresh = (word, True) if word in MANY_VALUES else ("", False)
        elif option and not fresh:
            result.append(option)
        else:
            fresh = False
        result.append(word)
    return result
