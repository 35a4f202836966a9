"""An account goes on under another setup: nothing of it is lost, nothing is guessed."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from core.errors import ConfigError, StoreFailed
from core.ports import LedgerEvent
from core.rules.holdings import OPEN, POSITION
from core.types import Instrument, InstrumentId
from daemon.desk import Desk, DeskSetup
from daemon.snapshot import opened as opened_snapshot
from daemon.snapshot import packed
from daemon.sources import groups_of
from tests.daemon.test_desk import FIRST, SETUP, opened, play
from tests.market import ALWAYS_OPEN

NAME, KIND, OWN = SETUP.strategies[0]
C = Instrument(InstrumentId("C"), "C", ALWAYS_OPEN)


@pytest.fixture(scope="module")
def before() -> Desk:
    """A desk at the close of a day on which it was left with positions open."""
    desk = Desk(SETUP)
    opened(desk, FIRST)
    play(desk, FIRST)
    assert all(desk.engine.position_of(number) for number in (0, 1))
    return desk


@pytest.fixture(scope="module")
def closed(before: Desk) -> LedgerEvent:
    return before.close_day(1)


def with_instruments(*instruments: Instrument) -> DeskSetup:
    return replace(SETUP, instruments=instruments, groups=groups_of(instruments))


def with_settings(**changes: object) -> DeskSetup:
    return replace(SETUP, strategies=((NAME, KIND, OWN.model_copy(update=changes)),))


def carried(setup: DeskSetup, closed: LedgerEvent) -> Desk:
    desk = Desk(setup)
    desk.carry_over(closed)
    return desk


def positions_of(desk: Desk) -> dict[str, object]:
    return {symbol: desk.engine.position_of(number) for number, symbol in enumerate(desk.symbols)}


def test_other_parameters_and_code_carry_the_whole_account(
    before: Desk, closed: LedgerEvent
) -> None:
    desk = carried(replace(with_settings(sl_mult=9.0, ema_fast=5), code="later"), closed)

    assert desk.engine.holdings.account.tobytes() == before.engine.holdings.account.tobytes()
    assert desk.engine.holdings.positions.tobytes() == before.engine.holdings.positions.tobytes()
    assert np.array_equal(desk.engine.holdings.since_exit, before.engine.holdings.since_exit)
    assert desk.engine.orders == before.engine.orders
    assert positions_of(desk) == positions_of(before)


def test_symbols_in_another_order_and_a_new_one_keep_their_own_positions(
    before: Desk, closed: LedgerEvent
) -> None:
    a, b = SETUP.instruments
    desk = carried(with_instruments(b, C, a), closed)

    assert positions_of(desk) == positions_of(before) | {"C": None}
    assert np.array_equal(
        desk.engine.holdings.since_exit[:, [2, 0]], before.engine.holdings.since_exit
    )


def test_an_open_position_of_a_symbol_that_is_gone_is_named(closed: LedgerEvent) -> None:
    with pytest.raises(ConfigError, match="position or order in B, and symbol B is not configured"):
        carried(with_instruments(SETUP.instruments[0]), closed)


def test_an_open_position_of_a_strategy_that_is_gone_is_named(closed: LedgerEvent) -> None:
    other = replace(SETUP, strategies=(("other", KIND, OWN),))

    with pytest.raises(ConfigError, match=f"{NAME} has an open position or order in A"):
        carried(other, closed)


def test_a_symbol_and_a_strategy_that_are_flat_may_go(before: Desk) -> None:
    desk = Desk(SETUP)
    opened(desk, FIRST)
    play(desk, FIRST)
    desk.finish()
    other = replace(with_instruments(SETUP.instruments[1]), strategies=(("other", KIND, OWN),))
    after = carried(other, desk.close_day(1))

    result = desk.engine.holdings.account["realised_paise"][0]
    assert after.engine.holdings.account["realised_paise"][0] == result != 0


def test_a_strategy_is_found_by_its_name_behind_a_new_one(
    before: Desk, closed: LedgerEvent
) -> None:
    desk = carried(replace(SETUP, strategies=(("new", KIND, OWN), *SETUP.strategies)), closed)

    assert desk.engine.holdings.positions["strategy"].tolist() == [1, 1]
    assert np.array_equal(desk.engine.holdings.since_exit[1:], before.engine.holdings.since_exit)
    assert (desk.engine.holdings.since_exit[0] > 10**9).all()


def test_bars_are_counted_on_in_those_of_the_new_timeframe(
    before: Desk, closed: LedgerEvent
) -> None:
    desk = carried(with_settings(timeframe="15m"), closed)  # it was 5m
    held = before.engine.holdings.positions["bars_held"]
    waited = before.engine.holdings.since_exit

    assert (held > 3).all()
    assert desk.engine.holdings.positions["bars_held"].tolist() == (held // 3).tolist()
    known = waited < 10**9
    assert (desk.engine.holdings.since_exit[known] == waited[known] // 3).all()
    assert (desk.engine.holdings.since_exit[~known] == waited[~known]).all()


def rewritten(closed: LedgerEvent, change: Callable[[dict[str, np.ndarray]], None]) -> LedgerEvent:
    arrays, facts = opened_snapshot(closed.blob or b"")
    change(arrays)
    return replace(closed, blob=packed(arrays, facts))


def test_fields_of_another_version_are_found_by_name(before: Desk, closed: LedgerEvent) -> None:
    def widen(arrays: dict[str, np.ndarray]) -> None:
        kept = arrays["positions"]
        fields = [("added", "f8"), *[(name, kept.dtype[name]) for name in kept.dtype.names[::-1]]]
        arrays["positions"] = np.zeros(len(kept), fields)
        for name in kept.dtype.names:
            arrays["positions"][name] = kept[name]

    assert positions_of(carried(SETUP, rewritten(closed, widen))) == positions_of(before)


def without(name: str) -> Callable[[dict[str, np.ndarray]], None]:
    def strip(arrays: dict[str, np.ndarray]) -> None:
        kept = [field for field in POSITION.names or () if field != name]
        arrays["positions"] = arrays["positions"][kept].copy()

    return strip


def test_an_open_position_without_a_number_that_is_needed_is_refused(closed: LedgerEvent) -> None:
    with pytest.raises(StoreFailed, match="open position of A was kept without target"):
        carried(SETUP, rewritten(closed, without("target")))


def test_a_carried_position_is_watched_with_its_own_bracket(
    before: Desk, closed: LedgerEvent
) -> None:
    desk = carried(with_settings(sl_mult=1.0, tp_mult=1.0), closed)

    assert (desk.engine.holdings.positions["status"] == OPEN).all()
    assert np.array_equal(
        desk.engine.holdings.positions["stop"], before.engine.holdings.positions["stop"]
    )
