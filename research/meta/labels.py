"""Labelled events: what a strategy saw when it raised one, and what became of it alone.

The features are those that the strategy's own kernel wrote into its signals, the outcome is that
of `outcomes.py`. One row per bar that raised an event: of several the first, the only one a book
may act on. Decides which events have a label; never what is learned from them.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from backtest.files import refusal_name
from backtest.run import Progress, Request, check_span, session_terms
from core.bars import Resampler
from core.errors import ConfigError, DataError
from core.rules.holdings import EXITED
from core.session import day_text
from core.types import ExitReason, Instrument, MinuteSpan, Records, Refusal, Side
from providers.dataset import Dataset, only
from providers.replay import ReplayProvider
from research.meta.outcomes import joined, outcomes
from strategies.kernel import KernelStrategy
from strategies.registry import build
from strategies.settings import MarketRisk, StrategySettings

FORMAT = "tradingd labels 1"
WITHOUT_MODEL: dict[str, object] = {"skip_meta_model": True, "model_hash": None}
TEXTS = ("strategy", "instrument", "kind", "side", "exit_reason")
NOT_FILLED, NOT_OVER = "not_filled", "not_over"  # why there is no label, beside the refusals


@dataclass(frozen=True, slots=True)
class Labels:
    """Events with their outcomes, by (bar_close_ns, instrument), and what they were made of."""

    frame: pl.DataFrame
    description: Mapping[str, Any]

    @property
    def features(self) -> list[str]:
        return list(self.description["features"])

    @property
    def labelled(self) -> pl.DataFrame:
        return self.frame.filter(pl.col("label").is_not_null())


def label_events(request: Request, progress: Progress | None = None) -> Labels:
    """Every event of the span of `request`, traded alone. Raises ConfigError, DataError."""
    settings = without_model(request.settings)
    names = [instrument.symbol for instrument in request.dataset.instruments]
    features = build(request.strategy, settings, names).features
    if not features:
        raise ConfigError(f"strategy {request.strategy} records no features to learn from")
    provider = ReplayProvider(request.dataset, session_terms(request.risk), request.to_day)
    check_span(provider, request.from_day, request.to_day)
    frames = []
    for one in alone(request.dataset):
        span, timeframes_ns = whole_span(one, settings, request.risk, request.to_day)
        strategy = build(request.strategy, settings, [names[0]], request.name)
        assert isinstance(strategy, KernelStrategy)  # no other has features
        signals = strategy.on_bars(span.strategy_bars)
        if request.from_day is not None:
            signals["count"][span.strategy_bars["day"] < request.from_day] = 0
        (instrument,) = one.instruments
        found = outcomes(span, signals, instrument, settings, request.risk, timeframes_ns)
        frames.append(event_rows(strategy, instrument, span, signals, found))
        if progress is not None:
            progress(len(one.bars))
    frame = in_order(frames, names)
    return Labels(frame, description_of(request, settings, features))


def without_model(settings: StrategySettings) -> StrategySettings:
    """The settings that raise every event, whatever a model would say of it."""
    known = {key: value for key, value in WITHOUT_MODEL.items() if hasattr(settings, key)}
    return settings.model_copy(update=known)


def alone(dataset: Dataset) -> Iterator[Dataset]:
    """The bars of one instrument at a time."""
    each = (only(dataset, number) for number in range(len(dataset.instruments)))
    yield from (one for one in each if len(one.bars))


def whole_span(
    dataset: Dataset, settings: StrategySettings, risk: MarketRisk, to_day: int | None = None
) -> tuple[MinuteSpan, list[int]]:
    """All days up to the last one wanted as one resampled span, and the timeframes in it."""
    provider = ReplayProvider(dataset, session_terms(risk), to_day)
    resampler = Resampler([settings.timeframe_ns], dataset.options.base_ns, provider.groups)
    spans = [resampler.resample(span) for span in provider.day_spans()]
    return joined(spans), resampler.timeframes_ns.tolist()


def event_rows(
    strategy: KernelStrategy,
    instrument: Instrument,
    span: MinuteSpan,
    signals: Records,
    found: Records,
) -> pl.DataFrame:
    """The events of one instrument as rows; outcomes are null where there is no label."""
    said = np.flatnonzero(signals["count"])
    bars, signals, found = span.strategy_bars[said], signals[said], found[said]
    traded = found["kind"] == EXITED
    risk = strategy.settings.risk_per_trade
    r = found["net_paise"] / 100.0 / risk
    per_share = found["quantity"] / risk
    outcome: dict[str, Any] = {
        "label": pl.Series((found["net_paise"] > 0).astype(np.int8)),
        "r": r,
        "exit_reason": [ExitReason(one).name for one in found["reason"]],
        "best_r": found["mfe"] * per_share,
        "worst_r": -found["mae"] * per_share,
        "quantity": found["quantity"],
        "net_paise": found["net_paise"],
        "entry_ns": found["entry_ns"],
        "exit_ns": found["fill_ns"],
    }
    rows = pl.DataFrame(
        {
            "strategy": [strategy.name] * len(said),
            "instrument": [instrument.symbol] * len(said),
            "kind": [strategy.kinds[kinds[0] - 1] for kinds in signals["kind"]],
            "side": [Side(sides[0]).name for sides in signals["side"]],
            "bar_open_ns": bars["open_ns"],
            "bar_close_ns": bars["close_ns"],
            "close": signals["close"],
            "atr": pl.Series(signals["atr"]).fill_nan(None),
            **{name: signals["features"][:, n] for n, name in enumerate(strategy.features)},
            "no_label": pl.Series(_why_not(signals, found), dtype=pl.String),
            **outcome,
        },
        schema_overrides=dict.fromkeys(TEXTS, pl.String()),
    )
    kept = pl.Series(traded)
    return rows.with_columns(pl.when(kept).then(pl.col(*outcome)))


def _why_not(signals: Records, found: Records) -> list[str | None]:
    """`last_entry`, `quantity`, or what became of the order; None where there is a label."""
    return [
        None if exited else refusal_name(Refusal(refusal)) or (NOT_OVER if opened else NOT_FILLED)
        for exited, refusal, opened in zip(
            found["kind"] == EXITED, signals["refusal"], found["entry_ns"], strict=True
        )
    ]


def in_order(frames: list[pl.DataFrame], names: list[str]) -> pl.DataFrame:
    """All rows by (bar_close_ns, instruments in configured order)."""
    place = {name: number for number, name in enumerate(names)}
    return (
        pl.concat(frames)
        .with_columns(pl.col("instrument").replace_strict(place, return_dtype=pl.Int64).alias("n"))
        .sort("bar_close_ns", "n", maintain_order=True)
        .drop("n")
    )


def description_of(
    request: Request, settings: StrategySettings, features: tuple[str, ...]
) -> dict[str, Any]:
    """What the rows were made of: a model carries it on."""
    days = {"from": request.from_day, "to": request.to_day}
    return {
        "format": FORMAT,
        "strategy": request.strategy,
        "features": list(features),
        "settings": settings.model_dump(mode="json"),
        "risk": request.risk.model_dump(mode="json"),
        "symbols": [instrument.symbol for instrument in request.dataset.instruments],
        "data_hash": request.dataset.data_hash,
        **{word: None if day is None else day_text(day) for word, day in days.items()},
    }


def write_labels(path: Path, labels: Labels) -> None:
    """One Parquet file that says itself what it holds; equal labels, equal bytes."""
    partial = path.with_name(f".{path.name}.partial")
    told = {"tradingd": json.dumps(labels.description, sort_keys=True)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        labels.frame.write_parquet(partial, compression="zstd", statistics=False, metadata=told)
        partial.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or error}") from error


def read_labels(path: Path) -> Labels:
    """What `write_labels` wrote. Raises DataError for any other file."""
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        told = pl.read_parquet_metadata(path).get("tradingd")
        description = json.loads(told) if told else {}
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise DataError(f"{path} is not a file of labels: {error}") from error
    if description.get("format") != FORMAT:
        raise DataError(f"{path} is not a file of labels: `tradingd labels` writes them")
    return Labels(frame, description)
