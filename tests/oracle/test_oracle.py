"""The checks that market.md 4 and 6 and pixity.md 10 state, on the oracle itself.

Handmade markets with the answer worked out on paper; the expected folders are in
test_expected.py.
"""

from datetime import UTC, date, datetime

import pytest

from tests.oracle.chart import Bar, BarBuilder, Indicators, Parameters
from tests.oracle.instrument import Instrument
from tests.oracle.market import (
    IST_NS,
    MINUTE_NS,
    Calendar,
    Row,
    fee_paise,
    tick_paise,
    to_tick,
)
from tests.oracle.pixity_oracle import Record, _Backtest, run
from tests.oracle.scenarios import scenario

WEDNESDAY = "2022-07-13"
QUICK: dict[str, object] = {
    "timeframe": "5m",
    "base_minutes": 5,
    "ema_fast": 1,
    "ema_slow": 2,
    "atr_period": 1,
    "adx_period": 1,
    "warmup_bars": 1,
}
"""Every base bar is a strategy bar and every indicator is defined after two of them."""

Prices = tuple[float, float, float, float]


def at(day: str, clock: str) -> int:
    stamp = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC)
    return int(stamp.timestamp()) * 1_000_000_000 - IST_NS


def five_minutes(*bars: Prices, day: str = WEDNESDAY, start: str = "09:15") -> list[Row]:
    first = at(day, start)
    return [(first + 5 * n * MINUTE_NS, *bar, 100) for n, bar in enumerate(bars)]


BREAKOUT: tuple[Prices, ...] = (
    (98.0, 98.5, 97.5, 98.0),
    (98.0, 99.0, 98.0, 98.5),
    (98.5, 98.8, 97.8, 98.2),
    (98.2, 100.0, 98.0, 100.0),
    (100.0, 100.5, 99.5, 100.0),
)
"""TREND BUY on the fourth bar (ATR 2); the fifth fills it at 100 plus slippage, 100.05."""


def breakout_trade(*after: Prices, **options: object) -> Record:
    rows = {"X": five_minutes(*BREAKOUT, *after)}
    result = run(rows, symbols=["X"], swing_period=1, **(QUICK | options))  # type: ignore[arg-type]
    return result.trades[0]


def zigzag(count: int, **options: object) -> list[Record]:
    """Two days of closes 90, 110, 90 ...: an event on every bar from the second on, and a stop on
    the bar after each entry."""
    up, down = (90.0, 111.0, 90.0, 110.0), (110.0, 110.0, 89.0, 90.0)
    bars = [up if number % 2 else down for number in range(count)]
    day_two = five_minutes(*bars, day="2022-07-14")
    rows = {"X": five_minutes(*bars) + day_two}
    chosen = {"adx_limit": 101, "reversion_k": 0.25, "sl_mult": 0.5, "tp_mult": 5.0} | options
    return run(rows, symbols=["X"], **(QUICK | chosen)).signals  # type: ignore[arg-type]


# ------------------------------------------------------------------ market.md


def test_buy_and_sell_of_a_lakh_cost_82_rupees_68() -> None:
    on = date(2026, 3, 1)
    value = 100 * 1000 * 100

    assert fee_paise("upstox", value, on, is_buy=True) == 3034
    assert fee_paise("upstox", value, on, is_buy=False) == 5234


@pytest.mark.parametrize(
    ("on", "buy_paise"),
    [
        (date(2020, 6, 30), 2000 + 345 + 10 + 10 + 424),
        (date(2020, 7, 1), 2000 + 345 + 10 + 10 + 424 + 300),
        (date(2024, 9, 30), 2000 + 345 + 10 + 10 + 424 + 300),
        (date(2024, 10, 1), 2000 + 297 + 10 + 10 + 415 + 300),
        (date(2026, 2, 28), 2000 + 297 + 10 + 10 + 415 + 300),
    ],
)
def test_charges_change_with_the_date(on: date, buy_paise: int) -> None:
    assert fee_paise("upstox", 10_000_000, on, is_buy=True) == buy_paise


def test_tick_is_the_larger_one_at_a_limit_and_five_paise_before_june_2024() -> None:
    last_old, middle, new = date(2024, 6, 9), date(2024, 6, 10), date(2025, 4, 15)

    assert [tick_paise(price, last_old) for price in (10.0, 9000.0)] == [5, 5]
    assert [tick_paise(price, middle) for price in (249.99, 250.0, 9000.0)] == [1, 5, 5]
    assert [tick_paise(price, new) for price in (249.99, 250.0, 1000.0, 5000.0)] == [1, 5, 10, 50]
    assert [tick_paise(price, new) for price in (10000.0, 20000.0)] == [100, 500]


def test_price_on_the_grid_stays_and_is_the_nearest_double() -> None:
    assert to_tick(3 * 0.05, 5, up=True) == 0.15
    assert to_tick(882.65 + 1e-9, 5, up=True) == 882.65
    assert to_tick(882.6511, 5, up=True) == 882.70
    assert to_tick(882.6989, 5, up=False) == 882.65


def test_bars_are_anchored_at_the_open_of_each_part() -> None:
    session = Calendar("nse", "all").session(at(WEDNESDAY, "09:15") // (1440 * MINUTE_NS), "X")
    assert session is not None
    quarter, hour = 15 * MINUTE_NS, 60 * MINUTE_NS

    assert {session.period(at(WEDNESDAY, f"09:{m}"), quarter)[0] for m in range(15, 30)} == {
        at(WEDNESDAY, "09:15")
    }
    assert session.period(at(WEDNESDAY, "09:30"), quarter)[0] == at(WEDNESDAY, "09:30")
    assert session.period(at(WEDNESDAY, "15:29"), hour) == (
        at(WEDNESDAY, "15:15"),
        at(WEDNESDAY, "15:30"),
    )


def test_two_part_saturday_splits_hours_and_makes_one_daily_bar() -> None:
    day = "2024-03-02"
    calendar = Calendar("nse", "all")
    session = calendar.session(calendar.day(at(day, "12:00")), "X")
    assert session is not None

    assert len(list(session.minutes(MINUTE_NS))) == 105
    assert session.period(at(day, "09:59"), 60 * MINUTE_NS) == (at(day, "09:15"), at(day, "10:00"))
    assert session.period(at(day, "11:30"), 60 * MINUTE_NS) == (at(day, "11:30"), at(day, "12:30"))
    assert session.period(at(day, "11:30"), 1440 * MINUTE_NS) == (
        at(day, "09:15"),
        at(day, "12:30"),
    )


def test_period_without_a_trade_makes_no_bar() -> None:
    calendar = Calendar("nse", "all")
    day = calendar.day(at(WEDNESDAY, "09:15"))
    session = calendar.session(day, "X")
    assert session is not None
    builder = BarBuilder(15 * MINUTE_NS)
    traded = {at(WEDNESDAY, "09:20"), at(WEDNESDAY, "09:50")}

    bars = []
    for open_ns, close_ns in session.minutes(MINUTE_NS):
        if open_ns in traded:
            builder.add((open_ns, 1.0, 1.0, 1.0, 1.0, 1), session, day)
        if (bar := builder.close(close_ns)) is not None:
            bars.append((bar.open_ns, close_ns))

    assert bars == [
        (at(WEDNESDAY, "09:15"), at(WEDNESDAY, "09:30")),
        (at(WEDNESDAY, "09:45"), at(WEDNESDAY, "10:00")),
    ]


def test_closing_auction_shortens_the_day_of_its_own_shares_only() -> None:
    calendar = Calendar("nse", {"A"})
    before, after = (calendar.day(at(day, "10:00")) for day in ("2026-07-31", "2026-08-03"))

    closes = [calendar.session(day, symbol) for day in (before, after) for symbol in "AB"]

    assert [session.close_ns if session else None for session in closes] == [
        at("2026-07-31", "15:30"),
        at("2026-07-31", "15:30"),
        at("2026-08-03", "15:15"),
        at("2026-08-03", "15:30"),
    ]


# ------------------------------------------------------------------ pixity.md


def test_sizing_divides_the_risk_by_the_stop_distance() -> None:
    backtest = _Backtest(
        calendar=Calendar("nse", "all"), parameters=Parameters(), strategy="pixity", base_ns=1
    )

    assert backtest.quantity(100.0, 2.0) == 250
    assert backtest.quantity(100.0, None) == 0


def test_swing_level_is_known_only_when_its_window_is_complete() -> None:
    indicators = Indicators(Parameters(swing_period=5))
    levels = [
        indicators.add(Bar(n, n + 1, 0, 1.0, float(high), 0.5, 1.0, 1)).swing_high
        for n, high in enumerate([1, 2, 3, 4, 5, 9, 5, 4, 3, 2, 1])
    ]

    assert levels == [None] * 10 + [9.0]


@pytest.mark.parametrize(
    ("bar", "reason", "price"),
    [
        ((100.0, 105.0, 97.0, 100.0), "STOP", 98.0),
        ((96.0, 97.0, 95.0, 96.0), "STOP", 95.95),
        ((105.0, 106.0, 104.5, 105.0), "TARGET", 105.0),
        ((105.0, 106.0, 97.0, 105.0), "STOP", 98.0),
        ((100.0, 104.05, 99.0, 100.0), "TARGET", 104.05),
    ],
)
def test_bracket_exits_stop_first_and_gaps_fill_at_the_open(
    bar: Prices, reason: str, price: float
) -> None:
    """Entry 100.05, stop 98.05, target 104.05; only stops slip."""
    trade = breakout_trade(bar)
    is_gap = bar[0] < 98.05 or (bar[0] > 104.05 and reason == "TARGET")

    assert (trade["exit_reason"], trade["exit_price"]) == (reason, price)
    assert trade["exit_ns"] == at(WEDNESDAY, "09:40" if is_gap else "09:45")


def test_position_left_when_the_data_stops_is_forced_at_the_last_close() -> None:
    trade = breakout_trade((100.0, 101.0, 99.0, 100.33))

    assert (trade["exit_reason"], trade["exit_price"]) == ("FORCED", 100.33)
    assert (trade["exit_ns"], trade["bars_held"]) == (at(WEDNESDAY, "09:45"), 2)


def test_fill_on_close_enters_at_the_deciding_close() -> None:
    trade = breakout_trade((101.0, 101.0, 96.0, 97.0), fill_on="close")

    assert (trade["entry_ns"], trade["entry_price"]) == (at(WEDNESDAY, "09:35"), 100.05)


def test_cooldown_of_three_refuses_the_exit_bar_and_the_next() -> None:
    refusals = [signal["refusal"] for signal in zigzag(10)][:9]

    assert refusals == [None, "cooldown", "cooldown"] * 3


def test_day_loss_latches_until_the_next_day() -> None:
    signals = zigzag(8, max_daily_loss=1.0)
    refusals = [signal["refusal"] for signal in signals]

    assert refusals[:7] == [None, "cooldown", "cooldown"] + ["day_loss"] * 4
    assert refusals[7] is None


def test_max_entries_counts_the_day() -> None:
    refusals = [signal["refusal"] for signal in zigzag(8, max_entries_per_day=1)]

    assert refusals[:7] == [None, "cooldown", "cooldown"] + ["max_entries"] * 4
    assert refusals[7] is None


def test_exit_bar_counts_as_the_first_whatever_its_minute() -> None:
    instrument = Instrument("X", [], Parameters())
    instrument.chart.close_ns = [15, 30, 45]

    counts = []
    for exit_open_ns in (14, 15, 29, 30, 45):
        instrument.exit_bar_open_ns = exit_open_ns
        counts.append(instrument.bars_since_exit())

    assert counts == [3, 2, 2, 1, 0]


def test_missing_volume_gives_the_mean_typical_price() -> None:
    rows: list[Row] = [(*row[:5], None) for row in five_minutes(*BREAKOUT)]
    result = run({"X": rows}, symbols=["X"], swing_period=1, **QUICK)  # type: ignore[arg-type]
    typical = [(high + low + close) / 3 for _, high, low, close in BREAKOUT[:4]]

    assert result.signals[0]["vwap"] == pytest.approx(sum(typical) / 4, rel=1e-12)


@pytest.mark.parametrize("seed", [n for n in range(40) if scenario(n)[1]["session"] == "nse"])
def test_signals_do_not_know_the_days_to_come(seed: int) -> None:
    """A run that ends a day earlier agrees with the longer one up to there (NSE: no position
    crosses the night)."""
    rows, options = scenario(seed)
    calendar = Calendar("nse", "all")
    days = sorted({calendar.day(row[0]) for own in rows.values() for row in own})
    cut = date.fromordinal(date(1970, 1, 1).toordinal() + days[len(days) // 2])
    whole = run(rows, **(options | {"to_day": None}))  # type: ignore[arg-type]
    part = run(rows, **(options | {"to_day": cut.isoformat()}))  # type: ignore[arg-type]

    assert whole.signals[: len(part.signals)] == part.signals
    assert whole.trades[: len(part.trades)] == part.trades
