"""The token that every change from the page needs: made at the first start, kept beside the ledger.

Whoever can read its file may command the daemon; it is never shown, logged or put into an address.
"""

import os
import re
import secrets
from pathlib import Path

from pydantic import SecretStr

from core.errors import ConfigError, StoreFailed
from stores.files import DiskFiles

TOKEN_FILE = "page.token"
MIN_TOKEN_BYTES = 32
# RFC 9110 11.2: what a header carries, and no text format escapes, so that a log can be searched.
FORM = re.compile(r"[A-Za-z0-9._~+/=-]*")
OTHERS = 0o077  # whatever group and world may do with a file


def kept_token(directory: Path, credentials: Path | None = None) -> SecretStr:
    """The token of the state directory `directory`; a new one where there is none.

    Where the folder of a service manager's `credentials` holds one, it is that, and who may read it
    is the service manager's rule. The caller holds the lock of the directory. Raises ConfigError
    where others could read the file, or where the token is shorter than 32 bytes; StoreFailed where
    it cannot be kept.
    """
    _refuse_shared(directory, "chmod 700")
    path = directory / TOKEN_FILE
    try:
        if credentials is not None and (credentials / TOKEN_FILE).exists():
            path = credentials / TOKEN_FILE
        else:
            if not path.exists():
                _make(path)
            _refuse_shared(path, "chmod 600")
        token = path.read_bytes().strip().decode(errors="replace")
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror}") from error
    if not FORM.fullmatch(token):
        raise ConfigError(f"{path} holds no token: letters, digits and -._~+/= make one")
    if len(token) < MIN_TOKEN_BYTES:
        raise ConfigError(
            f"{path} holds {len(token)} bytes, a token has {MIN_TOKEN_BYTES} or more:"
            " remove it, and the next start makes one"
        )
    return SecretStr(token)


def _make(path: Path) -> None:
    """Whole or not at all, and never for a moment readable by others."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(f"{secrets.token_urlsafe(MIN_TOKEN_BYTES)}\n")
    DiskFiles().publish(partial, path)


def _refuse_shared(path: Path, remedy: str) -> None:
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
