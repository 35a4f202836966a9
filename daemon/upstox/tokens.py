"""Where the broker's access token lies: environment, systemd credential, or the file of a login.

Decides the order of the places and who may read them; what a token is worth is
`providers/upstox/auth.py`'s part. Never shows one.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import SecretStr

from daemon.config import UPSTOX_TOKEN, Settings
from providers.upstox.auth import Tokens
from stores.secret_files import plain_secret, read_secret

TOKEN_FILE = "secrets/upstox_token.json"  # in the state directory
CREDENTIAL = "upstox_token"
NEED_TOKEN: frozenset[str] = frozenset({"upstox"})  # kinds of feed
CREDENTIALS = "CREDENTIALS_DIRECTORY"  # of systemd, LoadCredential=


def tokens_of(
    path: Path,
    environ: Mapping[str, str],
    now_ns: Callable[[], int],
    learned: Callable[[SecretStr], None] = lambda _: None,
) -> Tokens:
    """The token of this process, each time anew; `path`: of the file that `tradingd login` writes.

    Args as those of `Tokens`.
    """
    places: dict[str, Callable[[], str | None]] = {
        UPSTOX_TOKEN: lambda: environ.get(UPSTOX_TOKEN, "").strip()
    }
    if folder := environ.get(CREDENTIALS):
        places["systemd credential"] = lambda: _granted(Path(folder) / CREDENTIAL)
    places[str(path)] = lambda: read_secret(path)
    return Tokens(places, now_ns, learned)


def tokens_for(
    settings: Settings,
    environ: Mapping[str, str],
    now_ns: Callable[[], int],
    learned: Callable[[SecretStr], None] = lambda _: None,
) -> Tokens | None:
    """Those of the configured feed; None: it needs no token of the broker's."""
    if settings.feed.kind not in NEED_TOKEN:
        return None
    return tokens_of(token_path(settings), environ, now_ns, learned)


def token_path(settings: Settings) -> Path:
    """Of the file that `tradingd login` writes."""
    named = settings.upstox.token_file
    return Path(named) if named else Path(settings.paths.state_dir) / TOKEN_FILE


def _granted(path: Path) -> str | None:
    """Who may read a credential is the service manager's rule."""
    return plain_secret(path) if path.exists() else None
