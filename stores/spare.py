"""The market store can be spared: a damaged file is put aside, and a new one made in its place.

Never does so for what may mend itself or be somebody's: a lock, another version, rights, a full
disk. Nothing is deleted but the file that was put aside the time before.
"""

from collections.abc import Sequence
from pathlib import Path

from core.errors import StoreDamaged
from core.types import Instrument
from stores.files import DiskFiles
from stores.market import DuckMarketStore

DAMAGED = ".damaged"  # ends the name of a file that was put aside


def opened_or_anew(
    path: Path, instruments: Sequence[Instrument]
) -> tuple[DuckMarketStore, str | None]:
    """The market store of `path`; a new one, and what was wrong, where its file is damaged.

    Raises StoreFailed for all else.
    """
    try:
        return DuckMarketStore(path, instruments), None
    except StoreDamaged as error:
        for name in (path.name, f"{path.name}.wal"):
            if (path.parent / name).exists():
                DiskFiles().publish(path.parent / name, path.parent / f"{name}{DAMAGED}")
        return DuckMarketStore(path, instruments), str(error)
