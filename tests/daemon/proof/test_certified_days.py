"""Yesterday's certificate, read from the files that the evenings left."""

import json
from pathlib import Path

import pytest

from core.errors import StoreFailed
from core.session import parse_day
from daemon.chores import BACKUP_FOLDER
from daemon.proof.certificate import certificate_path
from daemon.proof.certified_days import MAX_DAYS_SHOWN, certificate_of, certified_days


def certified(directory: Path, day: str, content: str) -> None:
    path = certificate_path(directory, parse_day(day))
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)


def backed_up(directory: Path, day: str) -> None:
    folder = directory / BACKUP_FOLDER
    folder.mkdir(exist_ok=True)
    (folder / f"ledger-{day}.db").touch()
    (folder / f"ledger-{day}.db.head.json").touch()


def test_closed_days_come_newest_first_and_one_without_a_certificate_says_so(
    tmp_path: Path,
) -> None:
    certified(tmp_path, "2026-07-23", '{"verdict": "green"}')
    certified(tmp_path, "2026-07-24", '{"verdict": "red"}')
    for day in ("2026-07-23", "2026-07-24", "2026-07-27"):
        backed_up(tmp_path, day)

    assert [
        {"day": "2026-07-27", "verdict": "none"},
        {"day": "2026-07-24", "verdict": "red"},
        {"day": "2026-07-23", "verdict": "green"},
    ] == certified_days(tmp_path)


def test_before_the_first_evening_there_is_no_closed_day(tmp_path: Path) -> None:
    assert [] == certified_days(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"verdict": "blue"}', "{}", "\xff"])
def test_what_cannot_be_read_is_neither_green_nor_red(tmp_path: Path, content: str) -> None:
    certified(tmp_path, "2026-07-24", content)

    assert [{"day": "2026-07-24", "verdict": "unreadable"}] == certified_days(tmp_path)


def test_the_days_shown_are_bounded(tmp_path: Path) -> None:
    for number in range(1, 31):
        backed_up(tmp_path, f"2026-06-{number:02}")
        backed_up(tmp_path, f"2026-05-{number:02}")

    assert MAX_DAYS_SHOWN == len(certified_days(tmp_path))


def test_a_certificate_is_told_whole_and_a_broken_one_is_a_failed_store(tmp_path: Path) -> None:
    content = {"verdict": "red", "difference": {"layer": "fill"}}
    certified(tmp_path, "2026-07-24", json.dumps(content))
    certified(tmp_path, "2026-07-23", "{")

    assert content == certificate_of(tmp_path, parse_day("2026-07-24"))
    assert certificate_of(tmp_path, parse_day("2026-07-22")) is None
    with pytest.raises(StoreFailed, match="2026-07-23"):
        certificate_of(tmp_path, parse_day("2026-07-23"))
