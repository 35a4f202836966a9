"""Which order is withheld at the last moment: an entry, once anything halts, and no exit ever."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from brokers.paper import PaperBroker
from core.ports import Broker, BrokerReport, Clock, ReportKind
from core.types import Command, Instrument
from daemon.clocks import VirtualClock
from daemon.orders.wiring import traffic_of
from daemon.plan import Withheld
from tests.brokers.upstox.rows import ENTRY, STOP
from tests.daemon.brokered import DAYS, PLAN, Brokered


def withheld_by(told: Brokered) -> Withheld:
    """As the broker of the day is given it."""
    given: list[Withheld] = []

    def opened(clock: Clock, instruments: Sequence[Instrument], withheld: Withheld) -> Broker:
        given.append(withheld)
        return PaperBroker(clock.now_ns)

    assert traffic_of(replace(PLAN, orders=opened), told.floor, VirtualClock(1), lambda: None)
    return given[0]


@pytest.mark.parametrize("command", [Command.HALT, Command.REDUCE, Command.FLATTEN])
def test_an_entry_that_waits_is_withheld_by_a_command_and_an_exit_is_not(command: Command) -> None:
    told = Brokered(DAYS[2])
    withheld = withheld_by(told)
    assert ("", "") == (withheld(ENTRY), withheld(STOP))
    told.floor.obey(command, "operator", 1)
    state = told.floor.main.state.name

    assert (f"trading is {state}", "") == (withheld(ENTRY), withheld(STOP))
    told.floor.obey(Command.RESUME, "operator", 1)
    assert "" == withheld(ENTRY)


def test_an_entry_that_waits_is_withheld_by_a_breaker_and_by_the_days_loss() -> None:
    told = Brokered(DAYS[2])
    withheld = withheld_by(told)
    told.tell(BrokerReport(ReportKind.STRANGER, "240722", 1, "bought by hand"))
    assert ("unknown_order", "") == (withheld(ENTRY), withheld(STOP))
    told.floor.obey(Command.RESUME, "operator", 1)
    told.floor.main.engine.holdings.account["day_loss_latched"] = True

    assert ("day_loss", "") == (withheld(ENTRY), withheld(STOP))
