"""The legs of live days: made of the ledger, and kept for good once a day is over.

Decides what of them is read from files (`slippage/DATE.parquet`) and what is computed. The ledger
alone is asked, so that it may be done beside a running daemon.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import polars as pl

from core.book import MAIN_BOOK
from core.errors import StoreFailed
from core.ports import EventKind
from core.session import day_text
from daemon.rerun import recorded_day
from daemon.slippage.beside import SCHEMA, beside
from daemon.slippage.legs import Row
from stores.files import DiskFiles
from stores.ledger_reader import LedgerReader

FOLDER = "slippage"


@dataclass(frozen=True, slots=True)
class RunDay:
    """A day that the ledger knows: what it was last run with; `is_told`: by a real broker."""

    day: int
    mode: str
    recipe: Row

    @property
    def is_told(self) -> bool:
        books = {book["name"]: book for book in self.recipe["books"]}
        return bool(books[MAIN_BOOK].get("fills_are_told", False))


def run_days(ledger: LedgerReader) -> list[RunDay]:
    """The days in the ledger, in order; those of a version that recorded no recipe are left out."""
    found: dict[int, RunDay] = {}
    for recorded in ledger.events(kinds=[EventKind.RUN_START]):
        start: Row = recorded.event.payload
        if isinstance(start.get("recipe"), dict):
            found[start["day"]] = RunDay(start["day"], start["mode"], start["recipe"])
    return [found[day] for day in sorted(found)]


def legs_of_day(ledger: LedgerReader, run: RunDay) -> pl.DataFrame:
    """As the ledger tells them now, of a day that is over or not. Raises StoreFailed."""
    return beside(recorded_day(ledger, run.day), run.recipe)


def legs_of(directory: Path, ledger: LedgerReader, days: Sequence[RunDay]) -> pl.DataFrame:
    """Of `days`, which were told, one below the other. Raises StoreFailed."""
    frames = [SCHEMA.to_frame()]
    for run in days:
        frame = kept(directory, run.day)
        frames.append(legs_of_day(ledger, run) if frame is None else frame)
    return pl.concat(frames)


def keep(directory: Path, day: int, legs: pl.DataFrame) -> None:
    """Write the legs of `day`, which is closed. Raises StoreFailed."""
    content = BytesIO()
    legs.write_parquet(content, compression="zstd")
    DiskFiles().replace(path_of(directory, day), content.getvalue())


def kept(directory: Path, day: int) -> pl.DataFrame | None:
    """The legs of a day from its file, None if there is none. Raises StoreFailed."""
    path = path_of(directory, day)
    content = DiskFiles().read(path)
    if content is None:
        return None
    try:
        frame = pl.read_parquet(content)
    except pl.exceptions.PolarsError as error:
        raise StoreFailed(f"{path} cannot be read: {error}; move it away") from error
    if frame.schema != SCHEMA:
        raise StoreFailed(f"{path} has other columns than this version writes; move it away")
    return frame


def path_of(directory: Path, day: int) -> Path:
    return directory / FOLDER / f"{day_text(day)}.parquet"
