"""The generated market: same seed same day, bars of history equal to those of the ticks."""

import asyncio
import math
from collections.abc import Sequence

import numpy as np
import pytest

from core.minutes import BarBuilder, ClosedMinute
from core.ports import FeedUp, TickBatch
from core.rules.ticks import tick_table
from core.session import MINUTE_NS, SECOND_NS, at_ist, ist_day, live_session, parse_day
from core.types import BAR, TICK, Instrument, InstrumentId, Records, SessionClass
from daemon.clocks import VirtualClock
from providers.synthetic import MAX_FRAMES_PER_SECOND, SyntheticFeed, frame_ns
from providers.synthetic_market import InstrumentDay, Nature, default_instruments

SEED = 7
DAY = parse_day("2026-08-05")  # a Wednesday under the closing auction
RELIANCE, TATAPOWER = default_instruments(2)
OTHER = Instrument(InstrumentId("NSE_EQ|INE000X01011"), "OTHER", SessionClass.CASH)


def feed_on(
    day: int, *, seed: int = SEED, speed: float = math.inf, start: str = "08:59"
) -> tuple[SyntheticFeed, VirtualClock]:
    clock = VirtualClock(at_ist(day, start))
    return SyntheticFeed(seed, day, clock, speed=speed), clock


def batches_of(instruments: Sequence[Instrument], **settings: object) -> list[Records]:
    day = settings.pop("day", DAY)
    feed, _ = feed_on(day, **settings)  # type: ignore[arg-type]

    async def play() -> list[Records]:
        stream = feed.stream(instruments)
        return [item.ticks.copy() async for item in stream if isinstance(item, TickBatch)]

    return asyncio.run(play())


def ticks_of(instruments: Sequence[Instrument], **settings: object) -> Records:
    return np.concatenate([np.zeros(0, TICK), *batches_of(instruments, **settings)])


def own(ticks: Records, number: int) -> bytes:
    """One instrument's trades, without what depends on frames and neighbours."""
    rows = ticks[ticks["instrument"] == number]
    columns = (rows[name].tobytes() for name in ("exch_ns", "price", "quantity", "volume"))
    return b"".join(columns)


def minutes_of(
    instruments: Sequence[Instrument], *, day: int = DAY, start: str = "08:59", after_ns: int = 0
) -> list[ClosedMinute]:
    feed, clock = feed_on(day, start=start)
    builder = BarBuilder(
        [live_session(day, instrument.session_class) for instrument in instruments],
        after_ns=after_ns,
    )
    taken: list[ClosedMinute] = []

    async def play() -> None:
        async for item in feed.stream(instruments):
            if isinstance(item, FeedUp):
                builder.feed_up(item.recv_ns)
            elif isinstance(item, TickBatch):
                builder.add(item.ticks)
            builder.close_through(clock.now_ns())
            taken.extend(builder.take_minutes())

    asyncio.run(play())
    builder.end_session()
    return taken + builder.take_minutes()


def bars_of(minutes: list[ClosedMinute]) -> Records:
    return np.concatenate([np.zeros(0, BAR), *(minute.bars for minute in minutes)])


# --- same seed, same day -------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [1.0, 60.0, 5_000.0])
def test_speed_changes_the_frames_and_no_tick(speed: float) -> None:
    fast, slow = ticks_of([RELIANCE, TATAPOWER]), ticks_of([RELIANCE, TATAPOWER], speed=speed)

    assert slow[["instrument", "exch_ns", "price", "quantity", "volume", "seq"]].tolist() == (
        fast[["instrument", "exch_ns", "price", "quantity", "volume", "seq"]].tolist()
    )


def test_a_symbol_trades_the_same_whoever_else_is_listed() -> None:
    alone, third = ticks_of([TATAPOWER]), ticks_of([OTHER, RELIANCE, TATAPOWER])

    assert own(third, 2) == own(alone, 0)


def test_another_seed_and_another_day_are_other_markets() -> None:
    tapes = [
        own(ticks_of([RELIANCE], seed=seed, day=day), 0)
        for seed, day in ((7, DAY), (8, DAY), (7, DAY + 1))
    ]

    assert len(set(tapes)) == 3


def test_a_known_day_stays_as_it_is() -> None:
    """The generated days are part of recorded results: a change here has to be meant."""
    feed, _ = feed_on(DAY)
    last = feed.history([RELIANCE], days=1)[-1]

    assert (last["close"], last["volume"]) == (1443.6, 15454)


# --- history -------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["2026-07-27", "2026-08-05", "2024-03-02"])
def test_bars_built_from_a_days_ticks_are_its_history_bit_for_bit(day: str) -> None:
    instruments = [RELIANCE, OTHER, TATAPOWER]
    date = parse_day(day)
    feed, _ = feed_on(date + 3)
    history = feed.history(instruments, days=3)
    of_day = history[[ist_day(int(open_ns)) == date for open_ns in history["open_ns"]]]

    assert len(of_day) > 300 or day == "2024-03-02"
    assert bars_of(minutes_of(instruments, day=date)).tobytes() == of_day.tobytes()


def test_history_holds_the_sessions_before_the_day_in_order() -> None:
    feed, _ = feed_on(DAY)
    history = feed.history([RELIANCE, TATAPOWER], days=60)
    days = {ist_day(int(open_ns)) for open_ns in history["open_ns"]}
    key = history["open_ns"] * 10 + history["instrument"]

    assert len(days) == 60
    assert max(days) == DAY - 1
    assert (np.diff(key) > 0).all()


def test_days_chain_by_a_gap() -> None:
    feed, _ = feed_on(DAY)
    history = feed.history([RELIANCE], days=60)
    day_ends = np.flatnonzero(np.diff(history["open_ns"]) > 60 * MINUTE_NS)
    gaps = history["open"][day_ends + 1] / history["close"][day_ends] - 1

    assert len(gaps) == 59
    assert np.abs(gaps).max() < 0.08
    assert 0.001 < np.median(np.abs(gaps)) < 0.012


# --- what a day looks like -----------------------------------------------------------------------


def test_a_day_has_a_minute_for_each_of_its_session_and_new_hours_are_kept() -> None:
    assert len(minutes_of([RELIANCE], day=parse_day("2026-07-27"))) == 375
    assert len(minutes_of([RELIANCE], day=DAY)) == 360
    assert len(minutes_of([RELIANCE, OTHER], day=DAY)) == 375


def test_auction_trades_are_in_the_feed_and_in_no_bar() -> None:
    session = live_session(DAY, SessionClass.CASH_AUCTION)
    assert session is not None
    ticks = ticks_of([RELIANCE])
    before = ticks[ticks["exch_ns"] < session.open_ns]
    after = ticks[ticks["exch_ns"] >= session.close_ns]
    traded = bars_of(minutes_of([RELIANCE]))["volume"].sum()

    assert len(before) == 1
    assert len(after) >= 1
    assert traded == after["volume"][0] - after["quantity"][0] - before["volume"][0]


@pytest.mark.parametrize("day", ["2024-05-10", "2024-08-01", "2026-08-05"])
def test_prices_are_on_the_grid_of_their_date(day: str) -> None:
    prices = ticks_of([RELIANCE, TATAPOWER], day=parse_day(day))["price"]
    paise = np.round(prices * 100).astype(np.int64)
    lower = 0.0

    assert (prices == paise / 100).all()
    for limit, tick_paise in tick_table(parse_day(day)):
        assert (paise[(lower <= prices) & (prices < limit)] % tick_paise == 0).all()
        lower = limit


def test_more_trades_at_the_open_and_the_close_than_at_noon() -> None:
    history = feed_on(DAY)[0].history([RELIANCE], days=20)
    hour = (history["open_ns"] // (60 * MINUTE_NS)) % 24  # UTC: 3 is the open, 6 noon, 9 the close
    volume = {h: history["volume"][hour == h].mean() for h in (3, 6, 9)}

    assert volume[3] > 1.5 * volume[6]
    assert volume[9] > 1.5 * volume[6]


def test_a_feed_is_conflated_its_quantities_do_not_add_up_to_the_volume() -> None:
    ticks = ticks_of([RELIANCE])

    assert ticks["quantity"].sum() < 0.8 * ticks["volume"][-1]


def test_some_symbols_stamp_whole_seconds_and_some_do_not() -> None:
    kinds = {Nature.of(SEED, f"SYMBOL{i}").whole_seconds for i in range(20)}
    whole = next(f"SYMBOL{i}" for i in range(20) if Nature.of(SEED, f"SYMBOL{i}").whole_seconds)
    ticks = ticks_of([Instrument(InstrumentId("NSE_EQ|W"), whole, SessionClass.CASH)])

    assert kinds == {True, False}
    assert (ticks["exch_ns"] % SECOND_NS == 0).all()


def test_minutes_without_a_trade_happen_in_thin_symbols() -> None:
    session = live_session(DAY, SessionClass.CASH)
    assert session is not None
    counts = [
        len(
            InstrumentDay(
                SEED,
                0,
                Instrument(InstrumentId(f"NSE_EQ|{i}"), f"T{i}", session.session_class),
                session,
            ).bars()
        )
        for i in range(20)
    ]

    assert max(counts) == 375
    assert all(count > 300 for count in counts)


def test_at_most_a_few_ticks_a_second() -> None:
    ticks = ticks_of([RELIANCE])
    per_second = np.unique(ticks["exch_ns"] // SECOND_NS, return_counts=True)[1]

    assert per_second.max() <= 8
    assert len(ticks) > 5_000


def test_a_market_that_never_closes_has_a_day_of_1440_minutes() -> None:
    coin = Instrument(InstrumentId("BINANCE|BTCUSDT"), "BTCUSDT", SessionClass.ALWAYS_OPEN)

    assert len(minutes_of([coin], start="00:00")) == 1_440


# --- pace ----------------------------------------------------------------------------------------


def test_four_frames_a_second_at_market_speed_and_bounded_wake_ups_above() -> None:
    assert frame_ns(1.0) == SECOND_NS // 4
    for speed in (1.0, 10.0, 60.0, 200.0, 500.0):
        assert speed * SECOND_NS / frame_ns(speed) <= MAX_FRAMES_PER_SECOND
        assert MINUTE_NS % frame_ns(speed) == 0


def test_a_feed_that_starts_late_gives_the_rest_of_the_day_bit_for_bit() -> None:
    noon_ns = at_ist(DAY, "12:00")
    whole = minutes_of([RELIANCE, OTHER])
    rest = minutes_of([RELIANCE, OTHER], start="12:00", after_ns=noon_ns)

    assert rest[0].close_ns == noon_ns + MINUTE_NS
    assert bars_of(rest).tobytes() == bars_of(whole[-len(rest) :]).tobytes()


def test_a_feed_that_starts_late_first_tells_the_last_trades() -> None:
    first = batches_of([RELIANCE, TATAPOWER], start="12:00")[0]

    assert first["instrument"].tolist() == [0, 1]
    assert (first["recv_ns"] == at_ist(DAY, "12:00")).all()
    assert (first["exch_ns"] < at_ist(DAY, "12:00")).all()


def test_a_feed_that_starts_after_the_day_tells_the_last_trades_and_ends() -> None:
    batches = batches_of([RELIANCE, TATAPOWER], start="18:00")

    assert [len(batch) for batch in batches] == [2]
