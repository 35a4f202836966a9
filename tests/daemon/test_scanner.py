"""The scanner's rows and the page's snapshot."""

import json
from dataclasses import replace

import numpy as np
import pytest

from core.audit import BarAudit
from core.bars import Resampler
from core.errors import InvariantBroken
from core.events import Position
from core.session import MINUTE_NS, at_ist, parse_day
from core.types import (
    ExitReason,
    Refusal,
    Side,
    Signal,
    SignalId,
    SignalStatus,
    Trade,
    TradingState,
)
from daemon.provenance import Origin, Provenance
from daemon.scanner import BarProgress, DaemonFacts, Json, Scanner, bars_in_progress, snapshot

DAY = parse_day("2026-07-27")
QUARTER_NS = 15 * MINUTE_NS
WARMUP = 50


def at(clock: str) -> int:
    return at_ist(DAY, clock)


def new_scanner() -> Scanner:
    scanner = Scanner(
        [("main", "pixity", "15m", WARMUP), ("shadow", "ema_cross", "5m", 30)],
        [("RELIANCE", "NSE_EQ|INE002A01018"), ("SBIN", "NSE_EQ|INE062A01020")],
    )
    scanner.day_opened(DAY)
    scanner.status(trading_state=TradingState.ACTIVE, market_open=True, feed_up=True)
    return scanner


def row_of(scanner: Scanner, strategy: str = "pixity", instrument: str = "RELIANCE") -> Json:
    (row,) = (
        row
        for row in scanner.rows(at("10:31"))
        if (row["strategy"], row["instrument"]) == (strategy, instrument)
    )
    return row


def closed(scanner: Scanner, clock: str, bars_seen: int = WARMUP) -> None:
    """The 15m bar that ends at `clock`."""
    scanner.bar_closed("pixity", "RELIANCE", at(clock) - QUARTER_NS, at(clock), bars_seen)


def signal(
    clock: str = "10:30", side: Side = Side.BUY, status: SignalStatus = SignalStatus.ACTED
) -> Signal:
    return Signal(
        signal_id=SignalId("s"),
        strategy="pixity",
        instrument="RELIANCE",
        kind="TREND",
        side=side,
        bar_open_ns=at(clock) - QUARTER_NS,
        bar_close_ns=at(clock),
        close=2941.35,
        atr=11.75,
        vwap=2930.0,
        confidence=0.5,
        status=status,
        refusal=Refusal.COOLDOWN if status is SignalStatus.REFUSED else Refusal.NONE,
        value=np.nan,
        limit=np.nan,
        quantity=42,
        features=(),
    )


def position(side: Side = Side.BUY) -> Position:
    return Position(
        strategy="pixity",
        instrument="RELIANCE",
        side=side,
        quantity=40,
        entry_price=2942.0,
        stop=2930.25,
        target=2965.5,
        entry_ns=at("10:31"),
        signal_id="s",
    )


def trade(net_paise: int) -> Trade:
    return Trade(
        strategy="pixity",
        instrument="RELIANCE",
        side=Side.BUY,
        quantity=40,
        signal_id=SignalId("s"),
        kind="TREND",
        signal_bar_open_ns=at("10:15"),
        entry_ns=at("10:31"),
        entry_price=2942.0,
        exit_ns=at("10:40"),
        exit_price=2950.0,
        exit_reason=ExitReason.TARGET,
        bars_held=1,
        gross_paise=net_paise + 100,
        fees_paise=100,
        net_paise=net_paise,
        r=0.1,
        mae=0.0,
        mfe=0.0,
    )


def test_a_row_has_exactly_the_columns_of_runner_state() -> None:
    assert {
        *("book", "strategy", "instrument", "instrument_id", "timeframe", "bias", "confidence"),
        *("signal_state", "status", "last_signal", "position", "day_pnl_paise"),
        *("last_bar_open_ns", "last_bar_open", "last_bar_close_ns", "last_bar_close"),
        *("updated_ns", "updated"),
    } == set(row_of(new_scanner()))


def test_rows_come_in_configured_order_books_first() -> None:
    names = ("book", "strategy", "timeframe", "instrument", "instrument_id")
    rows = new_scanner().rows(at("10:31"))

    assert [
        ("main", "pixity", "15m", "RELIANCE", "NSE_EQ|INE002A01018"),
        ("main", "pixity", "15m", "SBIN", "NSE_EQ|INE062A01020"),
        ("shadow", "ema_cross", "5m", "RELIANCE", "NSE_EQ|INE002A01018"),
        ("shadow", "ema_cross", "5m", "SBIN", "NSE_EQ|INE062A01020"),
    ] == [tuple(row[name] for name in names) for row in rows]


def test_a_strategy_of_two_books_is_refused() -> None:
    with pytest.raises(InvariantBroken, match="twice"):
        Scanner([("main", "pixity", "15m", 50), ("shadow", "pixity", "15m", 50)], [("A", "X|A")])


def test_a_row_is_warming_until_the_first_bar_that_may_have_an_event() -> None:
    scanner = new_scanner()
    states = [row_of(scanner)["signal_state"]]
    for clock, bars_seen in (("10:15", WARMUP - 1), ("10:30", WARMUP)):
        closed(scanner, clock, bars_seen)
        states.append(row_of(scanner)["signal_state"])

    assert ["WARMING", "WARMING", "WATCHING"] == states


@pytest.mark.parametrize(
    ("status", "state"),
    [(SignalStatus.ACTED, "TRIGGERED"), (SignalStatus.REFUSED, "REFUSED")],
)
def test_a_signal_stands_until_the_next_strategy_bar(status: SignalStatus, state: str) -> None:
    scanner = new_scanner()
    closed(scanner, "10:30")
    scanner.signal_decided(signal("10:30", status=status))
    decided = row_of(scanner)["signal_state"]
    closed(scanner, "10:45")

    assert (state, "WATCHING") == (decided, row_of(scanner)["signal_state"])


def test_a_signal_told_before_its_bar_stands_all_the_same() -> None:
    scanner = new_scanner()
    scanner.signal_decided(signal("10:30"))
    closed(scanner, "10:30")

    assert "TRIGGERED" == row_of(scanner)["signal_state"]


def test_a_suppressed_event_is_no_signal() -> None:
    scanner = new_scanner()
    scanner.signal_decided(signal())
    scanner.signal_decided(signal(side=Side.SELL, status=SignalStatus.SUPPRESSED))

    assert ("BUY", 1) == (row_of(scanner)["bias"], scanner.signals)


def test_the_last_signal_tells_side_kind_time_price_stop_target_and_refusal() -> None:
    scanner = new_scanner()
    scanner.signal_decided(signal(status=SignalStatus.REFUSED), stop=2929.6)

    assert {
        "side": "BUY",
        "kind": "TREND",
        "time_ns": at("10:30"),
        "time": "2026-07-27T10:30:00+05:30",
        "price": 2941.35,
        "stop": 2929.6,
        "target": None,
        "refusal": "cooldown",
    } == row_of(scanner)["last_signal"]


def test_bias_is_the_side_of_the_position_before_that_of_the_last_signal() -> None:
    scanner = new_scanner()
    biases = [row_of(scanner)["bias"]]
    scanner.signal_decided(signal(side=Side.SELL))
    biases.append(row_of(scanner)["bias"])
    scanner.position_changed("pixity", "RELIANCE", position(Side.BUY))
    biases.append(row_of(scanner)["bias"])
    scanner.position_changed("pixity", "RELIANCE", None)
    biases.append(row_of(scanner)["bias"])

    assert ["NONE", "SELL", "BUY", "SELL"] == biases


@pytest.mark.parametrize(("side", "pnl_paise"), [(Side.BUY, 10_000), (Side.SELL, -10_000)])
def test_the_open_position_counts_at_the_last_price(side: Side, pnl_paise: int) -> None:
    scanner = new_scanner()
    scanner.position_changed("pixity", "RELIANCE", position(side))
    scanner.marked("RELIANCE", 2944.5, at("10:32"))

    assert pnl_paise == row_of(scanner)["day_pnl_paise"] == scanner.day_pnl_paise


def test_a_price_from_before_the_entry_says_nothing_of_the_position() -> None:
    scanner = new_scanner()
    scanner.marked("RELIANCE", 2900.0, at("10:30"))
    scanner.position_changed("pixity", "RELIANCE", position())

    assert 0 == row_of(scanner)["day_pnl_paise"]


def test_an_older_price_does_not_replace_a_newer_one() -> None:
    scanner = new_scanner()
    scanner.position_changed("pixity", "RELIANCE", position())
    scanner.marked("RELIANCE", 2944.5, at("10:33"))
    scanner.marked("RELIANCE", 2900.0, at("10:32"))

    assert 10_000 == row_of(scanner)["day_pnl_paise"]


def test_round_trips_stay_in_the_days_result() -> None:
    scanner = new_scanner()
    scanner.position_changed("pixity", "RELIANCE", position())
    scanner.marked("RELIANCE", 2944.5, at("10:32"))
    scanner.position_changed("pixity", "RELIANCE", None)
    scanner.trade_closed(trade(31_900))
    scanner.trade_closed(trade(-1_900))

    assert (30_000, 2) == (row_of(scanner)["day_pnl_paise"], scanner.trades)


def test_a_new_day_forgets_signals_and_results_but_no_position() -> None:
    scanner = new_scanner()
    scanner.signal_decided(signal())
    scanner.trade_closed(trade(31_900))
    scanner.position_changed("pixity", "RELIANCE", position())
    scanner.day_opened(DAY + 1)
    row = row_of(scanner)

    assert (None, "BUY", 0) == (row["last_signal"], row["bias"], row["day_pnl_paise"])
    assert (0, 0, 0) == (scanner.signals, scanner.entries, scanner.trades)


@pytest.mark.parametrize(
    ("trading_state", "market_open", "feed_up", "stale", "status"),
    [
        (TradingState.ACTIVE, True, True, (), "RUNNING"),
        (TradingState.REDUCING, True, True, ("SBIN",), "RUNNING"),
        (TradingState.ACTIVE, True, True, ("RELIANCE",), "STALE"),
        (TradingState.ACTIVE, True, False, (), "STALE"),
        (TradingState.ACTIVE, False, False, ("RELIANCE",), "WAITING"),
        (TradingState.HALTED, False, False, ("RELIANCE",), "HALTED"),
    ],
)
def test_the_gravest_status_is_shown(
    trading_state: TradingState,
    market_open: bool,
    feed_up: bool,
    stale: tuple[str, ...],
    status: str,
) -> None:
    scanner = new_scanner()
    scanner.status(
        trading_state=trading_state, market_open=market_open, feed_up=feed_up, stale=stale
    )

    assert status == row_of(scanner)["status"]


def test_the_version_grows_with_every_change_and_only_then() -> None:
    scanner = new_scanner()
    versions = [scanner.version]

    def tell(*calls: object) -> None:
        versions.append(scanner.version)

    tell(closed(scanner, "10:30"))
    tell(scanner.signal_decided(signal()))
    tell(scanner.position_changed("pixity", "RELIANCE", position()))
    tell(scanner.marked("RELIANCE", 2944.5, at("10:32")))
    tell(scanner.trade_closed(trade(100)))
    tell(scanner.status(trading_state=TradingState.HALTED, market_open=True, feed_up=True))
    grown = versions[-1]
    scanner.status(trading_state=TradingState.HALTED, market_open=True, feed_up=True)
    scanner.marked("RELIANCE", 2944.5, at("10:33"))
    scanner.marked("SBIN", 812.0, at("10:33"))

    assert sorted(set(versions)) == versions
    assert grown == scanner.version


def test_the_bar_in_progress_is_read_from_the_resamplers_bins() -> None:
    resampler = Resampler([QUARTER_NS, 60 * MINUTE_NS], MINUTE_NS, [0, 0])
    names = ("open_ns", "end_ns", "minutes_seen", "minutes_expected")
    resampler.bins[1, 0] = np.zeros((), resampler.bins.dtype)
    for instrument, seen in ((0, 4), (1, 7)):
        for name, value in zip(names, (at("10:30"), at("10:45"), seen, 15), strict=True):
            resampler.bins[name][1, instrument] = value

    assert [
        BarProgress("1h", None, None, 0, 0),
        BarProgress("15m", at("10:30"), at("10:45"), 7, 15),
    ] == bars_in_progress(resampler.bins, ["1h", "15m"])


def facts() -> DaemonFacts:
    return DaemonFacts(
        mode="paper",
        feed="synthetic",
        feed_up=True,
        feed_age_ms=240,
        day=DAY,
        trading_state=TradingState.ACTIVE,
        market_open=True,
        minutes_done=76,
        minutes_expected=375,
        last_minute_ns=at("10:31"),
        ticks_seen=1234,
        doubts=["feed all: closed 1006"],
        breakers=["unknown_order: no answer"],
        bars=[BarProgress("15m", at("10:30"), at("10:45"), 1, 15)],
        provenance=[Provenance("pixity", Origin.NONE, "no evidence")],
    )


def test_the_snapshot_is_json_also_where_numbers_are_missing() -> None:
    scanner = new_scanner()
    scanner.signal_decided(signal()._replace(close=np.nan, confidence=np.nan), stop=np.inf)
    scanner.position_changed("pixity", "RELIANCE", replace(position(), target=np.nan))
    shown = snapshot(scanner, facts(), at("10:31"))

    assert shown == json.loads(json.dumps(shown, allow_nan=False))


def test_the_snapshot_tells_the_whole_daemon() -> None:
    scanner = new_scanner()
    scanner.signal_decided(signal())
    scanner.signal_decided(signal(status=SignalStatus.REFUSED))
    audits = {"feed": BarAudit(equal=150, missing=1), "candles": BarAudit()}
    shown = snapshot(scanner, replace(facts(), last_minute_ns=None, audits=audits), at("10:31"))

    assert "2026-07-27T10:31:00+05:30" == shown["updated_at"]
    absent = ("broker", "account", "waiting_for", "consent", "reconciliation", "last_minute")
    assert {
        **dict.fromkeys(absent),
        "mode": "paper",
        "feed": "synthetic",
        "feed_up": True,
        "feed_age_ms": 240,
        "day": "2026-07-27",
        "market_time": "2026-07-27T10:31:00+05:30",
        "market_open": True,
        "readiness": [],
        "report": [],
        "trading_state": "ACTIVE",
        "minutes_done": 76,
        "minutes_expected": 375,
        "ticks_seen": 1234,
        "doubts": ["feed all: closed 1006"],
        "breakers": ["unknown_order: no answer"],
        "audits": ["feed: 150 equal, 0 differ, 1 missing"],
        "signals": 2,
        "entries": 1,
        "trades": 0,
        "day_pnl_paise": 0,
        "strategies_off": [],
        "evidence": [{"strategy": "pixity", "origin": "none", "told": "no evidence"}],
        "bars": [
            {
                "timeframe": "15m",
                "open": "2026-07-27T10:30:00+05:30",
                "close": "2026-07-27T10:45:00+05:30",
                "minutes_seen": 1,
                "minutes_expected": 15,
            }
        ],
    } == shown["daemon"]


def test_rows_since_a_version_are_those_that_changed_after_it() -> None:
    scanner = new_scanner()
    everything = scanner.rows(at("10:31"))
    version = scanner.version
    assert [] == scanner.rows(at("10:32"), since=version)
    scanner.bar_closed("pixity", "SBIN", at("10:15"), at("10:30"), 60)
    [changed] = scanner.rows(at("10:32"), since=version)

    assert "SBIN" == changed["instrument"]
    assert at("10:32") == changed["updated_ns"]
    assert len(everything) == len(scanner.rows(at("10:32")))


def test_preparing_rows_stops_for_others_after_so_many_changed_ones() -> None:
    scanner = new_scanner()
    rows = len(scanner.rows(at("10:31")))
    assert [] == list(scanner.prepare(1))
    scanner.day_opened(DAY)
    for symbol in ("RELIANCE", "SBIN"):
        scanner.bar_closed("pixity", symbol, at("10:15"), at("10:30"), 60)

    assert 2 == len(list(scanner.prepare(1))) <= rows


# --- shadows and failures ------------------------------------------------------------------------


def test_counts_and_result_of_the_day_are_those_of_the_main_book() -> None:
    scanner = new_scanner()
    scanner.signal_decided(signal()._replace(strategy="ema_cross"))
    scanner.trade_closed(replace(trade(10_000), strategy="ema_cross"))

    assert (0, 0, 0, 0) == (
        *(scanner.signals, scanner.entries, scanner.trades),
        scanner.day_pnl_paise,
    )
    assert 10_000 == row_of(scanner, "ema_cross")["day_pnl_paise"]


def test_a_strategy_that_failed_is_off_in_all_its_rows_until_the_next_day() -> None:
    scanner = new_scanner()
    scanner.switched_off("ema_cross")
    status = {row["strategy"]: row["status"] for row in scanner.rows(at("10:31"))}

    assert {"pixity": "RUNNING", "ema_cross": "OFF"} == status
    assert ["ema_cross"] == scanner.strategies_off
    scanner.day_opened(DAY + 1)
    assert [] == scanner.strategies_off
