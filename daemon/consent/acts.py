"""The first two of three acts that real orders need: the configuration, and the environment.

Decides before anything is opened, and asks nobody. The third is `confirmation.py`.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from core.errors import ConfigError
from daemon.config import ALLOW_LIVE, COMMAND_LINE, Configuration, Settings
from daemon.layers import ENVIRONMENT
from daemon.plan import LIVE
from daemon.upstox.settings import is_loopback

WITH_ORDERS = ("sandbox", "upstox")  # kinds of feed whose exchange takes orders


def require_acts(configured: Configuration, environ: Mapping[str, str]) -> None:
    """Raises ConfigError naming what mode live lacks; any other mode lacks nothing."""
    settings = configured.settings
    if settings.mode != LIVE:
        return
    if settings.feed.kind not in WITH_ORDERS:
        raise ConfigError(
            f"mode live: feed {settings.feed.kind} has no exchange that takes orders, only"
            f" {' and '.join(WITH_ORDERS)} have"
        )
    require_one_exchange(configured)
    account = settings.live.account
    if not account:
        raise ConfigError(
            "mode live needs the account that may be traded: account under [live] in the"
            " configuration file"
        )
    origin = configured.origins.get("live.account", "")
    if origin == COMMAND_LINE or origin.startswith(
        ENVIRONMENT
    ):  # gone with the shell it was typed in
        raise ConfigError(
            "mode live: account under [live] must stand in the configuration file, not in the"
            " environment or on the command line"
        )
    allowed = environ.get(ALLOW_LIVE, "")
    if allowed != account:
        said = f", which is {allowed!r} there" if allowed else ""
        raise ConfigError(f"mode live needs {ALLOW_LIVE}={account} in the environment{said}")


def require_one_exchange(configured: Configuration) -> None:
    """Prices of one exchange and orders at another are the worst of both. Raises ConfigError."""
    settings = configured.settings
    if settings.feed.kind == "sandbox":
        if "upstox.orders" in configured.origins:
            raise ConfigError(
                f"mode live: feed sandbox takes orders itself, upstox.orders ="
                f" {settings.upstox.orders} is another exchange's: leave it out"
            )
        return
    api = settings.upstox.api
    others = {"orders go to": settings.upstox.orders_at, "lists are of": settings.upstox.lists_at}
    for what, address in others.items():
        if exchange_of(address) != exchange_of(api):
            raise ConfigError(
                f"mode live: data are of {api}, but {what} {address}: that is not one exchange"
            )


def exchange_identity(settings: Settings) -> str:
    """As a ledger and a confirmation name the exchange of a feed that takes orders."""
    if settings.feed.kind == "sandbox":
        return f"sandbox seed {settings.feed.seed}"
    return "upstox of this machine" if settings.upstox.is_local else "upstox"


def exchange_of(address: str) -> str:
    """Whose an address is: of this machine each port is one, elsewhere the registered name."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    return f"this machine:{parts.port}" if is_loopback(host) else ".".join(host.split(".")[-2:])
