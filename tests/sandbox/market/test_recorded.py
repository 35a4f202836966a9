"""Recorded bars are taken apart into trades whose candles are those bars."""

import numpy as np

from core.types import BAR, Instrument, InstrumentId, Records, SessionClass
from sandbox.market.recorded import RecordedWorld, listings_of
from tests.market import DAY, at, bar

INSTRUMENTS = [
    Instrument(InstrumentId("NSE_EQ|X"), "RELIANCE", SessionClass.CASH),
    Instrument(InstrumentId("NSE_EQ|Y"), "OTHER", SessionClass.CASH),
]


def recorded() -> Records:
    return np.array(
        [
            bar("09:15", 100.0, 102.0, 99.5, 101.0, volume=10),
            bar("09:16", 101.0, 101.5, 98.0, 98.5, volume=7),
            bar("09:18", 98.5, 98.5, 98.5, 98.5, volume=0),
        ],
        BAR,
    )


def test_the_candles_of_its_trades_are_the_recorded_bars() -> None:
    bars = recorded()
    listing = listings_of(bars, INSTRUMENTS[:1])[0]
    candles = RecordedWorld(bars, INSTRUMENTS[:1]).tape(listing, DAY).candles()

    assert (candles.open_ms * 1_000_000).tolist() == bars["open_ns"].tolist()
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(candles, name).tolist() == bars[name].tolist(), name


def test_a_day_without_bars_has_the_close_before() -> None:
    bars = recorded()
    listing = listings_of(bars, INSTRUMENTS[:1])[0]
    later = RecordedWorld(bars, INSTRUMENTS[:1]).tape(listing, DAY + 1)

    assert (0, 98.5) == (len(later.time_ms), later.previous_close)


def test_a_known_symbol_has_its_true_key_and_another_one_of_its_name() -> None:
    bars = np.concatenate([recorded(), recorded()])
    bars["instrument"][3:] = 1
    known, other = listings_of(bars, INSTRUMENTS)

    assert "NSE_EQ|INE002A01018" == known.key
    assert ("NSE_EQ|OTHER", "OTHER") == (other.key, other.symbol)
    assert at("09:15") == bars["open_ns"][0]
