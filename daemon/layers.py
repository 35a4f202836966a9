"""The layers of the configuration as sources of pydantic-settings, none of which ignores anything.

The library passes over a file that is not there and a variable that names no key, and forgets
which layer said what; this is what we add to it (ADR 0006). No value is checked here.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, TomlConfigSettingsSource

from core.errors import ConfigError

Layer = dict[str, Any]


class Environment(EnvSettingsSource):
    """The variables of `environ` with the prefix: also those for which the model has no place.

    Put where they were meant, these are refused like any other unknown key or wrong value.
    """

    def __init__(self, settings: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(settings, case_sensitive=False)
        self.env_vars = {name.lower(): text for name, text in sorted(environ.items())}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """No JSON: a list is written A,B,C, and a table as one variable for each of its keys."""
        return value

    def __call__(self) -> Layer:
        said = super().__call__()
        prefix = self.env_prefix.lower()
        for name, text in self.env_vars.items():
            if name.startswith(prefix):
                path = name.removeprefix(prefix).split("__")
                _table_of(said, path).setdefault(path[-1], text)
        return said


def toml_source(settings: type[BaseSettings], path: Path) -> TomlConfigSettingsSource:
    """The tables of `path`. Raises ConfigError naming the file, and the line if it is broken."""
    try:
        with path.open("rb"):  # it must be there: the library would take it for an empty one
            if not path.is_file():  # ... as it does a pipe
                raise ConfigError(f"{path}: cannot be read: not a regular file")
        return TomlConfigSettingsSource(settings, path)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}: not UTF-8 (at line {line})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error


ENVIRONMENT = "environment"  # begins the origin of what a variable says


def origins_of(layers: Sequence[tuple[str, Layer]], prefix: str) -> dict[str, str]:
    """Dotted name of every value -> the layer that said it last; the layer `prefix` by variable.

    Layers lowest first. Raises ConfigError where a table would silently replace a value.
    """
    origins: dict[str, str] = {}
    for origin, layer in layers:
        for path in _values(layer):
            _refuse_value_as_table(path, origins)
            variable = prefix + "__".join(path).upper()
            origins[".".join(path)] = f"{ENVIRONMENT} {variable}" if origin == prefix else origin
    return origins


def put(layer: Layer, path: Sequence[str], value: object) -> None:
    """Set `path`, such as ["risk", "leverage"]. Raises ConfigError if a step of it is no table."""
    _table_of(layer, path)[path[-1]] = value


def _table_of(layer: Layer, path: Sequence[str]) -> Layer:
    for step in path[:-1]:
        layer = layer.setdefault(step, {})
        if not isinstance(layer, dict):
            raise _no_table(path, step)
    return layer


def _refuse_value_as_table(path: Sequence[str], values: Mapping[str, str]) -> None:
    for depth in range(1, len(path)):
        if ".".join(path[:depth]) in values:
            raise _no_table(path, path[depth - 1])


def _no_table(path: Sequence[str], step: str) -> ConfigError:
    return ConfigError(f"{'.'.join(path)}: {step} has a value already, it is no table")


def _values(layer: Layer, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in layer.items():
        if isinstance(value, dict):
            yield from _values(value, (*path, key))
        else:
            yield (*path, key)
