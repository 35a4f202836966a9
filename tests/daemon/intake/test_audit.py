"""What the feed says of the last minute is held against our bars, counted, and changes nothing."""

import numpy as np
import structlog

from core.ports import FeedItem, LastMinutes
from core.types import BAR, Records
from tests.daemon.test_ingest import BUSY, after_open, ingested


def last_minute(minute: int, instrument: int, close: float) -> LastMinutes:
    """Told ten seconds into the next minute."""
    candles: Records = np.zeros(1, BAR)
    candles["instrument"], candles["open_ns"] = instrument, after_open(60 * minute)
    candles["open"], candles["high"], candles["low"], candles["close"] = 1.0, 999.0, 1.0, close
    return LastMinutes(after_open(60 * minute + 70), candles)


def told(*items: FeedItem) -> list[FeedItem]:
    return sorted([*BUSY, *items], key=lambda item: item.recv_ns)


def test_bars_that_differ_are_counted_told_and_left_as_they_are() -> None:
    plain = ingested(BUSY)
    with structlog.testing.capture_logs() as logs:
        out = ingested(told(last_minute(0, 1, 2.0), last_minute(1, 1, 2.0)))
    [line] = [log for log in logs if log["event"] == "bars_differ"]
    [audited] = [log for log in logs if log["event"] == "bars_audited"]

    assert 2 == out.facts.audits["feed"].differ
    assert ("B", "open", 1) == (line["instrument"], line["field"], line["differ"])
    assert (0, 2, 0) == (audited["equal"], audited["differ"], audited["missing"])
    assert [one.bars.tobytes() for one in plain.spans] == [one.bars.tobytes() for one in out.spans]


def test_a_bar_that_the_feed_alone_has_is_missing() -> None:
    quiet = [item for item in BUSY if not 60 <= (item.recv_ns - after_open(0)) / 1e9 < 120]
    out = ingested(sorted([*quiet, last_minute(1, 0, 2.0)], key=lambda item: item.recv_ns))

    assert 1 == out.facts.audits["feed"].missing


def test_a_feed_that_tells_no_minutes_is_not_audited() -> None:
    with structlog.testing.capture_logs() as logs:
        out = ingested(BUSY)

    assert 0 == out.facts.audits["feed"].compared
    assert not any(log["event"] == "bars_audited" for log in logs)
