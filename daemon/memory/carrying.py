"""A book's account out of a snapshot that another setup may have written: everything by its name.

Carries what belongs to the account (cash, counters, positions, cooldowns, orders), never what
belongs to a strategy. What cannot be carried whole is refused, never guessed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.breakers import Trip
from core.engine import Engine
from core.errors import ConfigError, StoreFailed
from core.rules.exits import LONG_AGO
from core.rules.holdings import FLAT
from core.told_engine import ToldEngine
from core.types import Records, Refusal
from daemon.memory.journal import REFUSAL_NAMES, order_row
from daemon.memory.recalled import order_of, signal_of

# Of a position kept before fills could be told: nothing of it is out and nothing more will come.
TOLD = frozenset(
    "coming exited exit_ns exit_price exit_value_paise exit_fees_paise exit_orders"
    " withdrawn".split()
)


def carry(
    arrays: Mapping[str, Records],
    facts: Mapping[str, Any],
    engine: Engine,
    timeframes_ns: Sequence[int],
) -> None:
    """Set the account of `engine`, which is new, to that of its book in a snapshot.

    Instruments and strategies are found by name; what is no longer configured must be flat. Bars
    are counted on in those of the strategy's timeframe, which may have changed.

    Args:
        timeframes_ns: decision timeframe of each strategy of `engine`, in configured order.

    Raises ConfigError naming an open position that nobody would watch, StoreFailed for a position
    that was kept without something this program needs.
    """
    ours = {one.name: number for number, one in enumerate(engine.strategies)}
    owners = [
        _Owner(name, ours.get(name), timeframe_ns / timeframes_ns[ours.get(name, 0)])
        for name, timeframe_ns in facts["strategies"]
    ]
    _copy(arrays["account"], engine.holdings.account)
    symbols = {symbol: number for number, symbol in enumerate(engine.symbols)}
    for kept, symbol in enumerate(facts["symbols"]):
        number = symbols.get(symbol)
        _carry_position(arrays["positions"][kept : kept + 1], owners, symbol, number, engine)
        for owner, waited in zip(owners, arrays["since_exit"][:, kept].tolist(), strict=True):
            if number is not None and owner.number is not None:
                engine.holdings.since_exit[owner.number, number] = owner.bars(waited)
    recall(facts, engine)


def require_flat(book: str, facts: Mapping[str, Any]) -> None:
    """A book that is not configured any more: its account is left behind. Raises ConfigError."""
    held = next(iter(facts["signals"].values()), None)  # of positions that are not flat
    if held is not None:
        raise ConfigError(unwatched(held["strategy"], held["instrument"], f"book {book}"))


def told_facts(engine: Engine, day: int) -> dict[str, object]:
    """What a book whose broker is real must know besides: the fills it has booked, orders as they
    were before a change that is not answered, and why its breakers are latched."""
    if not isinstance(engine, ToldEngine):
        return {}
    changing = [order_row(order, day) for order in engine.changing.values()]
    breakers = {REFUSAL_NAMES[one]: trip for one, trip in engine.breakers.tripped.items()}
    return {"booked": sorted(engine.booked), "changing": changing, "breakers": breakers}


class _Owner(NamedTuple):
    """A strategy of the snapshot."""

    name: str
    number: int | None  # among ours
    scale: float  # our bars to one of its bars

    def bars(self, count: int) -> int:
        """Its bars as whole bars of ours; never is still never."""
        return count if count >= LONG_AGO else int(count * self.scale)


def _carry_position(
    kept: Records, owners: Sequence[_Owner], symbol: str, number: int | None, engine: Engine
) -> None:
    is_flat = kept["status"][0] == FLAT
    owner = owners[int(kept["strategy"][0])]
    if not is_flat and (number is None or owner.number is None):
        gone = f"symbol {symbol}" if number is None else f"strategy {owner.name}"
        raise ConfigError(unwatched(owner.name, symbol, gone))
    if number is None:
        return
    ours = engine.holdings.positions[number : number + 1]
    lacking = [name for name in _copy(kept, ours) if name not in TOLD]
    if lacking and not is_flat:
        raise StoreFailed(f"the open position of {symbol} was kept without {lacking[0]}")
    ours["strategy"] = owner.number or 0
    ours["bars_held"] = owner.bars(int(ours["bars_held"][0]))


def unwatched(strategy: str, symbol: str, gone: str) -> str:
    """Why an open position forbids the configuration."""
    return (
        f"{strategy} has an open position or order in {symbol}, and {gone} is not configured"
        " any more: configure it until the position is closed"
    )


def _copy(kept: Records, ours: Records) -> list[str]:
    """Copy the fields both have; returns the names of ours that were not kept."""
    names = ours.dtype.names or ()
    held = kept.dtype.names or ()
    for name in names:
        if name in held:
            ours[name] = kept[name]
    return [name for name in names if name not in held]


def recall(facts: Mapping[str, Any], engine: Engine) -> None:
    """Set the signals of open positions and the working orders to those of a snapshot."""
    engine.signals = {int(number): signal_of(row) for number, row in facts["signals"].items()}
    orders = [order_of(row) for row in facts["orders"]]
    engine.orders = {order.order_id: order for order in orders}
    if isinstance(engine, ToldEngine):
        engine.booked = {(order_id, fill_id) for order_id, fill_id in facts.get("booked", ())}
        changing = [order_of(row) for row in facts.get("changing", ())]
        engine.changing = {order.order_id: order for order in changing}
        breakers = facts.get("breakers", {}).items()
        engine.breakers.tripped = {Refusal[one.upper()]: Trip(*trip) for one, trip in breakers}
