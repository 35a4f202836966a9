"""Whose days a state directory holds: of one mode, one account and one source, and no other."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.ports import EventKind, LedgerEvent
from daemon.memory.start import read_ledger
from daemon.plan import NO_ACCOUNT, Plan
from daemon.proof.recipe import run_identity
from stores.ledger import SqliteLedger
from stores.views import RowOrder
from tests.daemon.days import synthetic_plan


@pytest.mark.parametrize("theirs", ["paper", "observe", "live AB1234"])
@pytest.mark.parametrize("ours", ["paper", "observe", "live AB1234", "live CD5678"])
def test_days_of_real_orders_paper_and_another_account_are_never_mixed(
    theirs: str, ours: str, tmp_path: Path
) -> None:
    """One line that names both; nothing is written."""
    opened(synthetic_of(theirs), tmp_path)
    if ours == theirs:
        opened(synthetic_of(ours), tmp_path)
        return
    with pytest.raises(ConfigError, match=r"belongs to mode .*; this is mode") as refused:
        opened(synthetic_of(ours), tmp_path)
    for side in (theirs, ours):
        assert side.replace("live ", "live, account ") in str(refused.value)


def test_the_scope_of_real_orders_is_mode_account_and_book() -> None:
    live = synthetic_of("live AB1234")

    assert "live|AB1234|main" == live.scope_of("main")
    assert "live|paper|trial" == live.scope_of("trial")  # a shadow sends nothing
    assert "paper|paper|main" == synthetic_of("paper").scope_of("main")
    assert "LIVE synthetic seed 1, account AB1234" == live.headline


def synthetic_of(whose: str) -> Plan:
    """Of a mode, and of an account where it has one."""
    mode, _, account = whose.partition(" ")
    return replace(synthetic_plan(mode=mode), account=account or NO_ACCOUNT)


def opened(plan: Plan, directory: Path) -> None:
    """Open a directory as a start does; one without a ledger then begins with a run of `plan`."""
    ledger = SqliteLedger(directory, RowOrder())
    try:
        if not ledger.head()[0]:
            start = LedgerEvent(0, EventKind.RUN_START, "2026-07-27", run_identity(plan))
            ledger.append([start])
        read_ledger(ledger, plan, directory)
    finally:
        ledger.close()


def test_a_ledger_of_before_there_were_accounts_is_of_none(tmp_path: Path) -> None:
    plan = synthetic_of("paper")
    old = {name: one for name, one in run_identity(plan).items() if name != "account"}
    ledger = SqliteLedger(tmp_path, RowOrder())
    ledger.append([LedgerEvent(0, EventKind.RUN_START, "2026-07-27", old)])
    ledger.close()
    opened(plan, tmp_path)

    with pytest.raises(
        ConfigError, match="belongs to mode paper, synthetic seed 1; this is mode live"
    ):
        opened(synthetic_of("live AB1234"), tmp_path)
