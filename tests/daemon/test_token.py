"""The token file: made once, for its owner alone, and nothing weaker is accepted."""

from pathlib import Path

import pytest

from core.errors import ConfigError
from daemon.dashboard.token import MIN_TOKEN_BYTES, TOKEN_FILE, kept_token


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "var"
    path.mkdir(mode=0o700)
    return path


def written(directory: Path, text: str, mode: int = 0o600) -> Path:
    path = directory / TOKEN_FILE
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def refusal(directory: Path) -> str:
    with pytest.raises(ConfigError) as error:
        kept_token(directory)
    return str(error.value)


def test_the_first_start_makes_a_token_for_its_owner_alone(directory: Path) -> None:
    token = kept_token(directory)
    path = directory / TOKEN_FILE

    assert 0o600 == path.stat().st_mode & 0o777
    assert len(token.get_secret_value()) >= MIN_TOKEN_BYTES
    assert [path] == list(directory.iterdir())


def test_later_starts_have_the_same_token_and_other_directories_another(
    directory: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)

    assert kept_token(directory) == kept_token(directory)
    assert kept_token(directory) != kept_token(other)


def test_a_token_of_the_operators_own_is_taken_as_it_is(directory: Path) -> None:
    written(directory, "a" * MIN_TOKEN_BYTES + "\n")

    assert "a" * MIN_TOKEN_BYTES == kept_token(directory).get_secret_value()


def test_a_token_does_not_show_itself(directory: Path) -> None:
    secret = kept_token(directory).get_secret_value()

    assert secret not in f"{kept_token(directory)!r} {kept_token(directory)}"


@pytest.mark.parametrize("text", ["", "\n", "a" * (MIN_TOKEN_BYTES - 1)])
def test_a_short_token_refuses_the_start(directory: Path, text: str) -> None:
    path = written(directory, text)

    assert (
        f"{path} holds {len(text.strip())} bytes, a token has 32 or more:"
        " remove it, and the next start makes one"
    ) == refusal(directory)


@pytest.mark.parametrize("text", ["é" * 32, "two words " * 4, '"quoted"' * 4, "\\" * 32])
def test_a_token_that_a_header_or_a_log_would_change_refuses_the_start(
    directory: Path, text: str
) -> None:
    path = written(directory, text)

    assert f"{path} holds no token: letters, digits and -._~+/= make one" == refusal(directory)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_token_that_others_may_read_refuses_the_start(directory: Path, mode: int) -> None:
    path = written(directory, "a" * MIN_TOKEN_BYTES, mode)

    assert f"{path} is open to others (mode {mode:04o}): chmod 600 {path}" == refusal(directory)


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o755])
def test_a_directory_that_others_may_enter_refuses_the_start(directory: Path, mode: int) -> None:
    directory.chmod(mode)

    assert "chmod 700" in refusal(directory)
    assert [] == list(directory.iterdir())


def test_a_service_managers_credential_goes_before_the_file(
    directory: Path, tmp_path: Path
) -> None:
    """It is shown as readable by a group: systemd grants it by an access list."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    written(credentials, "c" * MIN_TOKEN_BYTES, mode=0o440)

    assert "c" * MIN_TOKEN_BYTES == kept_token(directory, credentials).get_secret_value()
    assert [] == list(directory.iterdir())


def test_without_a_credential_the_file_is_taken(directory: Path, tmp_path: Path) -> None:
    assert kept_token(directory, tmp_path) == kept_token(directory)


def test_a_credential_that_is_too_short_is_refused(directory: Path, tmp_path: Path) -> None:
    written(tmp_path, "short")

    with pytest.raises(ConfigError, match="holds 5 bytes"):
        kept_token(directory, tmp_path)
