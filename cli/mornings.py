"""Who asks for the lists of a morning: of the broker, or of a local exchange, by the same code."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from daemon.config import Settings
from daemon.upstox.morning import Morning
from providers.upstox.assets import UpstoxAssets
from providers.upstox.holidays import PATH
from providers.upstox.rest import UpstoxRest


def morning_of(
    settings: Settings, of: str, assets: UpstoxAssets, rest: UpstoxRest, symbols: Sequence[str]
) -> Morning:
    """`of`: whose lists they are; `symbols`: to be traded, beside those that are watched."""
    directory = Path(settings.paths.state_dir)
    return Morning(directory, of, assets.fetch, partial(rest.get, PATH), symbols, settings.watch)
