"""A day of the sandbox: what its feed says of each minute is what we have made of it."""

from pathlib import Path

import structlog

from tests.cli.sandbox_days import SHARES, candles_of, sandbox_day


def test_the_last_minutes_that_the_feed_tells_are_our_bars(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        sandbox_day(tmp_path)
    [audited] = [log for log in logs if log["event"] == "bars_audited"]

    assert (0, 0) == (audited["differ"], audited["missing"])
    assert len(candles_of()) - len(SHARES) <= audited["equal"] <= len(candles_of())
