"""The file of candidates and what belongs to it: one JSON object a line, and an identity beside it.

The lines are what other programs read, so the identity (which data, which screener, which days) is
a file of its own, `FILE.identity`; it knows the lines by their hash. What does not belong together
is refused, never guessed.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from backtest.files import write_text
from backtest.screen import SCHEMA, Screened, ScreenRequest
from core.errors import DataError
from core.session import day_text
from core.types import Int64s
from strategies.focus import bar_keys

FORMAT = "tradingd candidates 1"
SUFFIX = ".identity"
SIDES = ("long", "short")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Of which data, by which screener, on which days, and which lines."""

    format: str
    data_hash: str
    screener: dict[str, object]
    first_day: int
    last_day: int
    bars: int
    candidates: int
    lines_sha256: str


class CandidateFile(NamedTuple):
    """The bars it names, each once and sorted, by key and by line; and its identity."""

    path: Path
    keys: Int64s
    line_of: dict[int, int]
    identity: Identity


def write_candidates(path: Path, request: ScreenRequest, screened: Screened) -> None:
    """Both files, the lines first: an identity without its lines is refused."""
    rows = screened.rows.iter_rows(named=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    identity = Identity(
        format=FORMAT,
        data_hash=request.dataset.data_hash,
        screener=request.screener.parameters,
        first_day=screened.first_day if request.from_day is None else request.from_day,
        last_day=screened.last_day if request.to_day is None else request.to_day,
        bars=screened.bars,
        candidates=len(screened.rows),
        lines_sha256=_hash(text),
    )
    write_text(path, text)
    write_text(identity_path(path), json.dumps(asdict(identity), indent=1) + "\n")


def read_candidates(path: Path, request: ScreenRequest) -> CandidateFile:
    """The candidates of `path`, if they are those of `request`. Raises DataError: the line that is
    none, or what the file is of instead."""
    text = _text(path)
    numbers = {one.symbol: i for i, one in enumerate(request.dataset.instruments)}
    line_of: dict[int, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            instrument, open_ns = _candidate(line, numbers)
        except ValueError as error:
            raise DataError(f"{path} line {number}: {error}") from error
        key = int(bar_keys(np.array([instrument]), np.array([open_ns]))[0])
        line_of.setdefault(key, number)
    if not line_of:
        raise DataError(f"{path} holds no candidate: a replay of it would trade nothing")
    identity = _identity(path)
    if identity.lines_sha256 != _hash(text):
        raise DataError(f"{path} was changed since it was screened: screen again")
    _require_same(path, identity, request)
    return CandidateFile(path, np.array(sorted(line_of), np.int64), line_of, identity)


def identity_path(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)


def _require_same(path: Path, identity: Identity, request: ScreenRequest) -> None:
    if identity.data_hash != request.dataset.data_hash:
        raise DataError(f"{path} is of other data: screen this data and these symbols")
    wanted = request.screener.parameters
    for key in dict.fromkeys([*wanted, *identity.screener]):
        have, want = identity.screener.get(key), wanted.get(key)
        if have != want:
            raise DataError(f"{path} was screened with {key} = {have}, not {want}: screen again")
    before = request.from_day is not None and request.from_day < identity.first_day
    after = request.to_day is not None and request.to_day > identity.last_day
    if before or after:
        first, last = day_text(identity.first_day), day_text(identity.last_day)
        raise DataError(f"{path} covers {first} to {last} only")


def _candidate(line: str, numbers: dict[str, int]) -> tuple[int, int]:
    """Instrument and open of one line. Raises ValueError with what is wrong."""
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError("is no JSON object") from error
    if not isinstance(row, dict) or list(row) != list(SCHEMA):
        raise ValueError(f"is not an object of {', '.join(SCHEMA)}")
    if row["side"] not in SIDES:
        raise ValueError(f'side "{row["side"]}" is not one of {", ".join(SIDES)}')
    if not isinstance(row["score"], int | float) or not math.isfinite(row["score"]):
        raise ValueError(f"score {row['score']} is no number")
    if row["instrument"] not in numbers:
        raise ValueError(f'instrument "{row["instrument"]}" is not in the data')
    try:
        moment = datetime.fromisoformat(str(row["timestamp"]))
        open_ns = (moment - EPOCH) // timedelta(microseconds=1) * 1_000
    except (ValueError, TypeError) as error:  # TypeError: it has no offset
        raise ValueError(f'timestamp "{row["timestamp"]}" is no time with an offset') from error
    return numbers[row["instrument"]], open_ns


def _identity(path: Path) -> Identity:
    beside = identity_path(path)
    if not beside.exists():
        raise DataError(
            f"{path} has no {beside.name} beside it: only what was screened is replayed"
        )
    try:
        row = json.loads(_text(beside))
        if row["format"] != FORMAT or not isinstance(row["screener"], dict):
            raise ValueError(FORMAT)
        if not all(isinstance(row[key], int) for key in ("first_day", "last_day")):
            raise ValueError("days")
        return Identity(**row)
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{beside} is no identity of candidates: screen again") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path} is no text: {error}") from error


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
