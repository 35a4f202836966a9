"""The token that every change from the page needs: made at the first start, kept beside the ledger.

Whoever can read its file may command the daemon; it is never shown, logged or put into an address.
"""

import re
import secrets
from pathlib import Path

from pydantic import SecretStr

from core.errors import ConfigError
from stores.secret_files import keep_secret, plain_secret, read_secret, refuse_shared

TOKEN_FILE = "page.token"
MIN_TOKEN_BYTES = 32
# RFC 9110 11.2: what a header carries, and no text format escapes, so that a log can be searched.
FORM = re.compile(r"[A-Za-z0-9._~+/=-]*")


def kept_token(directory: Path, credentials: Path | None = None) -> SecretStr:
    """The token of the state directory `directory`; a new one where there is none.

    Where the folder of a service manager's `credentials` holds one, it is that, and who may read it
    is the service manager's rule. The caller holds the lock of the directory. Raises ConfigError
    where others could read the file, or where the token is shorter than 32 bytes; StoreFailed where
    it cannot be kept.
    """
    refuse_shared(directory, "chmod 700")
    path = directory / TOKEN_FILE
    if credentials is not None and (credentials / TOKEN_FILE).exists():
        path = credentials / TOKEN_FILE
        token = plain_secret(path)
    else:
        if not path.exists():
            keep_secret(path, secrets.token_urlsafe(MIN_TOKEN_BYTES))
        token = read_secret(path) or ""
    if not FORM.fullmatch(token):
        raise ConfigError(f"{path} holds no token: letters, digits and -._~+/= make one")
    if len(token) < MIN_TOKEN_BYTES:
        raise ConfigError(
            f"{path} holds {len(token)} bytes, a token has {MIN_TOKEN_BYTES} or more:"
            " remove it, and the next start makes one"
        )
    return SecretStr(token)
