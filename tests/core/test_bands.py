"""Between which prices a share can trade today."""

import numpy as np

from core.bands import last_closes, price_bands
from core.minutes import BarBuilder
from core.types import BAR, Instrument, InstrumentId, Records, SessionClass
from tests.core.tick_tapes import CASH, OPEN_NS, SNAPSHOT_NS, builder, first_minute, ticks_of

TOLD = Instrument(InstrumentId("A"), "A", SessionClass.CASH, band=(90.0, 110.0))
UNTOLD = Instrument(InstrumentId("B"), "B", SessionClass.CASH)


def test_the_exchanges_band_comes_before_ours_and_nothing_known_is_no_band() -> None:
    closes = np.array([200.0, 200.0, np.nan])
    bands = price_bands([TOLD, UNTOLD, UNTOLD], closes, 20.0)

    assert bands.tolist() == [[90.0, 110.0], [160.0, 240.0], [0.0, np.inf]]


def test_no_percent_is_no_band_but_the_exchanges() -> None:
    bands = price_bands([TOLD, UNTOLD], np.array([200.0, 200.0]), 0.0)

    assert bands.tolist() == [[90.0, 110.0], [0.0, np.inf]]


def test_the_last_close_is_that_of_the_last_bar_that_was_seen() -> None:
    bars: Records = np.zeros(4, BAR)
    bars["instrument"] = [0, 1, 0, 0]
    bars["close"] = [1.0, 5.0, 2.0, np.nan]

    assert last_closes(bars, 3).tolist()[:2] == [2.0, 5.0]
    assert np.isnan(last_closes(bars, 3)[2])


def banded() -> BarBuilder:
    built = builder([CASH, CASH])
    built.limit_prices(np.array([[90.0, 110.0], [0.0, np.inf]]))
    return built


def test_a_price_outside_its_band_is_rejected_and_counted_and_one_on_its_edge_is_not() -> None:
    built = banded()
    rows = [(1, 90.0, 1), (2, 89.95, 2), (3, 110.0, 3), (4, 110.05, 4), (5, 100.0, 5)]
    built.add(ticks_of(rows))
    built.add(ticks_of(rows, instrument=1))
    bars = first_minute(built).bars

    assert built.counts["band"] == 2
    assert (bars["low"].tolist(), bars["high"].tolist()) == ([90.0, 89.95], [110.0, 110.05])


def test_a_price_between_two_ticks_is_rejected_where_the_tick_is_known() -> None:
    built = builder([CASH, CASH])
    built.know_ticks([5, 0])
    rows = [(1, 100.05, 1), (2, 100.06, 2), (3, 100.0499999999999, 3), (4, 31_415.9, 4)]
    built.add(ticks_of(rows))
    built.add(ticks_of(rows, instrument=1))
    bars = first_minute(built).bars

    assert built.counts["off_tick"] == 1
    assert bars["high"].tolist() == [31_415.9, 31_415.9]
    assert built.counts_by_instrument[1].sum() == built.counts_by_instrument[1][0] == 4


def test_a_restart_knows_no_band_until_it_is_told() -> None:
    built = BarBuilder([CASH], after_ns=SNAPSHOT_NS)
    built.feed_up(OPEN_NS)
    built.add(ticks_of([(700, 1_000.0, 1)]))

    assert built.counts["band"] == 0
