"""A configuration table that knows its keys, and the one line a user reads when a value is refused.

The words of a refusal are taken from the model itself, so that they cannot promise another range
than the one enforced. Nothing here reads a file or the environment.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from core.errors import ConfigError

Schema = dict[str, Any]


class Table(BaseModel):
    """Frozen, every key known, every default checked; the text "none" unsets an optional key."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, protected_namespaces=()
    )

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        kinds = _kinds(cls)
        return {key: _plain(value, kinds.get(key, [])) for key, value in values.items()}


@cache
def _kinds(model: type[BaseModel]) -> dict[str, list[Any]]:
    """Of each key the kinds of value that it takes."""
    return {key: _members(field.annotation) for key, field in model.model_fields.items()}


def _plain(value: object, kinds: Sequence[object]) -> object:
    """`value` as its key means it: a truth value is no number, although Python takes True for 1."""
    if value == "none" and type(None) in kinds:
        return None
    if isinstance(value, bool) and bool not in kinds and {int, float} & set(kinds):
        return str(value).lower()  # refused as a number, in the usual words
    return value


def _members(annotation: Any) -> list[Any]:
    """The kinds of value an annotation takes: unions and `Annotated` opened."""
    if hasattr(annotation, "__metadata__"):
        return _members(annotation.__origin__)
    if get_origin(annotation) in (Union, UnionType):
        return [kind for member in get_args(annotation) for kind in _members(member)]
    return [annotation]


T = TypeVar("T", bound=Table)


def table(model: type[T], values: Mapping[str, object], where: str = "") -> T:
    """`model` made of `values`; `where` (such as "risk") goes before the names in a refusal.

    Raises ConfigError: one line with the name, the value and what is allowed.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(_refusal(error, model, where)) from error


def unknown_key(name: str, known: Iterable[str]) -> str:
    """The refusal of the dotted `name`, with the nearest of the `known` keys of its table."""
    return f'unknown key "{name}": {nearest(name.rpartition(".")[2], known)}'


def nearest(name: str, known: Iterable[str]) -> str:
    """Which of `known` somebody who wrote `name` may have meant, else all of them."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(names) or 'none'}"


def allowed(model: type[BaseModel], key: str) -> str:
    """What the key takes, in words: "a number > 0 and <= 1000 or none"."""
    schema = model.model_json_schema()
    return _words(schema["properties"][key], schema.get("$defs", {}))


def _refusal(error: ValidationError, model: type[BaseModel], where: str) -> str:
    first = error.errors(include_url=False)[0]
    path = [str(step) for step in first["loc"]]
    depth, keys, words = _locate(model.model_json_schema(), path)
    name = ".".join(([where] if where else []) + path[:depth])
    if first["type"] == "extra_forbidden":
        return unknown_key(name, keys)
    if first["type"] == "missing":
        return f"{name} is missing: {words}"
    if first["type"] == "value_error":  # a rule of the model's own, told in its words
        words = first["msg"].removeprefix("Value error, ")
        if isinstance(first["input"], dict):  # ... about several keys
            return f"{name}: {words}" if name else words
    return f"{name} = {_shown(first['input'])} is not allowed: {words}"


def _locate(schema: Schema, path: Sequence[str]) -> tuple[int, list[str], str]:
    """Follow `path` through nested tables: depth of the key meant, its neighbours, its words.

    pydantic adds members of unions to a path; they are no keys and are left out.
    """
    definitions, node = schema.get("$defs", {}), schema
    for depth, step in enumerate(path, 1):
        keys = list(node["properties"])
        inner = _resolved(node["properties"].get(step, {}), definitions)
        if "properties" not in inner:
            return depth, keys, _words(inner, definitions) if inner else ""
        node = inner
    return len(path), list(node["properties"]), "a table"


_KINDS = {
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
    "object": "a table",
    "null": "none",
}
_BOUNDS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}


def _words(schema: Schema, definitions: Schema) -> str:
    schema = _resolved(schema, definitions)
    if "anyOf" in schema:
        return " or ".join(_words(member, definitions) for member in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if "examples" in schema:
        return "like " + ", ".join(map(str, schema["examples"]))
    bounds = [f"{sign} {schema[key]:.12g}" for key, sign in _BOUNDS.items() if key in schema]
    return f"{_KINDS.get(schema.get('type', ''), 'a value')} {' and '.join(bounds)}".rstrip()


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    reference = schema.get("$ref")
    return definitions[reference.rpartition("/")[2]] if reference else schema


def _shown(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
