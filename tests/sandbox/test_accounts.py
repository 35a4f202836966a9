"""Codes are good once, tokens until 03:30 IST."""

import pytest

from core.session import DAY_NS, at_ist
from sandbox.accounts import CLIENT_ID, CLIENT_SECRET, Accounts, Grant, token_end_ns
from tests.sandbox.markets import DAY

NOON = at_ist(DAY, "12:00")
REDIRECT = "http://127.0.0.1:5000/callback"


def accounts() -> Accounts:
    return Accounts("given", NOON)


def test_a_token_given_for_ever_outlives_the_night() -> None:
    for_ever = Accounts("T", NOON, token_ends=False)

    assert Grant.FULL == for_ever.grant("T", NOON + 400 * DAY_NS)


def test_the_given_token_is_good_until_half_past_three_of_the_next_morning() -> None:
    ends_ns = at_ist(DAY + 1, "03:30")

    assert Grant.FULL is accounts().grant("given", ends_ns - 1)
    assert accounts().grant("given", ends_ns) is None
    assert accounts().grant("other", NOON) is None


def test_a_token_made_after_midnight_ends_the_same_morning() -> None:
    assert at_ist(DAY, "03:30") == token_end_ns(at_ist(DAY, "01:00"))
    assert at_ist(DAY + 1, "03:30") == token_end_ns(at_ist(DAY, "03:30"))


def test_a_code_is_exchanged_once() -> None:
    held = accounts()
    code = held.code(CLIENT_ID, REDIRECT, NOON)
    assert code is not None
    made = held.exchange(code, CLIENT_ID, CLIENT_SECRET, REDIRECT, NOON)
    assert made is not None

    assert [Grant.FULL, Grant.EXTENDED] == [held.grant(token, NOON) for token in made]
    assert Grant.EXTENDED is held.grant(made[1], NOON + 30 * DAY_NS)
    assert held.exchange(code, CLIENT_ID, CLIENT_SECRET, REDIRECT, NOON) is None


@pytest.mark.parametrize(
    "wrong", [("other", CLIENT_SECRET, REDIRECT), (CLIENT_ID, "other", REDIRECT)]
)
def test_a_code_is_used_up_by_a_failure_too(wrong: tuple[str, str, str]) -> None:
    held = accounts()
    code = held.code(CLIENT_ID, REDIRECT, NOON)
    assert code is not None
    assert held.exchange(code, *wrong, NOON) is None

    assert held.exchange(code, CLIENT_ID, CLIENT_SECRET, REDIRECT, NOON) is None


def test_a_code_belongs_to_its_redirect_and_to_a_known_app() -> None:
    held = accounts()
    code = held.code(CLIENT_ID, REDIRECT, NOON)
    assert code is not None

    assert held.exchange(code, CLIENT_ID, CLIENT_SECRET, "http://elsewhere", NOON) is None
    assert held.code("nobody", REDIRECT, NOON) is None


def test_an_address_of_the_feed_lets_one_connection_in() -> None:
    held = accounts()
    code = held.socket_code(NOON)

    assert held.use_socket_code(code, NOON)
    assert not held.use_socket_code(code, NOON)
    assert not held.use_socket_code("guessed", NOON)
