"""What ingest sees of the feed, as doubts: told of frames and Minutes, it opens and closes them.

The shell around `core/doubts.py`. Silence and clocks are looked at only where the market goes on by
itself: a generated or recorded day is silent because nobody reads it.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import structlog

from core.doubts import (
    ODD_CLOCK_NS,
    STALE_FEED_NS,
    STALE_SYMBOL_NS,
    Doubt,
    DoubtKind,
    Rejections,
    Silence,
    clock_is_doubtful,
    is_corporate_action,
)
from core.exchange_hours import ExchangeHours
from core.ports import Clock, MarketStatus
from core.session import SECOND_NS
from core.types import Bools, Float64s, Int64s, Records
from daemon.intake.doubts import Doubts

LOOK_NS = SECOND_NS  # how often silence is looked for
FEED, CLOCK = Doubt(DoubtKind.FEED), Doubt(DoubtKind.CLOCK)
HOURS = Doubt(DoubtKind.HOURS)
LAG, STORE = Doubt(DoubtKind.LAG), Doubt(DoubtKind.STORE)

log = structlog.get_logger()


class Watch:
    """Over one day's feed.

    Args:
        clock: of a market that goes on by itself; None: silence and clocks mean nothing.
        hours: the exchange's phases; None: nobody tells them.
    """

    def __init__(
        self,
        doubts: Doubts,
        instruments: int,
        clock: Clock | None,
        hours: ExchangeHours | None = None,
    ) -> None:
        self._doubts = doubts
        self._hours = hours
        self._hours_ns = 0  # when they were looked at last
        self._clock = clock
        self._rejections = Rejections(instruments)
        self._silence = Silence(instruments)
        self._odd_clock = False
        self._silent = {
            doubt.instrument for doubt in doubts.open_now if doubt.kind is DoubtKind.SYMBOL
        }
        self._fresh_from_ns = 0  # the exchange's time of the quote that ends LAG
        self._cancel: Callable[[], None] | None = None
        self._untold = set[int]()  # fallen silent, as far as whoever builds bars was told
        self._up: Bools = np.zeros(instruments, np.bool_)
        self._silenced: Bools = np.zeros(instruments, np.bool_)

    # --- what comes ------------------------------------------------------------------------------

    def connected(self, now_ns: int, instruments: Sequence[int] = ()) -> None:
        """These, none named: all, are told from now on."""
        chosen = list(instruments) or slice(None)
        self._up[chosen], self._silenced[chosen] = True, False
        self._silence.connected(now_ns, instruments)
        self._untold.difference_update(instruments or tuple(self._untold))
        known = self._doubts.open_now
        down = self._down if FEED in known else self._down & known.keys()
        self._doubts.settle(DoubtKind.FEED, down, known.get(FEED, ""))

    def lost(self, reason: str, instruments: Sequence[int] = ()) -> None:
        """These, none named: all, are not told any more."""
        chosen = list(instruments) or slice(None)
        self._up[chosen], self._silenced[chosen] = False, False
        down = self._down
        self._doubts.settle(DoubtKind.FEED, down, reason)
        these = down if FEED in down else {Doubt(DoubtKind.FEED, number) for number in instruments}
        self._doubts.explain(these, reason)

    @property
    def is_up(self) -> bool:
        """Whether anything is told."""
        return bool(self._up.any())

    @property
    def is_silent(self) -> bool:
        """Lost without a word: any frame brings `silenced` back."""
        return bool(self._silenced.any())

    @property
    def silenced(self) -> tuple[int, ...]:
        """As FeedUp names them."""
        return () if self._silenced.all() else tuple(np.flatnonzero(self._silenced).tolist())

    @property
    def _down(self) -> set[Doubt]:
        """What is doubted for want of a feed."""
        if not self._up.any():
            return {FEED}
        return {Doubt(DoubtKind.FEED, number) for number in np.flatnonzero(~self._up).tolist()}

    def previous_closes(self, ours: Float64s, theirs: Float64s) -> None:
        """At the open: whether our history is in the prices of today. Nothing here ends this
        doubt; an opening with a history made anew does."""
        for number in np.flatnonzero(np.isfinite(theirs)).tolist():  # few, of many
            our, their = float(ours[number]), float(theirs[number])
            if is_corporate_action(our, their):  # not of what is not known
                reason = f"our last close is {our:.2f}, the feed's {their:.2f}"
                self._doubts.open(Doubt(DoubtKind.CORPORATE_ACTION, number), reason)

    def market_said(self, item: MarketStatus) -> bool:
        """Whether it is new."""
        if self._hours is None:
            return True
        is_new = self._hours.tell(item.segment, item.status, item.of, item.since_ns)
        self._compare_hours(self._hours, item.recv_ns)
        return is_new

    def _compare_hours(self, hours: ExchangeHours, now_ns: int) -> None:
        self._hours_ns = now_ns
        contradiction = hours.contradiction(now_ns)
        if contradiction is None:
            self._doubts.close(HOURS)
        else:
            self._doubts.open(HOURS, contradiction)

    def frame(self, recv_ns: int, ticks: Records) -> None:
        if self._hours is not None and recv_ns >= self._hours_ns + LOOK_NS:
            self._compare_hours(self._hours, recv_ns)
        if self._clock is None:
            return
        self._silence.frame(recv_ns, ticks)
        if LAG in self._doubts.open_now and (ticks["exch_ns"] >= self._fresh_from_ns).any():
            self._doubts.close(LAG)

    def told_again(self, ticks: Records) -> list[int]:
        """Which of the instruments that had fallen silent are among `ticks`; each once."""
        if not self._untold:
            return []
        back = self._untold.intersection(ticks["instrument"].tolist())
        self._untold -= back
        return sorted(back)

    def lagged(self, seconds: float) -> None:
        """We stood still: frames that came meanwhile are read now and are old."""
        if self._clock is not None:
            self._fresh_from_ns = self._clock.now_ns()
            self._doubts.open(LAG, f"the event loop stood still for {seconds:.1f} s")

    def minutes(self, closes_ns: Iterable[int], counts: Int64s) -> None:
        """Minutes have closed; `counts` as `BarBuilder.counts_by_instrument`."""
        self._doubts.settle(DoubtKind.FEED, self._down, "it has not come up")
        doubtful, clean = self._rejections.minute(counts)
        for number in doubtful:
            self._doubts.open(Doubt(DoubtKind.TICKS, number), "over 1 % of its ticks rejected")
        for number in clean:
            self._doubts.close(Doubt(DoubtKind.TICKS, number))
        if self._clock is not None:
            self._compare_clocks(self._silence.minute())
        for close_ns in closes_ns:
            self._doubts.of_minute(close_ns)

    def _compare_clocks(self, ahead_ns: int | None) -> None:
        if ahead_ns is None:
            return
        ahead_ms = ahead_ns // 1_000_000
        if clock_is_doubtful(ahead_ns):
            self._doubts.open(CLOCK, f"our clock is {ahead_ms} ms ahead of the exchange")
        else:
            self._doubts.close(CLOCK)
        was_odd, self._odd_clock = self._odd_clock, abs(ahead_ns) > ODD_CLOCK_NS
        if self._odd_clock and not was_odd:
            log.warning("clock_differs", ahead_ms=ahead_ms)

    # --- what does not come ----------------------------------------------------------------------

    def begin(
        self,
        in_session: Callable[[int], Bools],
        feed_is_silent: Callable[[str], None],
        are_silent: Callable[[Sequence[int]], None],
        are_quiet: Callable[[Sequence[int]], None],
    ) -> None:
        """Look for silence every second until `end`.

        Args:
            in_session: which instruments trade at a moment.
            feed_is_silent: told when no frame has come for too long.
            are_silent: told of busy instruments that have had no tick for too long.
            are_quiet: told of those that have been silent for so long that it is their way.
        """
        clock = self._clock
        if clock is None:
            return

        def look() -> None:
            silent, quiet = self._look(clock.now_ns(), in_session, feed_is_silent)
            if silent:
                are_silent(silent)
            if quiet:
                are_quiet(quiet)
            self._cancel = clock.call_at(clock.now_ns() + LOOK_NS, look)

        self._cancel = clock.call_at(clock.now_ns() + LOOK_NS, look)

    def end(self) -> None:
        if self._cancel is not None:
            self._cancel()

    def _look(
        self,
        now_ns: int,
        in_session: Callable[[int], Bools],
        feed_is_silent: Callable[[str], None],
    ) -> tuple[list[int], list[int]]:
        """Instruments that have fallen silent, and those whose silence means nothing any more."""
        if not self.is_up:
            return [], []  # all is doubted already
        trading = in_session(now_ns) & self._up
        if self._silence.of_feed(now_ns) and (trading & in_session(now_ns - STALE_FEED_NS)).any():
            silenced = self._up.copy()
            feed_is_silent(f"no frame for {STALE_FEED_NS // SECOND_NS} s")
            self._silenced = silenced
            return [], []
        if HOURS in self._doubts.open_now:
            return [], []  # a market that is halted is lawfully silent
        stale = self._silence.of_instruments(now_ns)
        stale &= trading & in_session(now_ns - STALE_SYMBOL_NS)
        silent = set(np.flatnonzero(stale).tolist())
        fallen, back = silent - self._silent, self._silent - silent
        for number in fallen:
            self._doubts.open(
                Doubt(DoubtKind.SYMBOL, number), f"no tick for {STALE_SYMBOL_NS // SECOND_NS} s"
            )
        for number in back:
            self._doubts.close(Doubt(DoubtKind.SYMBOL, number))
        quiet = back & self._untold
        self._silent, self._untold = silent, (self._untold | fallen) - quiet
        return sorted(fallen), sorted(quiet)
