"""Where the broker's token comes from, in order: environment, credential, file of the login."""

from pathlib import Path

import pytest

from core.errors import AuthExpired
from daemon.config import UPSTOX_TOKEN
from daemon.upstox.tokens import CREDENTIAL, CREDENTIALS, TOKEN_FILE, tokens_of
from providers.upstox.auth import Tokens, issued
from stores.secret_files import keep_secret
from tests.providers.upstox.tokens import MORNING


def tokens(directory: Path, **environ: str) -> Tokens:
    return tokens_of(directory / TOKEN_FILE, environ, lambda: MORNING, lambda secret: None)


def test_environment_goes_before_credential_before_file(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / CREDENTIAL).write_text("granted\n")
    (credentials / CREDENTIAL).chmod(0o440)  # as systemd's access list shows
    keep_secret(tmp_path / TOKEN_FILE, issued("kept", MORNING).kept())
    granted = {CREDENTIALS: str(credentials)}

    assert "static" == tokens(tmp_path, **granted, **{UPSTOX_TOKEN: " static\n"})()
    assert "granted" == tokens(tmp_path, **granted)()
    assert "kept" == tokens(tmp_path, **{CREDENTIALS: str(tmp_path)})()
    assert "kept" == tokens(tmp_path)()


def test_a_login_after_the_start_is_seen(tmp_path: Path) -> None:
    held = tokens(tmp_path)

    with pytest.raises(AuthExpired, match="no access token"):
        held()
    keep_secret(tmp_path / TOKEN_FILE, issued("kept", MORNING).kept())
    assert "kept" == held()


def test_a_file_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / TOKEN_FILE
    keep_secret(path, issued("planted", MORNING).kept())
    path.chmod(0o644)

    with pytest.raises(AuthExpired) as error:
        tokens(tmp_path)()
    assert f"{path} is open to others (mode 0644): chmod 600 {path}" == str(error.value)
