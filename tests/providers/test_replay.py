"""Recorded days as Minutes: every minute of the session, each bar in its own, days apart."""

import asyncio

import numpy as np
import pytest

from core.rules.fees import FeeProfile
from core.session import DAY_NS, MINUTE_NS, parse_day
from core.types import NEVER_NS, Market, MinuteSpan
from providers import replay
from providers.dataset import Dataset
from providers.replay import ReplayProvider, SessionTerms
from tests.datasets import AUCTION_BEGINS, TWO_PARTS, WEEK, dataset_of, generated
from tests.market import (
    ALWAYS_OPEN,
    AUCTION,
    AUCTION_DAY,
    CASH,
    DAY,
    NEXT_DAY,
    TWO_PART_DAY,
    at,
    bar,
    flat,
    span_of,
)

TERMS = SessionTerms(
    last_entry_minutes=45, square_off_minutes=20, fee_profile=FeeProfile.UPSTOX, fee_bps=10.0
)
COLUMNS = ("instrument", "open_ns", "open", "close", "volume")


def provider(dataset: Dataset) -> ReplayProvider:
    return ReplayProvider(dataset, TERMS)


def only(spans: list[MinuteSpan]) -> MinuteSpan:
    (span,) = spans
    return span


def test_there_is_a_minute_for_every_minute_of_the_session_also_without_a_trade() -> None:
    span = only(list(provider(dataset_of([bar("11:00", 1, 1, 1, 1)])).day_spans()))

    assert 375 == len(span.close_ns)
    assert (at("09:16"), at("15:30")) == (span.close_ns[0], span.close_ns[-1])
    assert np.all(np.diff(span.close_ns) == MINUTE_NS)


def test_a_bar_lies_in_the_minute_that_ends_it() -> None:
    span = only(list(provider(dataset_of(flat("09:15", "15:30")[::7])).day_spans()))
    for minute, close_ns in enumerate(span.close_ns):
        bars = span.bars[span.first_bar[minute] : span.first_bar[minute + 1]]

        assert all(b.open_ns + MINUTE_NS == close_ns for b in bars)
    assert len(span.bars) == span.first_bar[-1]


def test_a_minute_has_its_bars_in_configured_order() -> None:
    bars = flat("09:15", "09:20", instrument=1) + flat("09:15", "09:20")
    span = only(list(provider(dataset_of(bars, [CASH, CASH])).day_spans()))

    assert [0, 1] * 5 == span.bars["instrument"].tolist()


def test_days_without_any_bar_have_no_minutes() -> None:
    bars = [bar("10:00", 1, 1, 1, 1), bar("10:00", 2, 2, 2, 2, day=DAY + 2)]
    source = provider(dataset_of(bars))
    span = only(list(source.day_spans()))

    assert [DAY, DAY + 2] == source.days.tolist() == span.sessions["day"][:, 0].tolist()
    assert [0] * 375 + [1] * 375 == span.day_index.tolist()


def test_from_and_to_choose_days_inclusively() -> None:
    source = provider(generated("week"))
    chosen = only(list(source.day_spans(WEEK[1], WEEK[3])))

    assert WEEK[1:4] == chosen.sessions["day"][:, 0].tolist()
    assert [] == list(source.day_spans(WEEK[-1] + 1))


def test_spans_in_pieces_hold_what_one_span_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    source = provider(generated("week"))
    whole = only(list(source.day_spans()))
    monkeypatch.setattr(replay, "BARS_PER_SPAN", 800)
    pieces = list(source.day_spans())

    assert [2, 2, 1] == [len(piece.sessions) for piece in pieces]
    np.testing.assert_array_equal(whole.close_ns, np.concatenate([p.close_ns for p in pieces]))
    np.testing.assert_array_equal(whole.bars, np.concatenate([p.bars for p in pieces]))


def test_a_day_in_two_parts_has_no_minute_between_them() -> None:
    source = provider(generated("two parts"))
    span = next(source.day_spans(TWO_PART_DAY, TWO_PART_DAY))

    assert 105 == len(span.close_ns)
    assert at("11:31", TWO_PARTS[1]) == span.close_ns[45]
    assert at("12:10", TWO_PARTS[1]) == span.sessions["square_off_ns"][0, 0]


def test_mixed_sessions_end_apart_and_their_minutes_are_one_timeline() -> None:
    bars = flat("09:15", "15:30", day=AUCTION_DAY)
    bars += flat("09:15", "15:15", instrument=1, day=AUCTION_DAY)
    source = provider(dataset_of(bars, [CASH, AUCTION]))
    span = only(list(source.day_spans()))

    assert [0, 1] == source.groups
    assert 375 == len(span.close_ns)
    assert [at("15:30", AUCTION_DAY), at("15:15", AUCTION_DAY)] == span.sessions["close_ns"][
        0
    ].tolist()
    assert [2] * 360 + [1] * 15 == np.diff(span.first_bar).tolist()


def test_a_longer_bar_that_its_session_cuts_short_closes_with_the_session() -> None:
    """1h bars: 14:15 of the auction share ends 15:15, and so does that of the other."""
    bars = [
        bar("14:15", 1, 1, 1, 1, instrument=0, day=AUCTION_DAY),
        bar("15:15", 2, 2, 2, 2, instrument=0, day=AUCTION_DAY),
        bar("14:15", 3, 3, 3, 3, instrument=1, day=AUCTION_DAY),
    ]
    kinds = [CASH, AUCTION]
    span = only(list(provider(dataset_of(bars, kinds, base_ns=60 * MINUTE_NS)).day_spans()))
    per_minute = dict(zip(span.close_ns.tolist(), np.diff(span.first_bar).tolist(), strict=True))

    assert (2, 1) == (per_minute[at("15:15", AUCTION_DAY)], per_minute[at("15:30", AUCTION_DAY)])


def test_a_session_that_ends_inside_a_longer_bar_puts_bars_in_order_of_their_ends() -> None:
    """4h bars: 13:15 of the auction share ends at 15:15, before the other's at 15:30."""
    bars = [
        bar("13:15", 1, 1, 1, 1, instrument=0, day=AUCTION_DAY),
        bar("13:15", 3, 3, 3, 3, instrument=1, day=AUCTION_DAY),
    ]
    kinds = [CASH, AUCTION]
    span = only(list(provider(dataset_of(bars, kinds, base_ns=240 * MINUTE_NS)).day_spans()))

    assert [1, 0] == span.bars["instrument"].tolist()
    assert [at("13:15", AUCTION_DAY), at("15:15", AUCTION_DAY), at("15:30", AUCTION_DAY)] == (
        span.close_ns.tolist()
    )
    assert [0, 1, 1] == np.diff(span.first_bar).tolist()


def test_a_round_the_clock_market_has_every_day_and_ends_with_its_last_bar() -> None:
    bars = [
        bar("10:00", 1, 1, 1, 1),
        bar("10:00", 2, 2, 2, 2, day=DAY + 2),
    ]
    dataset = dataset_of(bars, [ALWAYS_OPEN], market=Market.ALWAYS_OPEN)
    source = provider(dataset)
    span = only(list(source.day_spans()))

    assert [DAY, DAY + 1, DAY + 2] == source.days.tolist()
    assert (DAY * DAY_NS + MINUTE_NS, at("10:01", DAY + 2)) == (span.close_ns[0], span.close_ns[-1])
    assert np.all(span.sessions["close_ns"] == NEVER_NS)


def test_24_00_utc_counts_for_the_day_that_ends() -> None:
    bars = flat("05:00", "06:00") + flat("05:00", "06:00", day=NEXT_DAY)  # 05:30 IST: a new UTC day
    dataset = dataset_of(bars, [ALWAYS_OPEN], market=Market.ALWAYS_OPEN)
    span = only(list(provider(dataset).day_spans()))
    midnight = int(np.searchsorted(span.close_ns, DAY * DAY_NS))
    days = span.sessions["day"][span.day_index, 0]

    assert DAY * DAY_NS == span.close_ns[midnight]
    assert (DAY - 1, DAY) == (days[midnight], days[midnight + 1])


def test_charges_of_a_round_the_clock_market_change_at_midnight_in_india() -> None:
    day = parse_day("2026-03-01")
    bars = [bar("12:00", 1, 1, 1, 1, day=day - 1), bar("12:00", 1, 1, 1, 1, day=day)]
    dataset = dataset_of(bars, [ALWAYS_OPEN], market=Market.ALWAYS_OPEN)
    span = only(list(provider(dataset).day_spans()))
    first = int(np.searchsorted(span.close_ns, at("00:01", day)))  # the Minute that opens 00:00
    rates = span.rules["transaction_num"][span.day_index]

    assert [297, 30_699] == rates[first - 1 : first + 1].tolist()


def test_rules_are_those_of_each_day() -> None:
    days = [parse_day("2026-02-27"), parse_day("2026-03-02")]
    bars = [bar("10:00", 1, 1, 1, 1, day=day) for day in days]
    span = only(list(provider(dataset_of(bars)).day_spans()))

    assert [297, 30_699] == span.rules["transaction_num"].tolist()


def test_a_span_equals_the_one_that_tests_build_by_hand() -> None:
    bars = flat("09:20", "11:00") + flat("14:00", "15:30", 101.0, day=NEXT_DAY)
    ours = span_of(bars, days=[DAY, NEXT_DAY])
    span = only(list(provider(dataset_of(bars)).day_spans()))
    for name in MinuteSpan._fields:
        np.testing.assert_array_equal(getattr(ours, name), getattr(span, name), name)


def test_the_seam_of_providers_gives_the_same_spans() -> None:
    source = provider(generated("mixed auction"))

    async def collected() -> list[MinuteSpan]:
        return [span async for span in source.spans()]

    for one, other in zip(source.day_spans(), asyncio.run(collected()), strict=True):
        np.testing.assert_array_equal(one.close_ns, other.close_ns)
        np.testing.assert_array_equal(one.bars, other.bars)
    assert AUCTION_BEGINS == source.days.tolist()
