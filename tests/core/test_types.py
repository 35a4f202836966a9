"""Values: records with attributes, refusals in the order they are asked, one Minute of a span."""

import numpy as np
import pytest

from core.bars import Resampler
from core.errors import TradingdError
from core.rules.holdings import ACCOUNT, LIMITS, POSITION, REPORT, TERMS
from core.session import MINUTE_NS
from core.types import (
    BAR,
    DAY_RULES,
    SESSION,
    STRATEGY_BAR,
    TICK,
    Refusal,
    Side,
    joined,
    minute_of,
    record,
)
from tests.market import DAY, NEXT_DAY, at, flat, span_of

DTYPES = (BAR, DAY_RULES, SESSION, STRATEGY_BAR, TICK, ACCOUNT, LIMITS, POSITION, REPORT, TERMS)


def test_a_record_has_its_fields_as_attributes() -> None:
    row = np.zeros(1, record([("price", "f8"), ("quantity", "i8")]))[0]
    row.price = 2.5

    assert 2.5 == row["price"]


@pytest.mark.parametrize("taken", ["view", "size", "item"])
def test_a_field_may_not_hide_what_numpy_records_have(taken: str) -> None:
    with pytest.raises(ValueError, match=f"a {taken} of their own"):
        record([(taken, "f8")])


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.names[0])
def test_records_are_aligned_so_that_kernels_and_numpy_agree(dtype: np.dtype[np.void]) -> None:
    assert dtype.isalignedstruct
    assert np.record is dtype.type


def test_refusals_are_numbered_in_the_order_in_which_the_rules_are_asked() -> None:
    asked = "model gap late state last_entry position cooldown max_entries day_loss quantity"
    asked += " duplicate observe"  # the last one is asked after the breakers
    breakers = "max_positions exposure order_rate rejects feed_doubt clock_skew unknown_order"
    breakers += " difference"

    names = [r.name.lower() for r in sorted(Refusal) if r is not Refusal.NONE]
    assert [*asked.split(), *breakers.split()] == names


def test_sides_are_signs() -> None:
    assert (1, -1) == (Side.BUY, Side.SELL)


def test_one_minute_of_a_span_holds_its_own_bars_and_day() -> None:
    bars = flat("09:15", "09:25") + flat("09:15", "09:25", 200.0, day=NEXT_DAY)
    whole = Resampler([5 * MINUTE_NS], MINUTE_NS, [0]).resample(span_of(bars, days=[DAY, NEXT_DAY]))
    one = minute_of(whole, 375 + 4)

    assert [at("09:20", NEXT_DAY)] == one.close_ns.tolist()
    assert [at("09:19", NEXT_DAY)] == one.bars["open_ns"].tolist()
    assert [200.0] == one.strategy_bars["close"].tolist()
    assert NEXT_DAY == one.sessions[one.day_index[0], 0].day
    assert ([0, 1], [0, 1]) == (one.first_bar.tolist(), one.first_strategy_bar.tolist())
    assert 1 == len(one.rules)


def test_every_error_has_an_exit_code_of_the_command() -> None:
    def tree(cls: type[TradingdError]) -> list[type[TradingdError]]:
        return [cls, *(leaf for child in cls.__subclasses__() for leaf in tree(child))]

    codes = {cls.__name__: cls.exit_code for cls in tree(TradingdError)}

    assert {"ConfigError": 2, "DataError": 3, "AuthExpired": 4, "AlreadyRunning": 5}.items() <= (
        codes.items()
    )
    assert {70, 1, 2, 3, 4, 5, 75} >= set(codes.values())


def test_joined_rows_are_those_of_all_parts_and_may_be_written() -> None:
    ticks = np.zeros(5, TICK)
    ticks["seq"] = np.arange(5)
    whole = joined([ticks[:2], ticks[2:2], ticks[4:1:-2]])
    whole["price"] = 1.0

    assert TICK == whole.dtype
    assert [0, 1, 4, 2] == whole["seq"].tolist()
