"""Which closed days were certified, and how: what the page shows of yesterday.

Read from the files of the evenings alone, so that nothing has to be asked of the ledger.
"""

import json
import re
from pathlib import Path

from core.errors import ConfigError, StoreFailed
from core.session import parse_day
from daemon.chores import BACKUP_FOLDER
from daemon.proof.certificate import FOLDER, GREEN, RED, certificate_path
from daemon.scanner import Json

MAX_DAYS_SHOWN = 30
MAX_CERTIFICATE_BYTES = 1 << 20
NONE, UNREADABLE = "none", "unreadable"
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def certified_days(directory: Path) -> list[Json]:
    """The last closed days, newest first, each with its verdict. Raises StoreFailed.

    A closed day has left a certificate or a backup; one without a certificate has verdict "none".
    """
    try:
        names = [
            path.name
            for folder in (FOLDER, BACKUP_FOLDER)
            if (directory / folder).is_dir()
            for path in (directory / folder).iterdir()
        ]
    except OSError as error:
        raise StoreFailed(f"{directory}: {error.strerror}") from error
    days = sorted({day for name in names for day in DAY.findall(name)}, reverse=True)
    return [{"day": day, "verdict": _verdict(directory, day)} for day in days[:MAX_DAYS_SHOWN]]


def certificate_of(directory: Path, day: int) -> Json | None:
    """The content of a day's certificate; None where there is none. Raises StoreFailed."""
    path = certificate_path(directory, day)
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(MAX_CERTIFICATE_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreFailed(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise StoreFailed(f"{path}: no certificate")
    return content


def _verdict(directory: Path, day: str) -> str:
    try:
        content = certificate_of(directory, parse_day(day))
    except (StoreFailed, ConfigError):
        return UNREADABLE  # shown as what it is; the daemon does not depend on it
    if content is None:
        return NONE
    verdict = content.get("verdict")
    return str(verdict) if verdict in (GREEN, RED) else UNREADABLE
