"""Whether a day may be real: at the start of a process, and before each later day."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core.errors import BrokerError, ConfigError, NotReady, TradingdError
from core.session import day_text
from daemon.consent.confirmation import FILE, Terms, confirm
from daemon.consent.consent import EXAMINE_EVERY_S, GOOD_FOR_NS, Consent
from daemon.doctor import Check, Verdict, fail, ok
from daemon.plan import Standing
from tests.consenting import TYPED_NS
from tests.market import DAY, at
from tests.virtual_loop import VirtualLoop, run_virtual

TERMS = Terms(account="AB1234", exchange="upstox", day=day_text(DAY), setup="f" * 16)
SOUND = [ok("disk", "enough"), ok("account", "active")]
NO_DISK = fail("disk", "3 MB free", "make room")
NO_TOKEN = Check(Verdict.FAIL, "account", "no access token", heals=True)
STRANGER = fail("account", "the token is of account ..78, not of ..34", "log in")


class Day:
    """One process before a day; `found` is what readiness finds, and may change."""

    def __init__(self, directory: Path, *found: Check) -> None:
        self.directory = directory
        self.found = list(found) or SOUND
        self.examined = 0
        self.standing = Standing()
        self.consent = Consent(
            directory,
            lambda day: replace(TERMS, day=day_text(day)),
            self._examine,
            ["at most ..."],
            self.standing,
        )

    async def _examine(self, now_ns: int) -> list[Check]:
        self.examined += 1
        return self.found

    def confirmed(self, day: int = DAY) -> "Day":
        terms = replace(TERMS, day=day_text(day))
        confirm(self.directory, terms, terms.sentence, TYPED_NS, "trader")
        return self

    def begun(self, *, under_way: bool = False, now_ns: int = at("09:00")) -> list[Check]:
        return asyncio.run(self.consent.require(DAY, now_ns, is_under_way=under_way))


# --- the start of a process ----------------------------------------------------------------------


def test_a_start_without_the_confirmation_asks_the_broker_nothing(tmp_path: Path) -> None:
    day = Day(tmp_path)
    with pytest.raises(ConfigError, match="mode live: 2026-07-22 is not confirmed: tradingd conf"):
        day.begun()

    assert 0 == day.examined


def test_a_start_that_is_confirmed_and_ready_goes_on(tmp_path: Path) -> None:
    assert [] == Day(tmp_path).confirmed().begun()


@pytest.mark.parametrize(
    ("found", "kind", "code"),
    [
        ([NO_DISK], NotReady, 1),
        ([NO_TOKEN], BrokerError, 4),
        ([NO_DISK, fail("order host", "HTTP 401", "")], BrokerError, 4),
        ([fail("token", "none", "log in")], BrokerError, 4),
    ],
)
def test_a_start_that_is_not_ready_is_refused_with_every_line(
    found: list[Check], kind: type[TradingdError], code: int, tmp_path: Path
) -> None:
    day = Day(tmp_path, ok("chain", "verified"), *found).confirmed()
    with pytest.raises(kind, match="mode live is refused, not ready: ") as refused:
        day.begun()

    assert code == refused.value.exit_code
    assert [str(one) for one in found] == day.standing.readiness


def test_a_day_under_way_goes_on_without_entries_so_that_positions_can_be_left(
    tmp_path: Path,
) -> None:
    """Only a token of somebody else is refused: those are not our positions."""
    day = Day(tmp_path, NO_DISK, NO_TOKEN).confirmed()

    assert [NO_DISK, NO_TOKEN] == day.begun(under_way=True)
    with pytest.raises(BrokerError, match="not ready: account"):
        Day(tmp_path, NO_DISK, STRANGER).begun(under_way=True)
    with pytest.raises(ConfigError, match="not confirmed"):
        Day(tmp_path / "other").begun(under_way=True)


# --- a later day ---------------------------------------------------------------------------------


def granted(
    day: Day,
    meanwhile: Callable[[], None] = lambda: None,
    *,
    at_s: float = 10.5,
    over_s: float = 3_600.0,
) -> tuple[bool, float]:
    """Whether consent was given, and after how many seconds; `meanwhile` happens at `at_s`."""

    async def main() -> tuple[bool, float]:
        loop = asyncio.get_running_loop()
        loop.call_later(at_s, meanwhile)
        begun_s = loop.time()

        def now_ns() -> int:
            return at("09:00") + round((loop.time() - begun_s) * 1e9)

        until_ns = at("09:00") + round(over_s * 1e9)
        given = await day.consent.granted(DAY, now_ns, until_ns, asyncio.Event())
        return given, loop.time() - begun_s

    given: tuple[bool, float] = run_virtual(VirtualLoop(), main())
    return given


def test_a_day_that_is_confirmed_and_ready_waits_for_nothing(tmp_path: Path) -> None:
    assert (True, 0.0) == granted(Day(tmp_path).confirmed())


def test_a_day_waits_for_its_own_confirmation_and_says_so(tmp_path: Path) -> None:
    day = Day(tmp_path).confirmed(DAY - 1)  # yesterday's is none of today
    shown: list[str | None] = []

    def type_it() -> None:
        shown.append(day.standing.waiting_for)
        day.confirmed()

    with capture_logs() as log:
        given, after_s = granted(day, type_it)

    assert (True, 11.0) == (given, after_s)
    assert ["consent to real orders: what is confirmed is day 2026-07-21, this is 2026-07-22"] == [
        str(one).partition(": tradingd")[0] for one in shown
    ]
    assert ["live_day_waits"] == [one["event"] for one in log]


def test_a_day_that_nobody_confirms_is_left_out_at_its_close(tmp_path: Path) -> None:
    with capture_logs() as log:
        assert (False, 3_600.0) == granted(Day(tmp_path))

    assert ["live_day_waits", "live_day_left_out"] == [one["event"] for one in log]


def test_a_day_that_is_not_ready_waits_until_it_is(tmp_path: Path) -> None:
    """As for the login of the morning, which may come after the confirmation."""
    day = Day(tmp_path, NO_TOKEN).confirmed()
    given, after_s = granted(day, lambda: setattr(day, "found", SOUND))

    assert (True, EXAMINE_EVERY_S) == (given, after_s)
    assert 2 == day.examined


def test_a_confirmation_that_is_taken_back_while_the_day_waits_is_gone(tmp_path: Path) -> None:
    day = Day(tmp_path, NO_TOKEN).confirmed()

    def take_back() -> None:
        (tmp_path / FILE).unlink()
        day.found = SOUND

    assert (False, 3_600.0) == granted(day, take_back)


def test_what_was_looked_at_a_moment_ago_is_not_asked_again(tmp_path: Path) -> None:
    soon, late = (Day(tmp_path).confirmed() for _ in range(2))
    soon.begun(now_ns=at("09:00"))
    late.begun(now_ns=at("09:00") - GOOD_FOR_NS)
    granted(soon)
    granted(late)

    assert (1, 2) == (soon.examined, late.examined)


def test_what_is_lacking_and_what_would_be_traded_is_shown(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.consent.lacks(DAY)
    told = day.standing.consent

    assert told is not None
    assert ("AB1234", "2026-07-22") == (told["account"], told["day"])
    assert ["at most ..."] == told["lines"]
    assert "2026-07-22 is not confirmed: tradingd confirm" == told["lacks"]
