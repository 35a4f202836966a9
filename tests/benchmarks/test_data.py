"""The benchmarks at toy size: the data are sound, and everybody who is timed does the same work."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks import w1, w3, w4b, w8
from benchmarks.data import BARS_PER_DAY, PARQUET, Size, day_bars, day_prices, ensure
from benchmarks.peers import rules
from core.events import SignalDecided
from core.session import MINUTE_NS
from core.types import Side, minute_of

TOY = Size(symbols=3, days=12)
PRICES = ("open", "high", "low", "close")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure(TOY, tmp_path_factory.mktemp("bench") / "toy")


@pytest.fixture(scope="module")
def desk(folder: Path) -> w1.Desk:
    return w1.Desk(w1.load_bars(folder, TOY.symbols))


# --- the market ----------------------------------------------------------------------------------


def test_the_same_seed_makes_the_same_market_another_seed_another(
    folder: Path, tmp_path: Path
) -> None:
    again = ensure(TOY, tmp_path / "again")
    other = ensure(Size(TOY.symbols, TOY.days, seed=1), tmp_path / "other")

    made = pl.read_parquet(folder / PARQUET)
    assert made.equals(pl.read_parquet(again / PARQUET))
    assert not made.equals(pl.read_parquet(other / PARQUET))


def test_a_market_that_is_there_is_not_made_again(folder: Path) -> None:
    before = (folder / PARQUET).stat().st_mtime_ns
    ensure(TOY, folder)

    assert before == (folder / PARQUET).stat().st_mtime_ns


def test_every_symbol_has_every_minute_of_full_sessions(desk: w1.Desk) -> None:
    counts = desk.dataset.counts

    assert TOY.symbols * TOY.days * BARS_PER_DAY == counts.bars
    assert (0, 0, 0) == (counts.missing_bars, counts.outside_session, counts.duplicates)
    assert TOY.days == counts.days


def test_a_bar_opens_where_the_last_one_closed() -> None:
    for _, prices in day_prices(TOY):
        assert np.array_equal(prices.open[1:], prices.close[:-1])
        assert (prices.low <= np.minimum(prices.open, prices.close)).all()
        assert (prices.high >= np.maximum(prices.open, prices.close)).all()
        assert (prices.low > 0).all()


def test_arrays_file_and_days_hold_the_same_bars(folder: Path, desk: w1.Desk) -> None:
    generated = np.concatenate([day_bars(*day) for day in day_prices(TOY)])

    assert generated.tobytes() == desk.dataset.bars.tobytes()
    for number in range(TOY.symbols):
        mine = desk.dataset.bars[desk.dataset.bars["instrument"] == number]
        for name, column in rules.load(str(folder), number).items():
            assert np.array_equal(mine[name], column)


# --- the work ------------------------------------------------------------------------------------


def test_both_gears_give_the_same_answers_and_there_is_something_to_answer(
    desk: w1.Desk,
) -> None:
    answers = w1.event(desk)()

    assert answers == w1.compiled(desk)()
    assert TOY.symbols * TOY.days * 25 == answers["bars_15m"]
    assert answers["entries"] > 10


def test_the_rules_of_the_peers_signal_what_our_kernel_signals(desk: w1.Desk) -> None:
    resampler = desk.resampler()
    book = desk.book(resampler)
    ours, theirs = [], []
    peers = [rules.CrossRules() for _ in desk.symbols]
    for span in map(resampler.resample, desk.spans):
        for step in book.run(span):
            decided = [e.signal for e in step.effects if isinstance(e, SignalDecided)]
            ours += [(one.bar_close_ns, one.instrument, one.side, one.atr) for one in decided]
        for bar in span.strategy_bars:
            peer = peers[bar["instrument"]]
            side = peer.on_bar(float(bar["high"]), float(bar["low"]), float(bar["close"]))
            if side:
                symbol = desk.symbols[bar["instrument"]]
                theirs.append((int(bar["close_ns"]), symbol, Side(side), peer.atr))

    assert len(ours) > 10
    assert theirs == ours


def test_minutes_one_by_one_make_the_same_15m_bars_as_whole_days(desk: w1.Desk) -> None:
    minutes = [minute_of(span, i) for span in desk.spans for i in range(len(span.close_ns))]
    groups = desk.provider.groups

    whole, single = (np.concatenate(w3.resampled(one, groups)) for one in (desk.spans, minutes))
    assert w3.checks(whole) == w3.checks(single)


def test_ticks_of_a_day_make_a_bar_of_every_minute() -> None:
    [(day, prices)] = day_prices(Size(symbols=2, days=1))
    minutes = list(w3.tick_minutes(day, prices))

    bars = w3.built(minutes, w3.session_of(day), 2)

    assert day_bars(day, prices).tobytes() == bars.tobytes()
    assert BARS_PER_DAY == len(minutes)
    assert minutes[0][0] == int(bars["open_ns"][0]) + MINUTE_NS


def test_the_store_gives_back_every_acknowledged_row(tmp_path: Path) -> None:
    measured = w4b.measure(w4b.WARM_UP_FLUSHES + 2, tmp_path)

    assert 0 == measured.checks["lost"]
    assert 2 * w4b.ROWS_PER_FLUSH == measured.items


@pytest.mark.parametrize("limits", ["default", "unlimited"])
def test_the_whole_market_records_every_minute_and_some_trades(limits: str, tmp_path: Path) -> None:
    days = w8.WARM_DAYS + 1
    measured = w8.measure(limits, 20, days, tmp_path)

    assert 25 == measured.items
    assert measured.checks["events"] > days * BARS_PER_DAY
    assert measured.checks["trades"] > 0
