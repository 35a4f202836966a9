"""What the daemon is told: defaults < tradingd.toml < TRADINGD_* environment < command line.

pydantic-settings lays the layers over each other; every value is checked once, with its layer
remembered, and nothing is ignored silently: no missing file, no mistyped key or variable.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, SettingsConfigDict
from pydantic_settings import PydanticBaseSettingsSource as Source

from core.book import MAIN_BOOK
from core.errors import ConfigError
from core.types import Market
from daemon.consent.settings import LiveSettings
from daemon.layers import Environment, Layer, origins_of, put, toml_source
from daemon.upstox.settings import UpstoxSettings, is_loopback
from providers.shortlist import expanded
from strategies.brakes import BrakeSettings
from strategies.registry import settings_of
from strategies.screening import ScreenKeys, ScreenSettings
from strategies.settings import (
    RiskSettings,
    StrategySettings,
    Timeframe,
    split_assignment,
)
from strategies.table import Table, nearest, table, unknown_key

DEFAULT_FILE = "tradingd.toml"
PREFIX = "TRADINGD_"
# Secrets are no part of the configuration, which is shown; they only share its prefix.
UPSTOX_TOKEN = "TRADINGD_UPSTOX_TOKEN"
UPSTOX_CLIENT_SECRET = "TRADINGD_UPSTOX_CLIENT_SECRET"
SANDBOX_TOKEN = "TRADINGD_SANDBOX_TOKEN"
ALLOW_LIVE = "TRADINGD_ALLOW_LIVE"  # the second of the acts that real orders need
SECRETS = frozenset({UPSTOX_TOKEN, UPSTOX_CLIENT_SECRET, SANDBOX_TOKEN})
COMMAND_LINE = "command line"
REAL = "real"  # a speed
MAX_SYMBOLS = 5_000
SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 &_.:/+|-]{0,63}(=NSE_[A-Za-z0-9 &_.:/+|-]{1,63})?")
HOST_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}|\[[0-9a-f:.]+\]")
INSTANCE = re.compile(r"[a-z][a-z0-9_-]{0,63}")  # part of every signal id, hence no separator
EVIDENCE = re.compile(r".+@[0-9a-f]{64}")


def _listed(value: object) -> object:
    """The environment and the command line write a list as A,B,C."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _symbols(value: object) -> object:
    """As a list is written, or `@FILE` for those that a file lists."""
    words = _listed(value)
    return expanded(words) if isinstance(words, list | tuple) else words


def _distinct_symbols(symbols: tuple[str, ...]) -> tuple[str, ...]:
    bad = [symbol for symbol in symbols if not SYMBOL.fullmatch(symbol)]
    twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if bad:
        raise ValueError(f"not a symbol or key: {', '.join(map(repr, bad[:10]))}")
    if twice:
        raise ValueError(f"named twice: {', '.join(twice[:10])}")
    return symbols


Symbols = Annotated[
    tuple[str, ...],
    Field(
        max_length=MAX_SYMBOLS,
        examples=[
            "RELIANCE,TATAPOWER",
            "NSE_EQ|INE002A01018",
            "TCS=NSE_EQ|INE467B01029",
            "@found/shortlist.txt",
        ],
    ),
    AfterValidator(_distinct_symbols),
    BeforeValidator(_symbols),
]


def _iso_date(value: object) -> object:
    """pydantic would take a number for seconds since 1970."""
    if isinstance(value, int | float):
        raise ValueError("a date like 2026-07-27")
    return value


def _host_names(names: tuple[str, ...]) -> tuple[str, ...]:
    bad = [name for name in names if not HOST_NAME.fullmatch(name)]
    if bad:
        raise ValueError(f"not a host name in lower case, without port: {bad[0]!r}")
    return names


HostNames = Annotated[
    tuple[str, ...],
    Field(max_length=16, examples=["desk.example.org,192.168.1.10"]),
    AfterValidator(_host_names),
    BeforeValidator(_listed),
]
Day = Annotated[date, Field(examples=["2026-07-27"]), BeforeValidator(_iso_date)]
Speed = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]


class FeedSettings(Table):
    """Where ticks or bars come from."""

    kind: Literal["sandbox", "upstox", "synthetic", "replay"] = Field(
        "sandbox", description="source of the data"
    )
    speed: Speed | Literal["max", "real"] = Field(
        60.0, description="market seconds per second; real: by the host's clock and calendar"
    )
    days: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="how many to run; none: one, with speed real without end"
    )
    seed: Annotated[int, Field(ge=0, le=10**12)] = Field(1, description="of the generated day")
    data: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (), description="replay: Parquet files, hive folders or CSV"
    )
    day: Day | None = Field(None, description="replay: the day to play")
    label: Literal["open", "end"] = Field("open", description="replay: what a stamp marks")
    base: Timeframe = Field("1m", description="replay: length of the data's bars")
    session: Market = Field(Market.NSE, description="trading hours")
    closing_auction: str = Field(
        "all", description="who has the closing auction: all, none or symbols A,B"
    )

    @model_validator(mode="after")
    def _replay_is_told_what(self) -> "FeedSettings":
        if self.kind == "replay" and not (self.data and self.day):
            raise ValueError("kind replay needs data and day")
        if self.kind == "replay" and self.speed == REAL:
            raise ValueError("speed real is for days to come, kind replay plays recorded ones")
        return self


class DashboardSettings(Table):
    """The page and its API."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: Annotated[int, Field(ge=0, le=65_535)] = Field(8765, description="0: any free one")
    allow_remote: bool = Field(
        False, description="another address than loopback; everything then needs the token"
    )
    names: HostNames = Field((), description="further names the page may be called by")

    @model_validator(mode="after")
    def _stays_on_this_machine(self) -> "DashboardSettings":
        if not is_loopback(self.host):
            if not self.allow_remote:
                raise ValueError(
                    f"host {self.host} is not loopback: the page is for this machine"
                    " unless allow_remote = true"
                )
            try:
                ip_address(self.host)
            except ValueError as error:  # a name is not looked up: where it leads is not ours
                raise ValueError(f"host {self.host} is no address") from error
        return self


class PathSettings(Table):
    """Where the daemon keeps things."""

    state_dir: str = Field("./var", min_length=1, description="ledger, market store, lock, socket")


class Settings(Table):
    """Everything but the strategies' own tables."""

    mode: Literal["paper", "observe", "live"] = Field(
        "paper", description="observe sends nothing; live sends real orders, see docs/live.md"
    )
    symbols: Symbols = Field(
        (), description="choice and order, @FILE: of a shortlist; none: what the feed offers"
    )
    watch: Symbols = Field(
        (), description="further instruments that are decided on and never traded, such as indices"
    )
    history_sessions: Annotated[int, Field(ge=1, le=10_000)] = Field(
        60, description="stored sessions that warm the strategies up"
    )
    grace_s: Annotated[float, Field(ge=0, le=30, allow_inf_nan=False)] = Field(
        2.0, description="wait for late ticks after a minute's end"
    )
    price_band_percent: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = Field(
        20.0,
        description="of the previous close: ticks farther away are rejected; 0: none, as for"
        " recorded ticks",
    )
    repair_wait_s: Annotated[float, Field(ge=0, le=50, allow_inf_nan=False)] = Field(
        20.0, description="wait for the broker's candles of a minute the feed has not seen whole"
    )
    late_s: Annotated[float, Field(ge=1, le=3_600, allow_inf_nan=False)] = Field(
        30.0, description="a Minute handled later than this after its close makes no entry"
    )
    accept_session: Day | None = Field(
        None, description="a date whose hours only one source confirms, to be traded all the same"
    )
    risk: RiskSettings = Field(default_factory=RiskSettings)
    brakes: BrakeSettings = Field(default_factory=BrakeSettings)
    feed: FeedSettings = Field(default_factory=FeedSettings)
    dashboard: DashboardSettings = Field(default_factory=DashboardSettings)
    paths: PathSettings = Field(default_factory=PathSettings)
    upstox: UpstoxSettings = Field(default_factory=UpstoxSettings)
    screen: ScreenSettings = Field(default_factory=ScreenSettings)
    live: LiveSettings = Field(default_factory=LiveSettings)

    @model_validator(mode="after")
    def _recorded_days_are_traded(self) -> "Settings":
        if self.watch and self.feed.kind == "replay":
            raise ValueError("watch is for days to come: kind replay trades all that it plays")
        return self


@dataclass(frozen=True, slots=True)
class StrategyInstance:
    """One configured strategy: `strategy` is its name in the registry, `book` whose it is,
    `evidence` FILE@SHA256 of what `promote` wrote beside its settings."""

    strategy: str
    settings: StrategySettings
    book: str = MAIN_BOOK
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """Checked settings, strategies in configured order, and the layer of every value set."""

    settings: Settings
    strategies: Mapping[str, StrategyInstance]
    origins: Mapping[str, str]  # dotted name -> layer; a name not in it has its default


Models = Mapping[str, type[StrategySettings]]


def load(
    models: Models,
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    options: Layer | None = None,
    assignments: Sequence[str] = (),
    strategies: Sequence[str] = (),
) -> Configuration:
    """The configuration of this run. Raises ConfigError with one line for a person.

    Args:
        models: settings of each strategy of the registry; the first is the default strategy.
        file: named by the user, so it must exist; None: tradingd.toml here, if there is one.
        environ: the process environment unless given.
        options: nested values of command line options, e.g. {"feed": {"kind": "replay"}}.
        assignments: of --set, `key=value` or `table.key=value`.
        strategies: instances to run, in this order; empty: all that are configured.
    """
    assigned, for_strategies = _assigned(assignments)
    environ = os.environ if environ is None else environ
    public = {name: text for name, text in environ.items() if name not in SECRETS | {ALLOW_LIVE}}
    sources: list[tuple[str, Source]] = [  # highest first
        (COMMAND_LINE, InitSettingsSource(LayeredSettings, assigned)),
        (COMMAND_LINE, InitSettingsSource(LayeredSettings, options or {})),
        (PREFIX, Environment(LayeredSettings, public)),
    ]
    path = file if file is not None else Path(DEFAULT_FILE)
    if file is not None or path.exists():
        sources.append((path.name, toml_source(LayeredSettings, path)))

    origins = origins_of([(origin, source()) for origin, source in reversed(sources)], PREFIX)
    values = dict(_layered([source for _, source in sources]))
    tables = values.pop("strategies")
    chosen = _chosen(tables, strategies, models)
    for key, value in for_strategies:
        for place in _places(key, {name: tables[name] for name in chosen}, models):
            put(tables, place, value)
            _strategy_tables(tables)  # strategies.NAME=value would put a value for a table
            origins[".".join(["strategies", *place])] = COMMAND_LINE

    _pass_on(values["screen"], tables, models, origins)
    instances = {name: _instance(name, one, models) for name, one in tables.items()}
    if all(instances[name].book != MAIN_BOOK for name in chosen):
        raise ConfigError(f"no strategy is in book {MAIN_BOOK}: {', '.join(chosen)} are shadows")
    return Configuration(Settings(**values), {name: instances[name] for name in chosen}, origins)


def _strategy_tables(configured: object) -> object:
    if not isinstance(configured, dict):
        raise ConfigError("strategies must be tables: [strategies.NAME]")
    for name, values in configured.items():
        if not isinstance(values, dict):
            raise ConfigError(f"strategies.{name} must be a table: [strategies.{name}]")
    return configured


class LayeredSettings(Settings, BaseSettings):
    """Settings as the layers give them, and the strategies' tables, which are checked later."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        case_sensitive=True,  # of the file: otherwise Mode beside mode would silently be dropped
    )

    strategies: Annotated[dict[str, Layer], BeforeValidator(_strategy_tables)] = {}


def _layered(sources: Sequence[Source]) -> LayeredSettings:
    """What `sources` say, the first one strongest, over the defaults."""

    class Run(LayeredSettings):
        """The library asks the class for its sources, and these are of one run."""

        @classmethod
        def settings_customise_sources(cls, *_: object, **__: object) -> tuple[Source, ...]:
            return tuple(sources)

    return table(Run, {})


# --- strategies --------------------------------------------------------------------------------


def _chosen(tables: dict[str, Layer], wanted: Sequence[str], models: Models) -> list[str]:
    """The instances to run, in order; one that is not configured gets an empty table."""
    names = list(wanted) or list(tables) or list(models)[:1]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f'strategy "{name}" is named twice')
        if name not in tables and name not in models:
            raise ConfigError(f'unknown strategy "{name}": {nearest(name, [*tables, *models])}')
        tables.setdefault(name, {})
    return names


def _pass_on(
    screen: ScreenSettings, tables: dict[str, Layer], models: Models, origins: dict[str, str]
) -> None:
    """What [screen] says holds for each strategy behind the screener that says nothing itself."""
    for name, values in tables.items():
        model = _model_of(values.get("strategy", name), models)
        if model is None or not issubclass(model, ScreenKeys):
            continue
        for key in ScreenKeys.model_fields:
            if key not in values and (origin := origins.get(f"screen.{key}")):
                values[key] = getattr(screen, key)
                origins[f"strategies.{name}.{key}"] = origin


def _instance(name: str, values: Layer, models: Models) -> StrategyInstance:
    if not INSTANCE.fullmatch(name):
        raise ConfigError(f'strategy name "{name}" must be like pixity or pixity-5m')
    values = dict(values)
    strategy, book = values.pop("strategy", name), values.pop("book", MAIN_BOOK)
    if not (isinstance(book, str) and INSTANCE.fullmatch(book)):
        raise ConfigError(f'strategies.{name}.book = "{book}" must be like main or trial-2')
    evidence = values.pop("evidence", None)
    if not (evidence in (None, "none") or EVIDENCE.fullmatch(str(evidence))):
        raise ConfigError(f'strategies.{name}.evidence = "{evidence}" must be FILE@SHA256')
    model = _model_of(strategy, models)
    if model is None:
        hint = nearest(str(strategy), models)
        raise ConfigError(f'strategies.{name}.strategy: unknown strategy "{strategy}": {hint}')
    kept = None if evidence in (None, "none") else str(evidence)
    return StrategyInstance(strategy, table(model, values, f"strategies.{name}"), book, kept)


def _model_of(strategy: object, models: Models) -> type[StrategySettings] | None:
    """Of a registry name, or of a plain strategy `module:Class`. Raises ConfigError for a class
    that cannot be imported."""
    if not isinstance(strategy, str):
        return None
    return settings_of(strategy) if ":" in strategy else models.get(strategy)


def _assigned(assignments: Sequence[str]) -> tuple[Layer, list[tuple[str, str]]]:
    """What --set says of the settings, and key and value of what is left to the strategies."""
    settings: Layer = {}
    others: list[tuple[str, str]] = []
    flat = _flat_keys()
    for key, value in map(split_assignment, assignments):
        place = key.split(".") if "." in key else flat.get(key, ["strategies"])
        if place[0] == "strategies":
            others.append((key, value))
        else:
            put(settings, place, value)
    return settings, others


def _places(key: str, instances: Mapping[str, Layer], models: Models) -> list[list[str]]:
    """Where in the strategies' tables --set puts `key`: a flat one in each that has it."""
    if "." in key:
        return [key.split(".")[1:]]
    own = {name: _keys(name, one, models) for name, one in instances.items()}
    places = [[name, key] for name, keys in own.items() if key in keys]
    if not places:
        names = dict.fromkeys([*_flat_keys(), *(one for keys in own.values() for one in keys)])
        raise ConfigError(unknown_key(key, names))
    return places


def _flat_keys() -> dict[str, list[str]]:
    """Every key of the settings, with its place in the tables."""
    keys = {name: [name] for name in Settings.model_fields if name not in TABLES}
    return keys | {key: [name, key] for name, one in TABLES.items() for key in one.model_fields}


def _keys(name: str, values: Layer, models: Models) -> list[str]:
    model = _model_of(values.get("strategy", name), models)
    return list(model.model_fields) if model is not None else []


TABLES: Mapping[str, type[Table]] = {
    "risk": RiskSettings,
    "brakes": BrakeSettings,
    "feed": FeedSettings,
    "dashboard": DashboardSettings,
    "paths": PathSettings,
    "upstox": UpstoxSettings,
    "screen": ScreenSettings,
    "live": LiveSettings,
}
