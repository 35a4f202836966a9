"""What is asked before orders are real, of a running exchange and of this machine; and of whom."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.session import at_ist
from daemon.clocks import VirtualClock
from daemon.consent.readiness import (
    AtBroker,
    broker_readiness,
    check_evidence,
    check_lists,
    check_program,
    check_skew,
    for_real,
    local_checks,
)
from daemon.doctor import Check, Verdict, ok, warn
from daemon.memory.checkout import UNKNOWN, Checkout
from daemon.provenance import Origin, Provenance
from daemon.upstox.masters import KeptMasters
from providers.upstox.assets import Fetched
from providers.upstox.rest import UpstoxRest
from sandbox.accounts import USER, Grant
from tests.market import DAY, at
from tests.providers.upstox.masters import ROWS, packed
from tests.sandbox.serving import NOON, served

CLEAN = Checkout("0123456789ab", (), "f" * 16)
NOWHERE = "http://127.0.0.1:9"  # the port of nobody


def asked(
    *faults: str,
    account: str = "SANDBX",
    grant: Grant | None = None,
    ahead_ms: int | None = None,
    orders_at: str = "",
    registered: Sequence[str] = (),
) -> dict[str, Check]:
    """The checks by name, of a sandbox at noon.

    Args:
        grant: of another token than the full one. `ahead_ms`: of our clock; None: it is shared.
        registered: addresses from which orders may come, where not this one.
    """

    async def main() -> list[Check]:
        async with served(NOON, *faults) as here:
            accounts = here.sandbox.orders._accounts
            if registered:
                accounts._addresses = list(registered)
            token = "given" if grant is None else accounts.issue(grant, NOON)
            api = str(here.client.base_url)
            clock = None if ahead_ms is None else VirtualClock(NOON + ahead_ms * 1_000_000)
            reads = UpstoxRest(lambda: token, address=api)
            calls = UpstoxRest(lambda: token, address=orders_at or api)
            try:
                broker = AtBroker(calls=calls, reads=reads, api=api, account=account, clock=clock)
                return await broker_readiness(broker)
            finally:
                await reads.close()
                await calls.close()

    return {one.name: one for one in asyncio.run(main())}


def failed(checks: dict[str, Check]) -> dict[str, str]:
    return {name: one.found for name, one in checks.items() if one.verdict is Verdict.FAIL}


def test_an_account_that_may_trade_is_ready_and_nothing_was_placed() -> None:
    checks = asked()

    assert {} == failed(checks)
    assert "..BX is active, may trade NSE intraday" == checks["account"].found
    assert "takes calls" == checks["order host"].found


def test_a_token_of_another_account_is_none_of_ours() -> None:
    [found] = failed(asked(account="AB1234")).values()

    assert "the token is of account ..BX, not of ..34" == found


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("is_active", False, "it is not active"),
        ("exchanges", ["BSE"], "its exchanges lack NSE"),
        ("products", ["D"], "its products lack I"),
        ("order_types", ["MARKET", "LIMIT"], "its order_types lack SL-M"),
        ("products", None, "its products lack I"),
    ],
)
def test_an_account_that_may_not_trade_this_way_is_told_why(
    key: str, value: object, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(USER, key, value)

    assert f"..BX: {said}" == failed(asked())["account"]


@pytest.mark.parametrize("grant", [Grant.EXTENDED, Grant.ANALYTICS])
def test_a_token_that_only_reads_is_refused_by_account_and_order_host(grant: Grant) -> None:
    found = failed(asked(grant=grant))

    assert {"account", "order host"} == set(found)
    assert "read-only" in found["order host"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("order-401", "HTTP 401"),
        ("order-429", "HTTP 429"),
        ("html=403", "no JSON"),
    ],
)
def test_an_order_host_that_turns_calls_away_is_found_without_an_order(
    fault: str, said: str
) -> None:
    """Reads may all work meanwhile (F5, F7)."""
    assert said in failed(asked(fault))["order host"]


def test_calls_from_an_address_that_is_not_registered_are_found_before_the_first_order() -> None:
    assert "Static IP" in failed(asked(registered=["10.0.0.1"]))["order host"]


def test_an_order_host_that_nobody_reaches_is_named() -> None:
    assert "ConnectError" in failed(asked(orders_at=NOWHERE))["order host"]


@pytest.mark.parametrize(
    ("ahead_ms", "verdict"), [(0, "ok"), (700, "WARN"), (-2_100, "FAIL"), (60_000, "FAIL")]
)
def test_our_clock_is_held_against_the_exchanges(ahead_ms: int, verdict: str) -> None:
    checks = asked(ahead_ms=ahead_ms)

    assert verdict == checks["skew"].verdict
    assert Verdict.OK is checks["feed"].verdict


def test_two_seconds_are_still_a_warning() -> None:
    assert [Verdict.WARN, Verdict.FAIL] == [check_skew(ms).verdict for ms in (2_000, 2_001)]


# --- this machine --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("running", "verdict", "said"),
    [
        (CLEAN, Verdict.OK, "commit 0123456789ab"),
        (CLEAN._replace(changed=("core/engine.py",)), Verdict.FAIL, "changed: core/engine.py"),
        (CLEAN._replace(changed=tuple("abcde")), Verdict.FAIL, "changed: a, b, c ..."),
        (CLEAN._replace(commit=UNKNOWN), Verdict.FAIL, "its commit is not known"),
    ],
)
def test_a_program_that_is_not_as_committed_is_refused_unless_accepted(
    running: Checkout, verdict: Verdict, said: str
) -> None:
    check = check_program(running, accept_dirty_tree=False)
    accepted = check_program(running, accept_dirty_tree=True)

    assert (verdict, True) == (check.verdict, said in check.found)
    assert Verdict.FAIL is not accepted.verdict
    assert accepted.found == check.found


def test_parameters_without_evidence_are_a_warning_and_no_more() -> None:
    proven = Provenance("pixity", Origin.PROMOTED, "promoted from run ab")
    changed = Provenance("quick", Origin.DIFFERS, "differs from its evidence: sl_mult 1, was 2")

    good, odd = check_evidence([proven]), check_evidence([proven, changed])

    assert Verdict.OK is good.verdict
    assert "quick: differs from its evidence: sl_mult 1, was 2" == odd.found
    assert [Verdict.WARN] == [one.verdict for one in for_real([odd])]


def test_a_halt_file_keeps_a_day_from_being_real(tmp_path: Path) -> None:
    def of(directory: Path) -> Verdict:
        checks = local_checks(directory, CLEAN, accept_dirty_tree=False)
        return next(one.verdict for one in checks if one.name == "halt file")

    assert Verdict.OK is of(tmp_path)
    (tmp_path / "HALT").touch()
    assert Verdict.FAIL is of(tmp_path)


def test_lists_of_yesterday_are_no_lists_of_today(tmp_path: Path) -> None:
    async def told(name: str, tag: str) -> Fetched | None:
        return Fetched(packed(ROWS), "1")

    assert Verdict.FAIL is check_lists(tmp_path, at("09:00")).verdict
    asyncio.run(KeptMasters(tmp_path).refresh(told, at("08:30"), "upstox"))
    checks = [check_lists(tmp_path, when) for when in (at("09:00"), at_ist(DAY + 1, "09:00"))]
    assert [Verdict.OK, Verdict.FAIL] == [one.verdict for one in checks]
    assert "a newer one is made at 06:15" in checks[1].found


def test_a_missing_certificate_is_a_fault_where_orders_are_real() -> None:
    checks = [warn("certificate", "none of 2026-07-24", "certify"), warn("backups", "none", "wait")]

    assert [Verdict.FAIL, Verdict.WARN, Verdict.OK] == [
        one.verdict for one in for_real([*checks, ok("disk", "enough")])
    ]
