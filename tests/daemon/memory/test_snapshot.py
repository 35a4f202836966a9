"""A book's memory comes back bit for bit, or not at all."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import StoreFailed
from core.types import Records, record
from daemon.memory.snapshot import opened, packed, unpack

STATE = record([("count", "i4"), ("level", "f8"), ("ring", "f8", (3,))])


def some_state(count: int = 2) -> Records:
    state: Records = np.zeros(count, STATE)
    state["count"], state["level"] = np.arange(count), np.nan
    state["ring"] = [0.1, -0.0, np.inf]
    return state


@given(values=st.lists(st.floats(allow_nan=True), min_size=1), name=st.text(max_size=9))
def test_arrays_and_facts_come_back_bit_for_bit(values: list[float], name: str) -> None:
    state, floats = some_state(), np.array(values)
    back = {"state": np.zeros(2, STATE), "floats": np.zeros(len(values))}
    facts = unpack(packed({"state": state, "floats": floats}, {"name": name}), back)

    assert facts == {"name": name}
    assert back["state"].tobytes() == state.tobytes()
    assert back["floats"].tobytes() == floats.tobytes()


def test_equal_content_is_equal_bytes_in_any_order_of_facts() -> None:
    one = packed({"state": some_state()}, {"a": 1, "b": 2})
    two = packed({"state": some_state()}, {"b": 2, "a": 1})

    assert one == two


@pytest.mark.parametrize(
    "into",
    [
        {"state": some_state(3)},
        {"states": some_state()},
        {"state": np.zeros(2, record([("count", "i8"), ("level", "f8"), ("ring", "f8", (3,))]))},
        {"state": np.zeros(2, record([("number", "i4"), ("level", "f8"), ("ring", "f8", (3,))]))},
        {"state": some_state(), "more": np.zeros(1)},
        {},
    ],
    ids=["longer", "renamed", "wider field", "renamed field", "one more", "none"],
)
def test_a_snapshot_of_other_arrays_is_refused(into: dict[str, Records]) -> None:
    blob = packed({"state": some_state()}, {})

    with pytest.raises(StoreFailed, match="other arrays"):
        unpack(blob, into)


def test_another_format_is_refused() -> None:
    plain = zlib.decompress(packed({}, {})).replace(b"snapshot 2", b"snapshot 1")

    with pytest.raises(StoreFailed, match="is a tradingd snapshot 1"):
        unpack(zlib.compress(plain), {})


def test_a_snapshot_that_was_dropped_is_said_to_be_missing() -> None:
    with pytest.raises(StoreFailed, match="not there any more"):
        unpack(b"", {})


def test_a_snapshot_describes_its_arrays_itself() -> None:
    arrays, facts = opened(packed({"state": some_state()}, {"orders": [1, 2]}))

    assert facts == {"orders": [1, 2]}
    assert arrays["state"].dtype == STATE
    assert arrays["state"].tobytes() == some_state().tobytes()
