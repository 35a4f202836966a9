"""An account goes on under another setup: nothing of it is lost, nothing is guessed."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from core.errors import ConfigError, StoreFailed
from core.ports import LedgerEvent
from core.rules.holdings import FLAT, OPEN, POSITION
from core.types import Instrument, InstrumentId
from daemon.desk import DeskSetup
from daemon.floor import Floor
from daemon.memory.carrying import TOLD
from daemon.memory.snapshot import opened as opened_snapshot
from daemon.memory.snapshot import packed
from daemon.sources import groups_of
from tests.daemon.test_floor import FIRST, SETUP, opened, play
from tests.market import ALWAYS_OPEN

NAME, KIND, OWN = SETUP.strategies[0]
C = Instrument(InstrumentId("C"), "C", ALWAYS_OPEN)


@pytest.fixture(scope="module")
def before() -> Floor:
    """A floor at the close of a day on which it was left with positions open."""
    floor = Floor((SETUP,))
    opened(floor, FIRST)
    play(floor, FIRST)
    assert all(floor.main.engine.position_of(number) for number in (0, 1))
    return floor


@pytest.fixture(scope="module")
def closed(before: Floor) -> LedgerEvent:
    return before.close_day(1)


def with_instruments(*instruments: Instrument) -> DeskSetup:
    return replace(SETUP, instruments=instruments, groups=groups_of(instruments))


def with_settings(**changes: object) -> DeskSetup:
    return replace(SETUP, strategies=((NAME, KIND, OWN.model_copy(update=changes)),))


def carried(setup: DeskSetup, closed: LedgerEvent) -> Floor:
    floor = Floor((setup,))
    floor.carry_over(closed)
    return floor


def positions_of(floor: Floor) -> dict[str, object]:
    return {
        symbol: floor.main.engine.position_of(number) for number, symbol in enumerate(floor.symbols)
    }


def test_other_parameters_and_code_carry_the_whole_account(
    before: Floor, closed: LedgerEvent
) -> None:
    floor = carried(replace(with_settings(sl_mult=9.0, ema_fast=5), code="later"), closed)

    assert (
        floor.main.engine.holdings.account.tobytes()
        == before.main.engine.holdings.account.tobytes()
    )
    assert (
        floor.main.engine.holdings.positions.tobytes()
        == before.main.engine.holdings.positions.tobytes()
    )
    assert np.array_equal(
        floor.main.engine.holdings.since_exit, before.main.engine.holdings.since_exit
    )
    assert floor.main.engine.orders == before.main.engine.orders
    assert positions_of(floor) == positions_of(before)


def test_symbols_in_another_order_and_a_new_one_keep_their_own_positions(
    before: Floor, closed: LedgerEvent
) -> None:
    a, b = SETUP.instruments
    floor = carried(with_instruments(b, C, a), closed)

    assert positions_of(floor) == positions_of(before) | {"C": None}
    assert np.array_equal(
        floor.main.engine.holdings.since_exit[:, [2, 0]], before.main.engine.holdings.since_exit
    )


def test_an_open_position_of_a_symbol_that_is_gone_is_named(closed: LedgerEvent) -> None:
    with pytest.raises(ConfigError, match="position or order in B, and symbol B is not configured"):
        carried(with_instruments(SETUP.instruments[0]), closed)


def test_an_open_position_of_a_strategy_that_is_gone_is_named(closed: LedgerEvent) -> None:
    other = replace(SETUP, strategies=(("other", KIND, OWN),))

    with pytest.raises(ConfigError, match=f"{NAME} has an open position or order in A"):
        carried(other, closed)


def test_a_symbol_and_a_strategy_that_are_flat_may_go(before: Floor) -> None:
    floor = Floor((SETUP,))
    opened(floor, FIRST)
    play(floor, FIRST)
    floor.finish()
    other = replace(with_instruments(SETUP.instruments[1]), strategies=(("other", KIND, OWN),))
    after = carried(other, floor.close_day(1))

    result = floor.main.engine.holdings.account["realised_paise"][0]
    assert after.main.engine.holdings.account["realised_paise"][0] == result != 0


def test_a_strategy_is_found_by_its_name_behind_a_new_one(
    before: Floor, closed: LedgerEvent
) -> None:
    floor = carried(replace(SETUP, strategies=(("new", KIND, OWN), *SETUP.strategies)), closed)

    assert floor.main.engine.holdings.positions["strategy"].tolist() == [1, 1]
    assert np.array_equal(
        floor.main.engine.holdings.since_exit[1:], before.main.engine.holdings.since_exit
    )
    assert (floor.main.engine.holdings.since_exit[0] > 10**9).all()


def test_bars_are_counted_on_in_those_of_the_new_timeframe(
    before: Floor, closed: LedgerEvent
) -> None:
    floor = carried(with_settings(timeframe="15m"), closed)  # it was 5m
    held = before.main.engine.holdings.positions["bars_held"]
    waited = before.main.engine.holdings.since_exit

    assert (held > 3).all()
    assert floor.main.engine.holdings.positions["bars_held"].tolist() == (held // 3).tolist()
    known = waited < 10**9
    assert (floor.main.engine.holdings.since_exit[known] == waited[known] // 3).all()
    assert (floor.main.engine.holdings.since_exit[~known] == waited[~known]).all()


def rewritten(closed: LedgerEvent, change: Callable[[dict[str, np.ndarray]], None]) -> LedgerEvent:
    arrays, facts = opened_snapshot(closed.blob or b"")
    change(arrays)
    return replace(closed, blob=packed(arrays, facts))


def test_fields_of_another_version_are_found_by_name(before: Floor, closed: LedgerEvent) -> None:
    def widen(arrays: dict[str, np.ndarray]) -> None:
        kept = arrays["main.positions"]
        fields = [("added", "f8"), *[(name, kept.dtype[name]) for name in kept.dtype.names[::-1]]]
        arrays["main.positions"] = np.zeros(len(kept), fields)
        for name in kept.dtype.names:
            arrays["main.positions"][name] = kept[name]

    assert positions_of(carried(SETUP, rewritten(closed, widen))) == positions_of(before)


def without(name: str) -> Callable[[dict[str, np.ndarray]], None]:
    def strip(arrays: dict[str, np.ndarray]) -> None:
        kept = [field for field in POSITION.names or () if field != name]
        arrays["main.positions"] = arrays["main.positions"][kept].copy()

    return strip


def test_an_open_position_without_a_number_that_is_needed_is_refused(closed: LedgerEvent) -> None:
    with pytest.raises(StoreFailed, match="open position of A was kept without target"):
        carried(SETUP, rewritten(closed, without("target")))


def test_a_position_kept_before_fills_could_be_told_is_whole(closed: LedgerEvent) -> None:
    def strip_told(arrays: dict[str, np.ndarray]) -> None:
        kept = [field for field in POSITION.names or () if field not in TOLD]
        arrays["main.positions"] = arrays["main.positions"][kept].copy()

    assert positions_of(carried(SETUP, rewritten(closed, strip_told))) == positions_of(
        carried(SETUP, closed)
    )


def test_a_carried_position_is_watched_with_its_own_bracket(
    before: Floor, closed: LedgerEvent
) -> None:
    floor = carried(with_settings(sl_mult=1.0, tp_mult=1.0), closed)

    assert (floor.main.engine.holdings.positions["status"] == OPEN).all()
    assert np.array_equal(
        floor.main.engine.holdings.positions["stop"], before.main.engine.holdings.positions["stop"]
    )


# --- several books -------------------------------------------------------------------------------


def shadow(name: str = "trial") -> DeskSetup:
    return replace(SETUP, name=name, scope=f"{SETUP.scope}|{name}", strategies=((name, KIND, OWN),))


def test_a_new_book_begins_anew_and_the_others_keep_their_accounts(
    before: Floor, closed: LedgerEvent
) -> None:
    floor = Floor((SETUP, shadow()))
    floor.carry_over(closed)
    main, trial = (desk.engine.holdings for desk in floor.desks)

    assert main.positions.tobytes() == before.main.engine.holdings.positions.tobytes()
    assert main.account.tobytes() == before.main.engine.holdings.account.tobytes()
    assert trial.account["realised_paise"][0] == 0
    assert (trial.positions["status"] == FLAT).all()


def test_a_book_that_is_gone_must_be_flat() -> None:
    both = Floor((SETUP, shadow()))
    opened(both, FIRST)
    play(both, FIRST)
    held = both.close_day(1)
    both.finish()

    with pytest.raises(ConfigError, match="trial has an open position or order in A, and book tr"):
        Floor((SETUP,)).carry_over(held)
    Floor((SETUP,)).carry_over(both.close_day(1))
