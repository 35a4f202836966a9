"""`train --ledger`: the days of a state directory as setups with their stored bars.

Reads the stores of a directory that no daemon has, as `certify` does; writes nothing.
"""

from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

from core.errors import ConfigError, DataError
from core.ports import EventKind
from core.session import day_span_ns, day_text
from daemon.lock import StateLock
from daemon.proof.evidence import start_of
from daemon.proof.recipe import instruments_of
from research.meta.labels import WITHOUT_MODEL, Labels
from research.meta.recorded import RecordedDays, recorded_events, recorded_labels
from stores.ledger_reader import LEDGER_FILE, LedgerReader, open_read_only
from stores.market import MARKET_FILE, DuckMarketStore
from strategies.registry import settings_of
from strategies.settings import MarketRisk

Recipe = dict[str, Any]
OF_THE_DAY = ("sessions", "end_ns")  # of a recipe: what may differ between days of one setup


def labels_of_days(
    directory: Path, instance: str, from_day: int | None, to_day: int | None
) -> Labels:
    """Events of the closed days of the span. Raises AlreadyRunning, ConfigError, DataError."""
    if not directory.is_dir():
        raise ConfigError(f"state directory {directory}: no such directory")
    for name in (LEDGER_FILE, MARKET_FILE):
        if not (directory / name).exists():
            raise DataError(f"there is no {directory / name}")
    with StateLock(directory):
        with closing(open_read_only(directory)) as ledger:
            recipes = [(day, start_of(ledger, day)) for day in _days(ledger, from_day, to_day)]
        setups = list(_setups(directory, instance, recipes))
        days = [day for day, _ in recipes]
        return recorded_labels(setups, recorded_events(directory, instance, days[0], days[-1]))


def _days(ledger: LedgerReader, from_day: int | None, to_day: int | None) -> list[int]:
    """Closed days within the span, ascending. Raises DataError if there is none."""
    closed = ledger.events(kinds=[EventKind.DAY_CLOSED])
    held = sorted({int(str(one.event.payload["day"])) for one in closed})
    wanted = [
        day
        for day in held
        if (from_day is None or from_day <= day) and (to_day is None or day <= to_day)
    ]
    if not wanted:
        said = f"it holds {day_text(held[0])} to {day_text(held[-1])}" if held else "none is closed"
        raise DataError(f"the ledger holds no closed day of the span: {said}")
    return wanted


def _setups(
    directory: Path, instance: str, recipes: list[tuple[int, Recipe]]
) -> Iterator[RecordedDays]:
    """Consecutive days that were run alike, with the bars stored of them."""

    def setup(recipe: Recipe) -> Recipe:
        return {key: value for key, value in recipe.items() if key not in OF_THE_DAY}

    for _, group in groupby(recipes, lambda one: setup(one[1])):
        days, recipe = zip(*group, strict=True)
        instruments = instruments_of(recipe[0])
        kind, own = _strategy_of(recipe[0], instance, days[0])
        spans = [day_span_ns(day, instruments[0].session_class) for day in (days[0], days[-1])]
        path = directory / MARKET_FILE
        with closing(DuckMarketStore(path, instruments, read_only=True)) as store:
            bars = store.bars(spans[0][0], spans[-1][1])
        yield RecordedDays(
            instance=instance,
            strategy=kind,
            settings=settings_of(kind).model_validate(_without_model(own)),
            risk=MarketRisk.model_validate(recipe[0]["risk"]),
            instruments=instruments,
            base_ns=recipe[0]["base_ns"],
            days=days,
            bars=bars,
        )


def _strategy_of(recipe: Recipe, instance: str, day: int) -> tuple[str, Recipe]:
    """Registry name and settings of the strategy of that configured name, in whatever book."""
    ran = {name: (kind, own) for book in recipe["books"] for name, kind, own in book["strategies"]}
    if instance not in ran:
        raise ConfigError(
            f"strategy {instance} did not run on {day_text(day)}: {', '.join(ran)} did"
        )
    return ran[instance]


def _without_model(own: Recipe) -> Recipe:
    """So that a day can be learned from whose model is gone."""
    return {**own, **{key: value for key, value in WITHOUT_MODEL.items() if key in own}}
