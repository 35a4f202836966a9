"""Task 1: what the feed says becomes ticks and bars in the store, then a Minute, in that order.

Decides when a Minute is published (market.md 3). Never waits for trading longer than the bounded
queue makes it wait, and never publishes what the store has not been asked to keep.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog

from core.audit import BarAudit
from core.bands import last_closes, price_bands
from core.errors import StoreFailed
from core.exchange_hours import ExchangeHours
from core.latest import Latest
from core.minutes import BarBuilder
from core.ports import (
    Clock,
    Feed,
    FeedDown,
    FeedUp,
    Heartbeat,
    LastMinutes,
    MarketStatus,
    MarketStore,
    PreviousCloses,
    TickBatch,
)
from core.repair import NOTHING, Given, in_doubt, repaired
from core.session import DAY_NS, MINUTE_NS, Session, day_span_ns, recorded_session
from core.types import (
    BAR,
    REPAIRED,
    TICK,
    Float64s,
    Instrument,
    MinuteSpan,
    Records,
    SessionClass,
    joined,
)
from daemon.intake.audit import FEED, Auditor
from daemon.intake.doubts import Doubts
from daemon.intake.repair import Repairer
from daemon.intake.space import Space
from daemon.intake.tape import Publication, Tape, TapedMinute, given_mark
from daemon.intake.watch import STORE, Watch
from daemon.orders.traffic import OrderTraffic
from daemon.pulse.meters import Meters
from providers.live import DayFrame, LiveProvider
from stores.owner import Owner

NO_BARS: Records = np.zeros(0, BAR)
NO_TICKS: Records = np.zeros(0, TICK)
MAX_UNSTORED_TICKS = 50_000  # then they are handed to the store without waiting for the Minute

SHARES = (SessionClass.CASH, SessionClass.CASH_AUCTION)
CLOSES_WITHIN_NS = 10 * DAY_NS  # longer than any row of holidays

log = structlog.get_logger()


@dataclass(slots=True)
class FeedFacts:
    """What the page and the certificate want to know of the feed."""

    up: bool = False
    ticks: int = 0
    last_frame_ns: int | None = None
    last_minute_ns: int | None = None
    minutes: int = 0
    latest: Latest = field(default_factory=Latest)
    doubts: Doubts = field(default_factory=Doubts)
    audits: dict[str, BarAudit] = field(default_factory=dict)  # our bars, by whom against


class Ingest:
    """Reads one day from a feed of ticks, or hands on the Minutes of recorded bars.

    Args:
        repairer: asks for what the feed has not seen whole; None: such bars are flagged only.
        space: where there is none, no tick is kept; None: nobody looks.
        is_live: the market goes on by itself: silence means something, and what came does not come
            again.
        traffic: of a book whose fills are told: looks for ticks at its targets.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        store: MarketStore,
        owner: Owner,
        live: LiveProvider,
        frame: DayFrame,
        facts: FeedFacts,
        meters: Meters | None = None,
        repairer: Repairer | None = None,
        is_live: bool = False,
        space: Space | None = None,
        traffic: OrderTraffic | None = None,
    ) -> None:
        self._clock = clock
        self._store = store
        self._owner = owner
        self._live = live
        self._frame = frame
        self._facts = facts
        self._meters = meters or Meters()
        # How each Minute came about, by its close; the trading task takes it out.
        self.publications: dict[int, Publication] = {}
        self.doubts = facts.doubts
        self._unstored: list[Records] = []
        self._unstored_count = 0
        self._repairer = repairer
        self._is_live = is_live
        self._space = space
        self._traffic = traffic
        self._watch = Watch(self.doubts, 0, None)
        self._auditor = Auditor(BarAudit(), (), lambda now_ns: np.zeros(0, np.bool_))
        self._grace_ns = 0
        self._closes_before: Float64s = np.zeros(0)  # of each instrument, in our history
        self._closed: deque[TapedMinute] = deque()  # not yet published; at most those of the day
        self._repairing: asyncio.Task[None] | None = None
        self._publishing = asyncio.Lock()

    # --- ticks ---------------------------------------------------------------------------------

    async def run_feed(
        self,
        feed: Feed,
        instruments: Sequence[Instrument],
        builder: BarBuilder,
        closes_ns: Sequence[int],
        grace_ns: int,
        *,
        to_its_end: bool = False,
        band_percent: float = 0.0,
    ) -> None:
        """The day from ticks, until its last Minute is published.

        Args:
            closes_ns: closes of the Minutes that are left.
            band_percent: of the previous close, beyond which no price is taken for true; 0: any is.
            to_its_end: read on until the feed ends by itself, so that every tick is counted.
        """
        self._grace_ns = grace_ns
        self._facts.latest = Latest(len(instruments))
        stored = day_span_ns(self._frame.day, instruments[0].session_class)
        tape = Tape(builder, await self._owner.run(self._store.tick_count, *stored))
        self._meters.tick_outcomes = lambda: tape.counts
        self._closes_before = await self._owner.run(self._previous_closes, len(instruments))
        bands = price_bands(instruments, self._closes_before, band_percent)
        tape.limit_prices(bands)
        if self._traffic is not None:
            self._traffic.targets.limit_prices(bands)
        tape.know_ticks([one.tick_paise or 0 for one in instruments])
        self._watch = Watch(
            self.doubts,
            len(instruments),
            self._clock if self._is_live else None,
            ExchangeHours(instruments, tape.in_session, self._widest_sessions()),
        )
        audit = self._facts.audits.setdefault(FEED, BarAudit())
        self._auditor = Auditor(audit, instruments, tape.in_session)
        self._watch.begin(
            tape.in_session,
            lambda reason: self._lost(tape, reason),
            tape.feed_down,  # its bars are in doubt as those of a lost feed
            lambda quiet: tape.feed_up(self._clock.now_ns(), quiet),
        )
        timer = asyncio.create_task(self._close_in_time(tape, closes_ns, grace_ns))
        reader = asyncio.create_task(self._read(feed, instruments, tape))
        try:
            while not timer.done():
                waited = {timer} if reader.done() else {timer, reader}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if reader in waited and reader.done():
                    reader.result()  # a feed that ends is lost, one that breaks is a bug
                    if self._clock.now_ns() < closes_ns[-1] - MINUTE_NS:
                        self._lost(tape, "it has ended")
            timer.result()
            if to_its_end:
                await reader
            tape.end_session()
            await self._publish_ready(tape)
            if self._repairing is not None:
                await self._repairing
            await self._store_rows()  # what came after the last Minute was published
        finally:
            self._watch.end()
            tasks = [timer, reader, *([self._repairing] if self._repairing else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._is_live:
                await self._store_rows()  # of the open minute; a day that waits sends them again
        self._auditor.end()
        log.info("feed_day_ended", counts={k: n for k, n in tape.counts.items() if n})
        await self._live.close()

    def _widest_sessions(self) -> list[Session]:
        """Of all classes of shares, traded here or not."""
        told = [recorded_session(self._frame.day, one) for one in SHARES]
        return [session for session in told if session is not None]

    def _previous_closes(self, instruments: int) -> Float64s:
        """As far as the store holds the days before; rupees."""
        open_ns = self._frame.open_ns
        return last_closes(self._store.bars(open_ns - CLOSES_WITHIN_NS, open_ns), instruments)

    async def _read(self, feed: Feed, instruments: Sequence[Instrument], tape: Tape) -> None:
        async for item in feed.stream(instruments):
            match item:
                case TickBatch(recv_ns, ticks):
                    if self._facts.latest.note(ticks):
                        ours = (ticks["instrument"] >= 0) & (ticks["instrument"] < len(instruments))
                        tape.count_strangers(ticks[~ours])
                        ticks = ticks[ours]
                    self._heard(tape, recv_ns)
                    if back := self._watch.told_again(ticks):
                        tape.feed_up(recv_ns, back)
                    tape.add(ticks)
                    if self._traffic is not None:
                        self._traffic.look(ticks)
                    self._watch.frame(recv_ns, ticks)
                    self._facts.ticks += len(ticks)
                    self._facts.last_frame_ns = recv_ns
                    await self._keep(ticks)
                    await self._publish_ready(tape)
                case Heartbeat(recv_ns):
                    self._heard(tape, recv_ns)
                    self._watch.frame(recv_ns, NO_TICKS)
                case FeedUp(recv_ns, _, named):
                    self._up(tape, recv_ns, named)
                case FeedDown(_, reason, _, named):
                    self._lost(tape, reason, named)
                case LastMinutes(_, candles):
                    self._auditor.told(candles)
                case PreviousCloses(_, closes):
                    self._watch.previous_closes(self._closes_before, closes)
                case MarketStatus(_, segment, status, of):
                    if self._watch.market_said(item):
                        log.info("market_status_changed", segment=segment, status=status, of=of)

    @property
    def unstored(self) -> int:
        """Ticks that wait for the store."""
        return self._unstored_count

    def lagged(self, seconds: float) -> None:
        """The event loop stood still for so long."""
        self._watch.lagged(seconds)

    def _heard(self, tape: Tape, recv_ns: int) -> None:
        """A frame has come: what was lost without a word is back."""
        if self._watch.is_silent:
            self._up(tape, recv_ns, self._watch.silenced)

    def _up(self, tape: Tape, recv_ns: int, named: Sequence[int]) -> None:
        tape.feed_up(recv_ns, named)
        self._watch.connected(recv_ns, named)
        self._facts.up = True
        log.info("feed_up", instruments=len(named) or None)

    def _lost(self, tape: Tape, reason: str, named: Sequence[int] = ()) -> None:
        tape.feed_down(named)
        self._watch.lost(reason, named)
        self._facts.up = self._watch.is_up
        log.warning("feed_lost", reason=reason, instruments=len(named) or None)

    async def _close_in_time(self, tape: Tape, closes_ns: Sequence[int], grace_ns: int) -> None:
        """A quiet instrument must not hold a Minute back: it closes at its end plus the grace."""
        for close_ns in closes_ns:
            await self._clock.sleep_until(close_ns + grace_ns)
            tape.close_through(self._clock.now_ns())
            await self._publish_ready(tape)

    async def _keep(self, ticks: Records) -> None:
        if self._space is not None and self._space.is_short:
            return
        self._unstored.append(ticks.copy())  # the feed reuses its array
        self._unstored_count += len(ticks)
        if self._unstored_count >= MAX_UNSTORED_TICKS:
            await self._store_rows()

    # --- publication ---------------------------------------------------------------------------

    async def _publish_ready(self, tape: Tape) -> None:
        """Hand on what is closed, in order; behind a Minute under repair the next ones wait, and
        ticks go on into bars."""
        async with self._publishing:
            taken = tape.take_minutes()
            self._closed += taken
            if taken:
                closes_ns = [one.minute.close_ns for one in taken]
                self._watch.minutes(closes_ns, tape.counts_by_instrument)
            if self._repairing is not None and self._repairing.done():
                self._repairing.result()
                self._repairing = None
            if self._repairing is not None:
                return
            if self._repairer is not None and _any_in_doubt(self._closed):
                self._repairing = asyncio.create_task(self._repair(self._repairer))
                return
            while self._closed:
                await self._publish(self._closed.popleft(), NOTHING)

    async def _repair(self, repairer: Repairer) -> None:
        """Ask for the candles of what is in doubt, until nothing waits behind it any more."""
        while self._closed:
            stretch = list(self._closed)
            given = [NOTHING] * len(stretch)
            if _any_in_doubt(stretch):
                given = await repairer.given([one.minute for one in stretch], self._grace_ns)
            for candles in given:
                await self._publish(self._closed.popleft(), candles)

    async def _publish(self, taped: TapedMinute, given: Given) -> None:
        minute, publication = taped
        bars = repaired(minute.bars, given)
        await self._store_rows(bars)
        self._facts.last_minute_ns = minute.close_ns
        self._facts.minutes += 1
        self._meters.publication.add((self._clock.now_ns() - minute.close_ns) / 1e9)
        self.publications[minute.close_ns] = publication | given_mark(given)
        self._auditor.published(minute.close_ns, bars)
        with self._clock.held():
            await self._live.publish(self._frame.span(minute.close_ns, bars))

    # --- recorded bars -------------------------------------------------------------------------

    async def run_minutes(self, spans: Iterable[MinuteSpan]) -> None:
        """The day from imported bars: each Minute at its close by the clock."""
        self._facts.up = True
        for span in spans:
            close_ns = int(span.close_ns[0])
            await self._clock.sleep_until(close_ns)
            await self._store_rows(span.bars, "import")
            self._facts.last_frame_ns = close_ns
            self._facts.last_minute_ns = close_ns
            self._facts.minutes += 1
            await self._live.publish(span)
        await self._live.close()

    # --- the store -----------------------------------------------------------------------------

    async def _store_rows(self, bars: Records = NO_BARS, source: str = "feed") -> None:
        """Ticks and bars in one commit. A store that fails does not hold the Minute back."""
        if self._space is not None:
            self._space.look()
        ticks, self._unstored, self._unstored_count = self._unstored, [], 0
        try:
            with self._clock.held():  # the same ticks come in time, however slow the disk is
                await self._owner.run(self._write, ticks, bars, source)
            self._meters.stored()
            self.doubts.close(STORE)
        except StoreFailed as error:
            self._meters.stored(failure=str(error))
            self.doubts.open(STORE, str(error))
            log.error("market_store_failed", reason=str(error))

    def _write(self, ticks: list[Records], bars: Records, source: str) -> None:
        if ticks:  # at once: an append costs the same for one tick as for a thousand
            self._store.append_ticks(joined(ticks))
        candles = (bars["quality"] & REPAIRED) > 0
        for rows, name in ((bars[~candles], source), (bars[candles], "repair")):
            if len(rows):
                self._store.append_bars(rows, name)
        self._store.commit()


def _any_in_doubt(taken: Iterable[TapedMinute]) -> bool:
    return any(in_doubt(one.minute.bars).any() for one in taken)
