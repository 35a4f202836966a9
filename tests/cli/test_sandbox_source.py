"""A day of the sandbox through the daemon: the exchange's own, at any pace, left or not."""

import asyncio
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from cli.config_commands import configuration
from cli.run_sources import opening_of
from cli.sandbox_source import OwnSandbox
from core.errors import ConfigError
from core.session import day_text, parse_day
from core.types import REPAIRED
from daemon.proof.certificate import certify_day
from daemon.upstox.masters import KeptMasters
from tests.cli.sandbox_days import (
    MUHURAT,
    KeptStore,
    bars_in,
    candles_of,
    sandbox_day,
)
from tests.daemon.days import rows, told


class Day(NamedTuple):
    """A state directory after the day, and the market store that went with it."""

    directory: Path
    kept: KeptStore


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Day:
    day = Day(tmp_path_factory.mktemp("undisturbed"), KeptStore())
    outcome = sandbox_day(day.directory, open_store=day.kept)
    assert (True, 60) == (outcome.complete, outcome.minutes)
    return day


def test_every_bar_of_the_daemon_is_a_candle_of_the_exchange(undisturbed: Day) -> None:
    assert candles_of().tolist() == bars_in(undisturbed.kept.store).tolist()


def test_a_day_of_the_sandbox_certifies_green(undisturbed: Day) -> None:
    certificate = certify_day(undisturbed.directory, MUHURAT, undisturbed.kept.store)

    assert "green" == certificate.verdict
    assert rows(undisturbed.directory, "trades")  # there was something to certify


def test_a_history_in_other_prices_is_made_anew_before_the_day(tmp_path: Path) -> None:
    kept = KeptStore()
    days = [parse_day(text) for text in ("2025-10-16", "2025-10-17", "2025-10-20")]
    for day in days:
        bars = candles_of(day=day)
        for name in ("open", "high", "low", "close"):
            bars[name][bars["instrument"] == 1] *= 2
        kept.store.append_bars(bars, "backfill")
    kept.store.commit()

    sandbox_day(tmp_path, to_minute=1, open_store=kept)

    for day in days:
        assert candles_of(day=day).tolist() == bars_in(kept.store, day).tolist()
    assert not [one for one in told(tmp_path) if one[0] == "DOUBT"]


@pytest.mark.slow
def test_the_pace_of_the_day_changes_nothing(undisturbed: Day, tmp_path: Path) -> None:
    sandbox_day(tmp_path, speed=3_000.0)

    assert told(undisturbed.directory) == told(tmp_path)


def test_a_day_left_and_gone_on_with_is_the_day_that_was_not_left(
    undisturbed: Day, tmp_path: Path
) -> None:
    kept = KeptStore()
    left = sandbox_day(tmp_path, to_minute=17, open_store=kept)
    again = sandbox_day(tmp_path, to_minute=40, open_store=kept)
    ended = sandbox_day(tmp_path, open_store=kept)

    assert [False, False, True] == [left.complete, again.complete, ended.complete]
    assert told(undisturbed.directory) == told(tmp_path)
    assert candles_of().tolist() == bars_in(kept.store).tolist()


@pytest.mark.slow
def test_a_cut_line_costs_no_bar(undisturbed: Day, tmp_path: Path) -> None:
    kept = KeptStore()
    cut = set[int]()

    def meddle(minutes: int, venue: OwnSandbox) -> None:
        if minutes in (9, 30) and minutes not in cut:
            cut.add(minutes)
            venue.sandbox.sockets.cut_all()

    sandbox_day(tmp_path, meddle=meddle, open_store=kept)
    bars = kept.store.bars(0, 2**62)

    assert {9, 30} == cut
    assert (bars["quality"] & REPAIRED).any()
    assert candles_of().tolist() == bars_in(kept.store).tolist()
    assert [one[3] for one in told(undisturbed.directory) if one[0] == "SIGNAL"] == [
        one[3] for one in told(tmp_path) if one[0] == "SIGNAL"
    ]


@pytest.mark.slow
def test_observe_decides_everything_and_sends_nothing(undisturbed: Day, tmp_path: Path) -> None:
    outcome = sandbox_day(tmp_path, mode="observe")
    decided = [(one["instrument"], one["bar_close_ns"]) for one in rows(tmp_path, "signals")]

    assert (60, 0, 0) == (outcome.minutes, outcome.entries, outcome.trades)
    assert [] == rows(tmp_path, "orders")
    assert (
        decided[:1]
        == [
            (one["instrument"], one["bar_close_ns"])
            for one in rows(undisturbed.directory, "signals")
        ][:1]
    )


def opened(directory: Path, **options: object) -> list[str]:
    """The instruments of `run --feed sandbox`, as symbol, tick and whether they are watched."""
    paths = {"state_dir": str(directory)}
    configured = configuration(None, None, {"feed": {"kind": "sandbox"}, "paths": paths, **options})

    async def main() -> list[str]:
        async with opening_of(configured, lambda _: None) as opened:
            found = opened.source.instruments
            return [f"{one.symbol} {one.tick_paise} {one.is_watched}" for one in found]

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("symbols", "line"),
    [
        ("RELIANSE", "RELIANSE is not in the instrument master; did you mean RELIANCE"),
        ("NIFTY 50", "NIFTY 50 .* is not traded: name it in watch, not in symbols"),
        ("TCS=NSE_EQ|INE002A01018", "TCS is NSE_EQ.INE467B01029, NSE_EQ.INE002A01018 is RELIANCE"),
    ],
)
def test_what_cannot_be_traded_is_refused_by_name(tmp_path: Path, symbols: str, line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        opened(tmp_path, symbols=symbols)


def test_instruments_are_those_of_the_exchanges_lists_which_are_kept(tmp_path: Path) -> None:
    found = opened(tmp_path, symbols="TCS,NSE_EQ|INE245A01021", watch="NIFTY 50")

    assert ["TCS 10 False", "TATAPOWER 5 False", "NIFTY 50 None True"] == found
    assert ["RELIANCE 10 False", "TATAPOWER 5 False"] == opened(tmp_path)
    assert KeptMasters(tmp_path).days()


def test_one_session_follows_another_and_each_has_a_token() -> None:
    learned = list[SecretStr]()
    venue = OwnSandbox(seed=1, speed=60.0, learned=learned.append)
    first = venue.next_day(-1)
    venue.dawn(first)
    token = venue.token()
    venue.dawn(first + 1)

    assert "2026-07-27" == day_text(first)
    assert parse_day("2026-07-28") == venue.next_day(first)
    assert parse_day("2026-08-03") == venue.next_day(parse_day("2026-07-31"))
    assert token != venue.token() == venue.token()
    assert [token, venue.token()] == [one.get_secret_value() for one in learned]
