"""A meta-model on disk: a folder with `forest.npz` (plain arrays) and `model.json` (what it is).

Reading one never runs code of the file's (no pickle). Whatever does not fit, arrays or
description, is a ConfigError in one line: a strategy never trades with another model than it names.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import ConfigError
from strategies.forest import DTYPES, Forest, fault

FOREST_FILE, MODEL_FILE = "forest.npz", "model.json"
FORMAT = "tradingd forest 1"
MAX_BYTES = 64 * 1024 * 1024  # of either file; ours take under one megabyte


@dataclass(frozen=True, slots=True)
class Model:
    """A forest and its description. `sha256` is of the arrays: the identity of what decides."""

    forest: Forest
    sha256: str
    description: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a model must be made for: a strategy, its features, the settings that shape them."""

    strategy: str
    features: Sequence[str]
    settings: Mapping[str, object]


def load(path: str, wanted: Wanted) -> Model:
    """The model in the folder `path`, which must be the one wanted. Raises ConfigError."""
    folder = Path(path)
    description = _described(folder / MODEL_FILE)
    checks: dict[str, object] = {
        "format": FORMAT,
        "strategy": wanted.strategy,
        "features": list(wanted.features),
    }
    for key, value in checks.items():
        if description.get(key) != value:
            raise ConfigError(
                f"model {path}: its {key} is {_told(description.get(key))}, here {_told(value)}"
            )
    made_with = description.get("settings")
    made_with = made_with if isinstance(made_with, dict) else {}
    for key, value in wanted.settings.items():
        if made_with.get(key) != value:
            raise ConfigError(
                f"model {path}: trained with {key} = {_told(made_with.get(key))},"
                f" the strategy has {_told(value)}"
            )
    content = _content(folder / FOREST_FILE)
    sha256 = hashlib.sha256(content).hexdigest()
    if description.get("forest_sha256") != sha256:
        raise ConfigError(f"model {path}: {FOREST_FILE} is not the one {MODEL_FILE} tells of")
    forest = _forest(folder / FOREST_FILE, content)
    if reason := fault(forest, len(wanted.features)):
        raise ConfigError(f"model {path}: {FOREST_FILE} holds no forest: {reason}")
    return Model(forest, sha256, description)


@lru_cache(maxsize=16)
def forest_of(path: str, sha256: str) -> Forest:
    """The arrays that have this hash; read once, so that they cannot change under a process."""
    content = _content(Path(path) / FOREST_FILE)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ConfigError(f"model {path}: {FOREST_FILE} changed while it was read")
    return _forest(Path(path) / FOREST_FILE, content)


def save(folder: Path, forest: Forest, description: Mapping[str, object]) -> str:
    """Write both files, the description last; equal content, equal bytes. Returns the hash."""
    body = io.BytesIO()
    np.savez(body, **forest._asdict())
    content = body.getvalue()
    sha256 = hashlib.sha256(content).hexdigest()
    told = {"format": FORMAT, "forest_sha256": sha256, **description}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FOREST_FILE).write_bytes(content)
    (folder / MODEL_FILE).write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", "utf-8")
    return sha256


def _described(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(_content(path))
    except ValueError as error:
        raise ConfigError(f"model {path}: not JSON: {error}") from error
    if not isinstance(told, dict):
        raise ConfigError(f"model {path}: not a table")
    return told


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"model {path}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"model {path}: larger than {MAX_BYTES} bytes")
    return content


def _forest(path: Path, content: bytes) -> Forest:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(member.file_size for member in packed.infolist())
        if size > MAX_BYTES:  # small on disk, and it would fill the memory
            raise ConfigError(f"model {path}: holds more than {MAX_BYTES} bytes")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return Forest(**{name: np.ascontiguousarray(arrays[name]) for name in DTYPES})
    except ConfigError:
        raise
    except Exception as error:  # whatever a foreign file does to its readers
        raise ConfigError(f"model {path}: cannot be read: {error}") from error


def _told(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
