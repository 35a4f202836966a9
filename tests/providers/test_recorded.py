"""Recorded ticks come as the socket delivered them, and the daemon's rules sort out the rest."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import DataError
from core.minutes import BarBuilder
from core.ports import FeedDown, FeedUp, TickBatch
from core.session import at_ist, parse_day, recorded_session
from core.types import MISSING, PARTIAL, Records, SessionClass
from daemon.clocks import VirtualClock
from providers.dataset import DataOptions, instruments_of
from providers.recorded import RecordedFeed, RecordedTicks, bars_of, frames, is_capture

DAY = parse_day("2021-05-24")
GRACE_NS = 2_000_000_000
Tick = tuple[str, str, float, int, int, int]  # symbol, IST time, price, volume, part, seq


def capture(path: Path, *ticks: Tick, day: str = "2021-05-24") -> RecordedTicks:
    """A capture file; a time "-" is Unix 0, one with a date is of another day."""

    def stamp(text: str) -> int:
        if text == "-":
            return 0
        date, _, clock = text.rpartition(" ")
        hours, seconds = clock[:5], int(clock[6:])
        return at_ist(parse_day(date or day), hours) + seconds * 1_000_000_000

    pl.DataFrame(
        {
            "symbol": [one[0] for one in ticks],
            "ts": [datetime.fromtimestamp(stamp(one[1]) / 1e9, UTC) for one in ticks],
            "ltp": [one[2] for one in ticks],
            "volume": [one[3] for one in ticks],
            "capture_date": [datetime.fromisoformat(day).date()] * len(ticks),
            "capture_part": [one[4] for one in ticks],
            "seq": [one[5] for one in ticks],
        }
    ).write_parquet(path)
    return RecordedTicks(path)


def test_symbols_are_merged_by_each_ones_running_time(tmp_path: Path) -> None:
    """A zero time and one of another day do not move the clock; a late row has its arrival."""
    ticks = capture(
        tmp_path / "t.parquet",
        ("A", "09:15:01", 10.0, 1, 1, 0),
        ("A", "09:15:09", 11.0, 2, 1, 1),
        ("A", "-", 12.0, 2, 1, 2),
        ("A", "2021-05-25 09:15:00", 13.0, 1, 1, 3),
        ("A", "09:15:04", 14.0, 1, 1, 4),
        ("B", "09:15:05", 20.0, 1, 1, 0),
        ("B", "09:15:09", 21.0, 1, 1, 1),
    ).ticks(DAY)
    arrived = (ticks["recv_ns"] - at_ist(DAY, "09:15")) // 1_000_000_000

    assert ticks["price"].tolist() == [10.0, 20.0, 11.0, 12.0, 13.0, 14.0, 21.0]
    assert arrived.tolist() == [1, 5, 9, 9, 9, 9, 9]
    assert ticks["seq"].tolist() == list(range(7))


def test_a_new_part_is_a_reconnect(tmp_path: Path) -> None:
    ticks = capture(
        tmp_path / "t.parquet",
        ("A", "09:15:01", 10.0, 1, 1, 0),
        ("A", "09:20:00", 11.0, 2, 2, 0),
    ).ticks(DAY)
    kinds = [type(item) for item in frames(ticks)]

    assert kinds == [FeedUp, TickBatch, FeedDown, FeedUp, TickBatch]


def test_what_is_no_capture_is_said_to_be_none(tmp_path: Path) -> None:
    pl.DataFrame({"symbol": ["A"]}).write_parquet(tmp_path / "bars.parquet")
    (tmp_path / "junk.parquet").write_bytes(b"junk")

    assert [is_capture(tmp_path / name) for name in ("bars.parquet", "junk.parquet", "no")] == [
        False
    ] * 3
    with pytest.raises(DataError, match="no column capture_date"):
        RecordedTicks(tmp_path / "bars.parquet")


def test_symbols_and_days_that_are_not_there_are_named(tmp_path: Path) -> None:
    captured = capture(tmp_path / "t.parquet", ("A", "09:15:01", 10.0, 1, 1, 0))

    assert is_capture(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="no ticks of Z"):
        RecordedTicks(tmp_path / "t.parquet", ["Z"])
    with pytest.raises(DataError, match="2021-05-25"):
        captured.ticks(DAY + 1)


def test_another_choice_of_symbols_is_other_data(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    both = capture(path, ("A", "09:15:01", 10.0, 1, 1, 0), ("B", "09:15:01", 10.0, 1, 1, 0))

    assert both.data_hash == RecordedTicks(path).data_hash
    assert both.data_hash != RecordedTicks(path, ["A"]).data_hash


def fed_bars(ticks: Records, symbols: tuple[str, ...], start_ns: int) -> Records:
    """The bars of a builder that is fed by the feed from `start_ns` on."""
    session = recorded_session(DAY, SessionClass.CASH)
    builder = BarBuilder([session] * len(symbols), grace_ns=GRACE_NS, after_ns=start_ns)
    bars: list[Records] = []

    async def read() -> None:
        feed = RecordedFeed(ticks, VirtualClock(start_ns))
        async for item in feed.stream(instruments_of(symbols, DataOptions())):
            match item:
                case TickBatch(recv_ns, batch):
                    builder.add(batch)
                    builder.close_through(recv_ns)
                case FeedUp(recv_ns):
                    builder.feed_up(recv_ns)
                case _:
                    builder.feed_down()
            bars.extend(minute.bars for minute in builder.take_minutes())

    asyncio.run(read())
    builder.end_session()
    bars.extend(minute.bars for minute in builder.take_minutes())
    return np.concatenate(bars)


def minute_ticks() -> list[Tick]:
    """Two minutes of A, three trades each, with the volume of the day."""
    return [
        ("A", f"09:{15 + minute}:{second:02}", 10.0 + minute + second / 60, 10 * n + 5, 1, n)
        for n, (minute, second) in enumerate((m, s) for m in range(4) for s in (3, 20, 59))
    ]


def test_a_feed_that_joins_a_running_day_gives_the_bars_of_one_that_was_there(
    tmp_path: Path,
) -> None:
    captured = capture(tmp_path / "t.parquet", *minute_ticks())
    ticks = captured.ticks(DAY)
    whole = fed_bars(ticks, captured.symbols, at_ist(DAY, "09:14"))
    joined = fed_bars(ticks, captured.symbols, at_ist(DAY, "09:17"))
    kept = whole[whole["open_ns"] >= at_ist(DAY, "09:17")]

    assert len(joined) == 2
    assert (joined == kept).all()


def test_history_is_built_as_the_daemon_builds_it(tmp_path: Path) -> None:
    captured = capture(tmp_path / "t.parquet", *minute_ticks())
    ticks = captured.ticks(DAY)
    session = recorded_session(DAY, SessionClass.CASH)
    built = bars_of(ticks, [session], GRACE_NS)
    traded = built[(built["quality"] & MISSING) == 0]

    # What traded before its first tick and behind its last one is not known.
    assert traded["quality"].tolist() == [PARTIAL, 0, 0, PARTIAL]
    assert traded["volume"].tolist() == [20, 30, 30, 30]
    assert built["quality"].tolist()[4:] == [MISSING] * 371
    fed = fed_bars(ticks, captured.symbols, at_ist(DAY, "09:14"))
    assert (traded[:3] == fed[:3]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("day", "counts"),
    [
        ("2021-04-30", {"no_time": 13_475, "other_day": 73_652, "volume_backwards": 0}),
        ("2021-05-06", {"no_time": 0, "other_day": 0, "volume_backwards": 0}),
        ("2021-05-24", {"no_time": 0, "other_day": 0, "volume_backwards": 0}),
    ],
)
def test_real_captures_are_counted_by_reason_to_the_last_tick(
    shared: Path, day: str, counts: dict[str, int]
) -> None:
    captured = RecordedTicks(shared / "data" / "nse_ticks_2021-04_2021-05.parquet")
    number = parse_day(day)
    ticks = captured.ticks(number)
    builder = BarBuilder(
        [recorded_session(number, SessionClass.CASH)] * len(captured.symbols), grace_ns=GRACE_NS
    )
    for item in frames(ticks):
        if isinstance(item, TickBatch):
            builder.add(item.ticks)
            builder.close_through(item.recv_ns)

    assert sum(builder.counts.values()) == len(ticks)
    assert counts == {name: builder.counts[name] for name in counts}
