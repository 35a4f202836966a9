"""Which strategies there are, by name; the only place that knows them all.

A name of the form `package.module:Class` is a plain Python strategy of the user's own.
"""

import importlib
from collections.abc import Sequence
from typing import Protocol, cast

from core.book import Strategy
from core.errors import ConfigError
from strategies import ema_cross, pixity
from strategies.fusion import FusionSettings, FusionStrategy
from strategies.kernel import KernelSpec, KernelStrategy
from strategies.plain import PlainClass, PlainStrategy
from strategies.precomputed import PrecomputedSettings, PrecomputedStrategy
from strategies.settings import StrategySettings
from strategies.table import nearest

KERNELS: dict[str, KernelSpec] = {spec.name: spec for spec in (pixity.SPEC, ema_cross.SPEC)}
NAMES = (*KERNELS, "fusion", "precomputed")


class BoundStrategy(Strategy, Protocol):
    """A strategy together with the settings it was built from."""

    @property
    def settings(self) -> StrategySettings: ...


def settings_of(name: str) -> type[StrategySettings]:
    """The settings model of a strategy. Raises ConfigError for a name that is not known."""
    if name in KERNELS:
        return KERNELS[name].settings
    if name == "fusion":
        return FusionSettings
    if name == "precomputed":
        return PrecomputedSettings
    return _plain(name).settings


def needs_event_gear(name: str) -> bool:
    """Whether it is plain Python, or reads several timeframes."""
    return name == "fusion" or ":" in name


def build(
    name: str, settings: StrategySettings, instruments: Sequence[str], instance: str = ""
) -> BoundStrategy:
    """A fresh strategy over numbered instruments; `instance` is its configured name."""
    if name in KERNELS:
        return KernelStrategy(KERNELS[name], settings, len(instruments), instance)
    if name == "fusion":
        assert isinstance(settings, FusionSettings)
        return FusionStrategy(settings, instruments, instance or name)
    if name == "precomputed":
        assert isinstance(settings, PrecomputedSettings)
        return PrecomputedStrategy(settings, instruments, instance or name)
    return PlainStrategy(_plain(name), settings, instruments, instance or name.split(":")[1])


def _plain(name: str) -> type[PlainClass]:
    module_name, colon, class_name = name.partition(":")
    if not colon:
        raise ConfigError(f'unknown strategy "{name}": {nearest(name, NAMES)}')
    try:
        cls = getattr(importlib.import_module(module_name), class_name, None)
    except Exception as error:  # whatever the user's module does at import
        raise ConfigError(f"strategy {name} cannot be imported: {error!r}") from error
    if cls is None or not all(hasattr(cls, part) for part in ("settings", "kinds", "on_bar")):
        raise ConfigError(f"strategy {name} is not a class with settings, kinds and on_bar")
    return cast("type[PlainClass]", cls)
