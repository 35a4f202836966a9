"""Our bars against the broker's: what is compared, and what is counted."""

import numpy as np
import pytest

from core.audit import FIELDS, BarAudit, BarDifference, MinuteAudit
from core.session import MINUTE_NS
from core.types import BAR, MISSING, PARTIAL, REPAIRED, Bools, Records

OPEN_NS = 1_000 * MINUTE_NS
ALL: Bools = np.ones(3, np.bool_)


def bar(instrument: int = 0, minute: int = 0, quality: int = 0, **changes: float) -> Records:
    row: Records = np.zeros(1, BAR)
    values = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 500} | changes
    row["instrument"], row["open_ns"] = instrument, OPEN_NS + minute * MINUTE_NS
    row["quality"] = quality
    for name, value in values.items():
        row[name] = value
    return row


def rows(*bars: Records) -> Records:
    return np.concatenate([np.zeros(0, BAR), *bars]).view(BAR)


def test_equal_bars_are_counted_in_whatever_order_they_come() -> None:
    audit = BarAudit()
    ours = rows(bar(0), bar(1), bar(0, minute=1))

    assert audit.compare(ours, ours[::-1]) is None
    assert (3, 0, 0) == (audit.equal, audit.differ, audit.missing)
    assert "3 equal, 0 differ, 0 missing" == audit.told()


@pytest.mark.parametrize("name", FIELDS)
def test_a_difference_is_counted_by_field_with_its_size(name: str) -> None:
    audit = BarAudit()
    theirs = bar(1, **{name: 20.0})
    mine = float(bar()[name][0])

    assert BarDifference(OPEN_NS, 1, name, mine, 20.0) == audit.compare(
        rows(bar(0), bar(1)), rows(bar(0), theirs)
    )
    assert {name: 1} == {one: count for one, count in audit.fields.items() if count}
    assert abs(20.0 - mine) == audit.largest[name]
    assert (1, 1, 0) == (audit.equal, audit.differ, audit.missing)


def test_a_bar_that_differs_in_two_fields_is_one_bar() -> None:
    audit = BarAudit()
    audit.compare(bar(), bar(high=12.05, low=8.0))
    audit.compare(bar(), bar(high=12.5))

    assert (2, 2, 1) == (audit.differ, audit.fields["high"], audit.fields["low"])
    assert "0 equal, 2 differ: high 2 (at most 0.5), low 1 (at most 1), 0 missing" == audit.told()


def test_less_than_a_paisa_is_no_difference() -> None:
    assert BarAudit().compare(bar(), bar(close=11.0000001)) is None


def test_a_bar_that_the_broker_alone_has_is_missing() -> None:
    audit = BarAudit()
    audit.compare(bar(0), rows(bar(0), bar(1)))
    audit.compare(rows(), bar(2))

    assert (1, 2, 3) == (audit.equal, audit.missing, audit.compared)


@pytest.mark.parametrize("quality", [MISSING, PARTIAL, REPAIRED])
def test_what_is_in_doubt_or_the_brokers_own_is_not_compared(quality: int) -> None:
    audit = BarAudit()
    audit.compare(bar(quality=quality, close=1.0), bar())

    assert 0 == audit.compared


def test_a_minute_is_compared_when_the_next_one_has_closed() -> None:
    audit = BarAudit()
    minutes = MinuteAudit(3, audit)
    minutes.told(bar(0))  # before our own has closed
    minutes.closed(OPEN_NS, rows(bar(0), bar(1)), ALL)
    minutes.told(bar(1, high=13.0))
    minutes.told(bar(1, high=13.0))
    assert 0 == audit.compared
    found = minutes.closed(OPEN_NS + MINUTE_NS, rows(), ALL)

    assert found is not None
    assert (1, "high", 12.0, 13.0) == found[1:]
    assert (1, 1, 0) == (audit.equal, audit.differ, audit.missing)


def test_the_last_minute_is_compared_at_the_end_and_once() -> None:
    audit = BarAudit()
    minutes = MinuteAudit(3, audit)
    assert minutes.finish() is None
    minutes.closed(OPEN_NS, bar(0), ALL)
    minutes.told(bar(0))
    minutes.finish()
    minutes.finish()

    assert 1 == audit.compared


def test_minutes_outside_the_session_of_an_instrument_are_not_missed() -> None:
    audit = BarAudit()
    minutes = MinuteAudit(3, audit)
    minutes.closed(OPEN_NS, rows(), np.array([True, False, True]))
    minutes.told(rows(bar(0), bar(1)))
    minutes.finish()

    assert 1 == audit.missing


def test_a_candle_of_another_minute_is_not_taken_for_one_of_this() -> None:
    audit = BarAudit()
    minutes = MinuteAudit(3, audit)
    minutes.told(bar(0, minute=-4))
    minutes.closed(OPEN_NS, bar(0, close=1.0), ALL)
    minutes.finish()

    assert 0 == audit.compared
