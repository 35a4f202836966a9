"""`tradingd config show | check | new`: the texts these verbs print.

Everything is taken from the models, so a template or a listing cannot go stale. Never prints a
secret: those are SecretStr fields, which dump as stars.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from core.book import MAIN_BOOK
from daemon.config import TABLES, Configuration, Models, Settings, load
from strategies.registry import NAMES, settings_of
from strategies.table import allowed

ORIGIN_COLUMN = 48


def models() -> Models:
    """Settings of every strategy of the registry; the first is the default."""
    return {name: settings_of(name) for name in NAMES}


def configuration(
    config: Path | None,
    sets: Sequence[str] | None,
    options: Mapping[str, Any] | None = None,
    strategies: Sequence[str] = (),
) -> Configuration:
    """What --config, the environment and --set say, under the `options` of the verb.

    A `module:Class` among the options is known as a strategy beside those of the registry.
    """
    plain = [one["strategy"] for one in (options or {}).get("strategies", {}).values()]
    return load(
        {**models(), **{name: settings_of(name) for name in plain}},
        file=config,
        options=dict(options or {}),
        assignments=sets or (),
        strategies=strategies,
    )


def show(configuration: Configuration) -> str:
    """Every value as it will be used, with the layer it came from; defaults of the market shown."""
    settings = configuration.settings
    risk = settings.risk.for_market(settings.feed.session)
    values = dict(_values(settings.model_copy(update={"risk": risk})))
    for name, instance in configuration.strategies.items():
        values[f"strategies.{name}.strategy"] = instance.strategy
        values[f"strategies.{name}.book"] = instance.book
        values[f"strategies.{name}.evidence"] = instance.evidence
        values |= _values(instance.settings, f"strategies.{name}.")
    return "".join(
        f"{f'{name} = {toml_value(value)}':<{ORIGIN_COLUMN}}"
        f"  # {configuration.origins.get(name, 'default')}\n"
        for name, value in values.items()
    )


def check(configuration: Configuration) -> str:
    """What was checked, in one line; a bad configuration never gets this far."""
    names = ", ".join(configuration.strategies)
    count = len(configuration.origins)
    return f"configuration is good: {count} values set, strategies {names}\n"


def new(models: Models) -> str:
    """A commented tradingd.toml with every key at its default; `#key = value` lines may be used."""
    lines = [
        "# tradingd configuration. A line #key = value shows a default: remove the # to change",
        "# it. Environment variables such as TRADINGD_RISK__MAX_CAPITAL and the command",
        "# line come after this file.",
        "",
        *_template(Settings, [name for name in Settings.model_fields if name not in TABLES]),
    ]
    for section, model in TABLES.items():
        lines += ["", f"[{section}]", *_template(model, list(model.model_fields))]
    default = next(iter(models), "")
    for strategy, settings in models.items():
        lines += [
            "",
            f"{'' if strategy == default else '#'}[strategies.{strategy}]",
            "# name in the registry; several tables may run one strategy",
            f"#strategy = {toml_value(strategy)}",
            f"# book it trades in; any but {MAIN_BOOK} is a shadow: on paper, with its own account",
            f"#book = {toml_value(MAIN_BOOK)}",
            "# where its parameters came from, as `tradingd promote` writes it: FILE@SHA256",
            f"#evidence = {toml_value(None)}",
            *_template(settings, list(settings.model_fields)),
        ]
    return "\n".join(lines) + "\n"


def _template(model: type[BaseModel], keys: list[str]) -> Iterator[str]:
    for key in keys:
        field = model.model_fields[key]
        yield f"# {field.description}; {allowed(model, key)}"
        yield f"#{key} = {toml_value(field.default)}"


def _values(one: BaseModel, prefix: str = "") -> Iterator[tuple[str, object]]:
    for key in type(one).model_fields:
        value = getattr(one, key)
        if isinstance(value, BaseModel):
            yield from _values(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def toml_value(value: object) -> str:
    """`value` as our TOML files write it: "none" unsets an optional key, secrets are stars."""
    match value:
        case None:
            return '"none"'
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case tuple() | list():
            return f"[{', '.join(map(toml_value, value))}]"
        case Mapping():
            pairs = (f"{key} = {toml_value(one)}" for key, one in value.items())
            return f"{{ {', '.join(pairs)} }}"
        case SecretStr():
            return '"**********"'
        case _:
            text = str(value).replace("\\", "\\\\").replace('"', '\\"')
            return f'"{text}"'
