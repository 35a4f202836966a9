"""Events as they were recorded on trading days, labelled from the bars that were stored.

Features, side and verdict are those of the day, whatever refused the event; what became of it alone
comes from `outcomes.py`. Decides which recorded days belong together, nothing about the market.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from core.errors import ConfigError, DataError
from core.session import day_text
from core.types import Instrument, Market, Records, SessionClass, Side
from providers.dataset import DataOptions, trusted
from research.meta.labels import (
    FORMAT,
    Labels,
    alone,
    event_rows,
    in_order,
    whole_span,
    without_model,
)
from research.meta.outcomes import outcomes
from research.meta.training import verdict
from stores.query import ask
from strategies.kernel import KernelStrategy, signal_dtype
from strategies.registry import KERNELS, build
from strategies.settings import MarketRisk, StrategySettings

MODEL = "model"  # the refusal

_EVENTS = """
    SELECT s.instrument, s.kind, s.side, s.bar_open_ns, s.close, s.atr, s.status, s.refusal,
        s.confidence, s.day, d.features
    FROM signals s LEFT JOIN (
        SELECT i.symbol, d.strategy, d.open_ns, d.features
        FROM decisions d JOIN instruments i ON i.number = d.instrument
        QUALIFY row_number() OVER (
            PARTITION BY d.strategy, d.instrument, d.open_ns ORDER BY d.rowid DESC
        ) = 1
    ) d ON d.symbol = s.instrument AND d.strategy = s.strategy AND d.open_ns = s.bar_open_ns
    WHERE s.strategy = '{strategy}' AND s.status <> 'SUPPRESSED'
        AND s.day BETWEEN {from_day} AND {to_day}
    ORDER BY s.bar_close_ns, s.instrument"""
EVENT_SCHEMA = {
    "instrument": pl.String(),
    "kind": pl.String(),
    "side": pl.String(),
    "bar_open_ns": pl.Int64(),
    "close": pl.Float64(),
    "atr": pl.Float64(),
    "status": pl.String(),
    "refusal": pl.String(),
    "confidence": pl.Float64(),
    "day": pl.Int64(),
    "features": pl.List(pl.Float64()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDays:
    """Days that one setup ran: the strategy `instance` of kind `strategy`, and the stored bars."""

    instance: str
    strategy: str
    settings: StrategySettings
    risk: MarketRisk
    instruments: tuple[Instrument, ...]
    base_ns: int
    days: tuple[int, ...]
    bars: Records


def recorded_events(directory: Path, instance: str, from_day: int, to_day: int) -> pl.DataFrame:
    """The signals of a strategy in the ledger of a state directory, with the features stored."""
    strategy = instance.replace("'", "''")
    answer = ask(directory, _EVENTS.format(strategy=strategy, from_day=from_day, to_day=to_day))
    if answer.is_cut:
        raise DataError(f"more than {len(answer.rows):,} signals: choose fewer days")
    return pl.DataFrame(answer.rows, EVENT_SCHEMA, orient="row")


def recorded_labels(setups: Sequence[RecordedDays], events: pl.DataFrame) -> Labels:
    """`events` of those days with their outcomes. Raises ConfigError, DataError.

    An event without stored features or bars is left out: `description["left_out"]` counts them.
    """
    _require_one_kernel(setups)
    newest = setups[-1]
    names = list(dict.fromkeys(one.symbol for each in setups for one in each.instruments))
    whole = events.filter(pl.col("features").is_not_null())
    frames = [
        rows
        for each in setups
        for rows in _rows(each, whole.filter(pl.col("day").is_in(each.days)))
    ]
    if not frames:
        raise DataError(f"no signal of {newest.instance} was recorded on these days")
    frame = in_order(frames, names).join(
        whole.select("instrument", "bar_open_ns", "status", "refusal", "confidence"),
        on=["instrument", "bar_open_ns"],
        maintain_order="left",
    )
    digest = hashlib.sha256(b"".join(each.bars.tobytes() for each in setups))
    days = sorted(day for each in setups for day in each.days)
    description: dict[str, Any] = {
        "format": FORMAT,
        "strategy": newest.strategy,
        "features": list(KERNELS[newest.strategy].features),
        "settings": without_model(newest.settings).model_dump(mode="json"),
        "risk": newest.risk.model_dump(mode="json"),
        "symbols": names,
        "data_hash": digest.hexdigest(),
        "from": day_text(days[0]),
        "to": day_text(days[-1]),
        "left_out": events.height - frame.height,
    }
    return Labels(frame, description)


def compared(tested: pl.DataFrame, labels: Labels) -> pl.DataFrame:
    """The new model's folds beside what ran, on the same events, that neither had learned from.

    What ran had its model from before the day; the new one is judged in the fold that had not seen
    the event.
    """
    recorded = labels.frame.select("instrument", "bar_close_ns", "refusal", "confidence")
    both = tested.join(recorded, on=["instrument", "bar_close_ns"], maintain_order="left")
    ran = both.with_columns(
        passed=pl.col("refusal").fill_null("") != MODEL, p=pl.col("confidence").fill_null(0.5)
    )
    sides = {
        "new, fold by fold": both,
        "as recorded": ran,
        "without": ran.with_columns(passed=True),
    }
    return pl.DataFrame([{"model": name, **verdict(seen)} for name, seen in sides.items()])


def _require_one_kernel(setups: Sequence[RecordedDays]) -> None:
    """Features of different parameters are different features."""
    newest = setups[-1]
    if not KERNELS.get(newest.strategy) or not KERNELS[newest.strategy].features:
        raise ConfigError(f"strategy {newest.instance} records no features to learn from")
    for each in setups:
        if each.strategy != newest.strategy:
            raise ConfigError(
                f"{newest.instance} was {each.strategy} on {day_text(each.days[0])}"
                f" and {newest.strategy} on {day_text(newest.days[0])}: choose days of one"
            )
        for name in ("timeframe", *(KERNELS[newest.strategy].params.names or ())):
            one, other = getattr(each.settings, name), getattr(newest.settings, name)
            if one != other:
                raise ConfigError(
                    f"{newest.instance} ran with {name} = {one} on {day_text(each.days[0])} and"
                    f" {other} on {day_text(newest.days[0])}: choose days of one setup"
                )


def _rows(setup: RecordedDays, events: pl.DataFrame) -> list[pl.DataFrame]:
    """Labelled rows of one setup's events, one frame for each instrument that has bars."""
    always_open = setup.instruments[0].session_class is SessionClass.ALWAYS_OPEN
    options = DataOptions(
        market=Market.ALWAYS_OPEN if always_open else Market.NSE, base_ns=setup.base_ns
    )
    settings = without_model(setup.settings)
    frames = []
    for one in alone(trusted(setup.instruments, setup.bars, options)):
        (instrument,) = one.instruments
        span, timeframes_ns = whole_span(one, settings, setup.risk)
        strategy = build(setup.strategy, settings, [instrument.symbol], setup.instance)
        assert isinstance(strategy, KernelStrategy)  # no other has features
        own = events.filter(pl.col("instrument") == instrument.symbol)
        signals = _placed(own, span.strategy_bars["open_ns"], strategy)
        found = outcomes(span, signals, instrument, settings, setup.risk, timeframes_ns)
        frames.append(event_rows(strategy, instrument, span, signals, found))
    return frames


def _placed(events: pl.DataFrame, open_ns: np.ndarray, strategy: KernelStrategy) -> Records:
    """SIGNAL rows of the strategy bars that open at `open_ns`, with the recorded events in them."""
    signals: Records = np.zeros(len(open_ns), signal_dtype(len(strategy.features), 0))
    rows = {int(one): number for number, one in enumerate(open_ns)}
    for event in events.iter_rows(named=True):
        row = rows.get(event["bar_open_ns"])
        if row is None:
            continue
        signals["count"][row] = 1
        signals["kind"][row, 0] = strategy.kinds.index(event["kind"]) + 1
        signals["side"][row, 0] = int(Side[event["side"]])
        signals["close"][row] = event["close"]
        signals["atr"][row] = np.nan if event["atr"] is None else event["atr"]
        signals["features"][row] = event["features"]
    return signals
