"""A day traded at the sandbox: what the ledger holds is what the exchange has, over every kill."""

from collections import defaultdict
from pathlib import Path

import pytest

from core.types import TradingState
from tests.daemon.live_day import Kill, LiveDay, live_day

UNTIL = "13:52"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> LiveDay:
    return live_day(tmp_path_factory.mktemp("live"), until=UNTIL)


def booked(day: LiveDay) -> list[tuple[object, ...]]:
    """Of the ledger: order, fill, shares and price of each fill."""
    names = ("order_id", "fill_id", "quantity", "price")
    return sorted(tuple(row[name] for name in names) for row in day.rows("fills"))


def traded(day: LiveDay) -> list[tuple[object, ...]]:
    """The same, as the exchange's tape has it."""
    return sorted(
        (one.order.terms.tag, one.trade_id, one.quantity, one.price_paise / 100) for one in day.tape
    )


def held(day: LiveDay) -> dict[str, int]:
    """By the fills of the ledger."""
    shares: dict[str, int] = defaultdict(int)
    for row in day.rows("fills"):
        sign = 1 if row["side"] == "BUY" else -1
        shares[str(row["instrument"])] += sign * int(str(row["quantity"]))
    return {symbol: count for symbol, count in shares.items() if count}


def check_agreed(day: LiveDay) -> None:
    """Every fill once, no order twice, the position is the exchange's, and its exit is one order:
    the stop, or the market order in place of one that never came to the exchange."""
    assert booked(day) == traded(day)
    assert held(day) == day.held
    roles: dict[str, set[str]] = defaultdict(set)
    for tag in day.at_exchange:
        roles[tag[:-1]].add(tag[-1])
    assert {"".join(sorted(one)) for one in roles.values()} <= {"E", "ES", "EK"}


def test_every_fill_of_the_exchange_is_in_the_ledger_once(day: LiveDay) -> None:
    check_agreed(day)
    assert len(booked(day)) > 5
    assert day.rows("trades")
    assert day.reached["broker.submit.before"] == len(day.at_exchange)
    assert day.state is TradingState.ACTIVE


@pytest.mark.slow
def test_a_live_day_has_the_signals_of_the_same_day_on_paper(day: LiveDay, tmp_path: Path) -> None:
    paper = live_day(tmp_path, until=UNTIL, mode="paper")
    names = ("instrument", "kind", "side", "bar_open_ns", "status")
    ours, theirs = ([[row[n] for n in names] for row in d.rows("signals")] for d in (day, paper))

    assert len(theirs) > 2
    assert ours == theirs
    assert paper.tape == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "kill",
    [
        Kill("broker.submit.after"),
        Kill("broker.submit.after", 2),
        Kill("broker.submit.before", 2),
        Kill("broker.report.before", 2),
        Kill("broker.report.after", 4),
        Kill("ledger.commit.after", 12),
    ],
    ids=lambda kill: f"{kill.at}-{kill.nth}",
)
def test_a_killed_day_goes_on_with_every_fill_once(kill: Kill, tmp_path: Path) -> None:
    day = live_day(tmp_path, kills=[kill], until="13:52")
    check_agreed(day)
    assert day.rows("trades")
