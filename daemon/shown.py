"""How the whole daemon stands, put together for the page and the health checks. Decides nothing."""

from core.session import ist_text
from daemon.floor import Floor
from daemon.ingest import FeedFacts
from daemon.plan import LIVE, Plan, Standing
from daemon.scanner import DaemonFacts, Scanner, bars_in_progress, timeframe_text
from providers.live import DayFrame


def daemon_facts(
    plan: Plan,
    floor: Floor,
    frame: DayFrame,
    feed: FeedFacts,
    standing: Standing,
    *,
    now_ns: int,
    has_begun: bool,
    scanner: Scanner,
) -> DaemonFacts:
    """As of `now_ns`; the latest prices of the feed go to the scanner.

    Args:
        has_begun: the day has a clock.
    """
    names = [timeframe_text(one) for one in floor.resampler.timeframes_ns]
    age = None if feed.last_frame_ns is None else (now_ns - feed.last_frame_ns) // 1_000_000
    for number, (price, ns) in feed.latest.take().items():
        scanner.marked(floor.symbols[number], price, ns)
    return DaemonFacts(
        mode=plan.mode,
        feed=plan.source.name,
        feed_up=feed.up,
        feed_age_ms=age,
        day=frame.day,
        trading_state=floor.main.state,
        market_open=has_begun and frame.open_ns <= now_ns < frame.close_ns,
        minutes_done=feed.minutes,
        minutes_expected=frame.minutes,
        last_minute_ns=feed.last_minute_ns,
        ticks_seen=feed.ticks,
        doubts=feed.doubts.told(),
        breakers=[
            f"{breaker.name.lower()} since {ist_text(trip.since_ns)}: {trip.reason}"
            for breaker, trip in floor.main.breakers.items()
        ],
        stale=feed.doubts.stale,
        audits=feed.audits,
        bars=bars_in_progress(floor.resampler.bins, names),
        standing=standing,
        broker=plan.source.identity if plan.mode == LIVE else None,
        account=plan.account if plan.mode == LIVE else None,
        provenance=plan.provenance,
    )
