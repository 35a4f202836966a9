"""The access token: until when it is good, what it is for, and that it is never shown."""

from collections.abc import Callable

import pytest
from pydantic import SecretStr

from core.errors import AuthExpired, ConfigError, StoreFailed
from core.session import DAY_NS, at_ist
from providers.upstox.auth import AccessToken, Tokens, issued, next_end_ns, token_in
from tests.providers.upstox.tokens import DAY, MORNING, NIGHT, jwt

YEAR_NS = 365 * DAY_NS


# --- what one is worth ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (at_ist(DAY, "00:00"), at_ist(DAY, "03:30")),
        (at_ist(DAY, "03:29"), at_ist(DAY, "03:30")),
        (at_ist(DAY, "03:30"), NIGHT),
        (at_ist(DAY, "08:45"), NIGHT),
        (at_ist(DAY, "23:59"), NIGHT),
    ],
)
def test_a_token_ends_at_the_half_past_three_that_follows_its_issue(now: int, end: int) -> None:
    assert end == next_end_ns(now)
    assert end == issued("opaque", now).ends_ns


def test_a_token_that_tells_its_end_is_believed() -> None:
    token = issued(jwt(NIGHT - 1_000_000_000), MORNING)

    assert NIGHT - 1_000_000_000 == token.ends_ns
    assert (True, False) == (token.is_good(token.ends_ns - 1), token.is_good(token.ends_ns))


def test_a_token_that_outlives_its_day_is_read_only() -> None:
    assert not token_in(jwt(NIGHT)).is_read_only
    assert token_in(jwt(MORNING + YEAR_NS)).is_read_only


@pytest.mark.parametrize("text", ["opaque", "a.b.c", "a.e30.c", "a.W10.c", "a.eyJleHAiOiJ4In0.c"])
def test_a_static_token_that_tells_no_end_has_none_that_we_know(text: str) -> None:
    token = token_in(text)

    assert (None, False, True) == (token.ends_ns, token.is_read_only, token.is_good(NIGHT))


def test_what_was_kept_is_found_again() -> None:
    for token in (
        issued("opaque", MORNING, "Sandbox Trader (SANDBX)"),
        issued(jwt(MORNING + YEAR_NS), MORNING),
        AccessToken(SecretStr("opaque"), None, True),
    ):
        assert token == token_in(token.kept())


@pytest.mark.parametrize(
    "content",
    [
        "two words",
        '"quoted"',
        "é",
        "a" * 4097,
        "{",
        "{}",
        '{"access_token": "planted token"}',
        '{"access_token": "planted-token", "ends": "tomorrow"}',
        '{"access_token": "planted-token", "ends": "2026-08-06T03:30:00"}',
    ],
)
def test_what_is_no_token_is_refused_and_not_shown(content: str) -> None:
    with pytest.raises(ConfigError) as error:
        token_in(content)

    assert str(error.value).startswith("no ")
    assert "planted" not in str(error.value)


def test_a_token_does_not_show_itself() -> None:
    assert "planted" not in f"{issued('planted', MORNING)!r} {issued('planted', MORNING)}"


# --- which one is sent ---------------------------------------------------------------------------


def tokens(now_ns: int, /, **contents: str | None) -> Tokens:
    places: dict[str, Callable[[], str | None]] = {
        name: lambda content=content: content  # type: ignore[misc]
        for name, content in contents.items()
    }
    return Tokens(places, lambda: now_ns)


def refusal(held: Tokens) -> str:
    with pytest.raises(AuthExpired) as error:
        held()
    return str(error.value)


def test_the_first_place_that_holds_a_token_is_asked() -> None:
    assert "one" == tokens(MORNING, first="one", second="two")()
    assert "two" == tokens(MORNING, first=None, second="two")()
    assert "two" == tokens(MORNING, first="", second="two")()


def test_a_token_that_has_ended_makes_room_for_the_next_place() -> None:
    held = tokens(NIGHT, first=jwt(NIGHT), second="two")

    assert "two" == held()


def test_without_a_token_a_login_is_asked_for() -> None:
    assert "no access token: run `tradingd login`" == refusal(tokens(MORNING, first=None))


def test_a_token_that_has_ended_is_not_sent() -> None:
    held = tokens(NIGHT, file=issued("planted", MORNING).kept())

    assert (
        "the access token (file) ended at 03:30 on 2026-08-06: run `tradingd login`"
    ) == refusal(held)


def test_a_new_token_is_used_with_the_next_request_and_learned_before() -> None:
    kept = [issued("one", MORNING).kept()]
    learned: list[str] = []
    held = Tokens(
        {"file": lambda: kept[0]},
        lambda: MORNING,
        lambda secret: learned.append(secret.get_secret_value()),
    )
    sent = [held(), held()]
    kept[0] = issued("two", MORNING).kept()
    sent.append(held())

    assert ["one", "one", "two"] == sent
    assert ["one", "two"] == learned


@pytest.mark.parametrize("error", [ConfigError("file is open"), StoreFailed("file: no such disk")])
def test_a_place_that_must_not_be_read_is_a_login_that_is_missing(error: Exception) -> None:
    def broken() -> str:
        raise error

    assert str(error) == refusal(Tokens({"file": broken}, lambda: MORNING))


def test_a_place_with_something_else_in_it_is_named() -> None:
    assert refusal(tokens(MORNING, variable="two words")).startswith("variable: no access token")
