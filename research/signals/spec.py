"""What a signal is, and the columns that many of them share.

A signal is one polars expression over the bars of one symbol in order of time. Decides on which
rows a value may rest; never looks past the row it stands in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum

import polars as pl

from research.signals.recurrences import smoothed, true_ranges
from research.signals.windows import covariance

# Numbers of the runs of rows that belong together. Frames are sorted by symbol and stamp.
SERIES = "_series"  # a symbol between two jumps that no corporate action explains
SESSION = "_session"  # of a series, one session
DAY = "_day"  # the session's date, days since 1970-01-01
MINUTE = "_minute"  # since the opening of the session's first bar
STAMP = "ts"


class Cadence(StrEnum):
    """On which bars a signal means something."""

    ANY = "any"
    DAILY = "daily"  # its periods are those of the source, in sessions
    INTRADAY = "intraday"  # it tells the bars of a session apart


@dataclass(frozen=True, slots=True, eq=False)
class SignalSpec:
    """A named signal. Its value is known at the close of its bar and null until it is warm.

    Args:
        source: paper or book; "folklore" where there is none.
        direction: the sign of the rank IC that the source leads one to expect; 0 where it says
            none, or the signal is only a condition of others.
        lookback: bars it needs, its own included: a series is null in the first `lookback - 1`.
        expression: over `open high low close volume`, whatever else the file has, and COLUMNS,
            all of one series; `.over` is put on when it is computed.
        sessions: whole sessions it needs before the one of its bar.
    """

    name: str
    source: str
    direction: int
    lookback: int
    expression: pl.Expr
    _: KW_ONLY
    family: str
    cadence: Cadence = Cadence.ANY
    sessions: int = 0

    @property
    def needs(self) -> list[str]:
        """Columns of the bars that it reads, sorted."""
        return sorted(roots_of([self.expression]) - COLUMNS.keys() - GIVEN)

    @property
    def is_cross_sectional(self) -> bool:
        """Whether other symbols of the same stamp enter."""
        return bool(roots_of([self.expression]) & ACROSS_SYMBOLS)


def over_series(expression: pl.Expr) -> pl.Expr:
    return expression.over(SERIES)


def of_session(expression: pl.Expr) -> pl.Expr:
    return expression.over(SESSION)


def same_time_before(expression: pl.Expr, sessions: int) -> pl.Expr:
    """Mean over the last `sessions` sessions that had a bar of this time, today left out."""
    before = [expression.shift(back) for back in range(1, sessions + 1)]
    mean_of_them = pl.sum_horizontal(before, ignore_nulls=False) / float(sessions)
    return mean_of_them.over(SERIES, MINUTE)


def ranked(expression: pl.Expr) -> pl.Expr:
    """Rank among the symbols of the stamp, in (0, 1]; ties get the mean."""
    return (expression.rank() / expression.count()).over(STAMP)


def ratio(above: pl.Expr, below: pl.Expr) -> pl.Expr:
    """Null where `below` is 0."""
    return pl.when(below != 0).then(above / below)


OPEN, HIGH, LOW, CLOSE, VOLUME = map(pl.col, ("open", "high", "low", "close", "volume"))

# Each is computed if a signal asks for it, after those it rests on itself.
COLUMNS: Mapping[str, pl.Expr] = {
    "_number": over_series(pl.int_range(pl.len()).cast(pl.Float64)),
    "_previous": over_series(CLOSE.shift(1)),
    "_return": ratio(CLOSE, pl.col("_previous")) - 1.0,
    "_log": ratio(CLOSE, pl.col("_previous")).log(),
    "_true_range": over_series(true_ranges()),
    "_atr": over_series(smoothed(pl.col("_true_range"), 14, 1.0 / 14.0)),
    "_typical": (HIGH + LOW + CLOSE) / 3.0,
    "_traded": pl.col("_typical") * VOLUME,
    "_location": pl.when(HIGH == LOW)
    .then(0.0)
    .otherwise((2.0 * CLOSE - HIGH - LOW) / (HIGH - LOW)),
    "_market": pl.col("_return").mean().over(STAMP),
    "_session_open": of_session(OPEN.first()),
    "_session_high": of_session(HIGH.cum_max()),
    "_session_low": of_session(LOW.cum_min()),
    "_session_volume": of_session(VOLUME.cum_sum()),
    "_session_traded": of_session(pl.col("_traded").cum_sum()),
    "_before": of_session(pl.col("_previous").first()),  # close of the session before
    "_high_so_far_before": over_series(pl.col("_session_high").shift(1)),
    "_low_so_far_before": over_series(pl.col("_session_low").shift(1)),
    "_high_before": of_session(pl.col("_high_so_far_before").first()),
    "_low_before": of_session(pl.col("_low_so_far_before").first()),
    "_range_high": of_session(pl.when(pl.col(MINUTE) < 15).then(HIGH).cum_max().forward_fill()),
    "_range_low": of_session(pl.when(pl.col(MINUTE) < 15).then(LOW).cum_min().forward_fill()),
    "_half_hour": of_session(pl.when(pl.col(MINUTE) < 30).then(CLOSE).forward_fill()),
    "_usual_volume": same_time_before(pl.col("_session_volume"), 5),
    "_next": of_session(pl.col("_return").shift(-1)),  # read from sessions before alone
    "_usual_next": same_time_before(pl.col("_next"), 5),
    "_volume_growth": over_series(VOLUME.log().diff(2)),
    "_rank_volume_growth": ranked(pl.col("_volume_growth")),
    "_rank_body": ranked(ratio(CLOSE - OPEN, OPEN)),
    "_rank_open": ranked(OPEN),
    "_rank_volume": ranked(VOLUME),
    "_place": over_series(
        ratio(CLOSE - LOW.rolling_min(12), HIGH.rolling_max(12) - LOW.rolling_min(12))
    ),
    "_rank_place": ranked(pl.col("_place")),
    "_rank_opening": ranked(ratio(OPEN, CLOSE) - 1.0),
    "_rank_under": ranked(pl.col("avg_price") - CLOSE),
    "_rank_over": ranked(pl.col("avg_price") + CLOSE),
}
GIVEN = frozenset({SERIES, SESSION, DAY, MINUTE, STAMP})
ACROSS_SYMBOLS = frozenset({"_market", *(name for name in COLUMNS if name.startswith("_rank_"))})


def roots_of(expressions: Iterable[pl.Expr]) -> set[str]:
    """Every column that the expressions read, those behind COLUMNS included."""
    found: set[str] = set()
    open_ = {name for one in expressions for name in one.meta.root_names()}
    while open_:
        found |= open_
        open_ = {
            root for name in open_ & COLUMNS.keys() for root in COLUMNS[name].meta.root_names()
        } - found
    return found


def depth_of(name: str) -> int:
    """How many columns have to stand before this one can be made; 0 for one of the bars."""
    if name not in COLUMNS:
        return 0
    return 1 + max(map(depth_of, COLUMNS[name].meta.root_names()), default=0)


# --- building blocks: expressions over one series ----------------------------


def growth(bars: int, skipped: int = 0) -> pl.Expr:
    """Return of the closes from `bars` to `skipped` bars ago."""
    return ratio(CLOSE.shift(skipped), CLOSE.shift(bars)) - 1.0


def slope(values: pl.Expr, bars: int) -> pl.Expr:
    """Of the least squares line through the newest `bars` values, a bar."""
    return covariance(values, pl.col("_number"), bars) / (bars * (bars + 1) / 12.0)


def positive(values: pl.Expr) -> pl.Expr:
    return values.clip(lower_bound=0.0)


RETURN, LOG, ATR = pl.col("_return"), pl.col("_log"), pl.col("_atr")
