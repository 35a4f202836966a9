"""Files of secrets: their owner's alone, whole or not there, refused when others could read them.

Decides what a secret may be read from and how it is kept. Never shows one, in an error neither.
"""

import os
from pathlib import Path

from core.errors import ConfigError, StoreFailed
from stores.files import DiskFiles

OTHERS = 0o077  # whatever group and world may do with a file
MAX_SECRET_BYTES = 16_384


def read_secret(path: Path) -> str | None:
    """The text of `path`, None where there is no such file.

    Raises ConfigError where others could read the file or enter its folder; StoreFailed where it
    cannot be read.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror}") from error
    refuse_shared(path.parent, "chmod 700")
    refuse_shared(path, "chmod 600")
    return plain_secret(path)


def plain_secret(path: Path) -> str:
    """The text of a file whose readers are somebody else's rule, as a service manager's are."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror}") from error
    if len(content) > MAX_SECRET_BYTES:
        raise ConfigError(f"{path} is no secret: more than {MAX_SECRET_BYTES} bytes")
    return content.decode(errors="replace").strip()


def keep_secret(path: Path, text: str) -> None:
    """Make `text` the content of `path`, at once, and never for a moment readable by others.

    Its folder is made if need be. Raises ConfigError where others can enter the folder.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        refuse_shared(path.parent, "chmod 700")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror}") from error
    DiskFiles().publish(partial, path)


def forget_secret(path: Path) -> None:
    """Remove the file, if it is there."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror}") from error


def refuse_shared(path: Path, remedy: str) -> None:
    """Raise ConfigError unless `path` is ours alone."""
    try:
        found = path.stat()
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror}") from error
    if found.st_mode & OTHERS:
        mode = found.st_mode & 0o777
        raise ConfigError(f"{path} is open to others (mode {mode:04o}): {remedy} {path}")
    if found.st_uid != os.geteuid():
        raise ConfigError(f"{path} belongs to user {found.st_uid}, not to us ({os.geteuid()})")
