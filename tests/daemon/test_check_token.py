"""The broker's token among the checks of readiness."""

from pathlib import Path

import pytest

from core.session import DAY_NS, at_ist, parse_day
from daemon.config import Settings
from daemon.doctor import Check, Verdict, check_token, examine
from daemon.upstox.tokens import CREDENTIALS, tokens_for
from providers.upstox.auth import Tokens, issued
from tests.providers.upstox.tokens import DAY, MORNING, NIGHT, jwt

SUNDAY = parse_day("2026-08-09")


def checked(content: str | None, now_ns: int = MORNING) -> Check:
    tokens = Tokens({"file": lambda: content}, lambda: now_ns)
    return check_token(tokens, now_ns, frozenset())


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (issued("planted", MORNING).kept(), "file, until 2026-08-06T03:30:00+05:30"),
        (jwt(MORNING + 365 * DAY_NS), "file, read-only, until 2027-08-05T08:45:00+05:30"),
        ("planted", "file, until the broker refuses it"),
    ],
)
def test_a_token_that_outlives_the_day_is_well(content: str, found: str) -> None:
    check = checked(content)

    assert (Verdict.OK, found) == (check.verdict, check.found)


@pytest.mark.parametrize(
    ("content", "now_ns", "found"),
    [
        (None, MORNING, "no access token: run `tradingd login`"),
        (
            issued("planted", MORNING).kept(),
            NIGHT,
            "the access token (file) ended at 03:30 on 2026-08-06: run `tradingd login`",
        ),
        ("two words", MORNING, "file: no access token: letters, digits and -._~+/= make one"),
    ],
)
def test_without_a_good_one_the_check_fails_and_heals(
    content: str | None, now_ns: int, found: str
) -> None:
    check = checked(content, now_ns)

    assert (Verdict.FAIL, found, True) == (check.verdict, check.found, check.heals)
    assert "planted" not in str(check)


def test_one_that_ends_before_todays_close_is_a_warning() -> None:
    before, after = at_ist(DAY, "02:00"), at_ist(DAY, "16:00")
    kept = issued("planted", before).kept()
    short = issued("planted", at_ist(SUNDAY, "02:00")).kept()

    assert Verdict.WARN is checked(kept, before).verdict
    assert "before today's close: run `tradingd login`" in str(checked(kept, before))
    assert Verdict.OK is checked(short, at_ist(SUNDAY, "03:00")).verdict  # no session to outlive
    assert Verdict.OK is checked(jwt(at_ist(DAY, "16:30")), after).verdict  # it is over


def test_a_feed_that_needs_none_is_not_asked_for_one(tmp_path: Path) -> None:
    settings = Settings.model_validate({"paths": {"state_dir": str(tmp_path)}})
    environ = {CREDENTIALS: str(tmp_path)}

    assert tokens_for(settings, environ, lambda: MORNING) is None
    assert "token" not in {one.name for one in examine(tmp_path, MORNING)}
    last = list(examine(tmp_path, MORNING, tokens=Tokens({}, lambda: MORNING)))[-1]
    assert ("token", Verdict.FAIL) == (last.name, last.verdict)
