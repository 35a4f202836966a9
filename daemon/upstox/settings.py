"""What is configured of the broker Upstox. No secret among it: those lie elsewhere.

Decides which addresses may be talked to; a token goes over TLS, or stays on this machine.
"""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, field_validator

from brokers.upstox.wording import ORDER_HOST
from providers.upstox.assets import ASSETS
from providers.upstox.rest import API
from strategies.table import Table

REDIRECT_URI = "http://127.0.0.1:8766/callback"


class UpstoxSettings(Table):
    """The broker, and our app there."""

    api: str = Field(API, description="address of the REST side; plain http on this machine only")
    orders: str = Field(
        ORDER_HOST, description="where orders are placed, modified and cancelled; likewise"
    )
    assets: str = Field(ASSETS, description="where the lists of instruments lie; likewise")
    client_id: str = Field("", description="API key of the app, for `tradingd login`")
    redirect_uri: str = Field(
        REDIRECT_URI, description="as registered with the app; on this machine, to be listened to"
    )
    token_file: str = Field(
        "", description="what `tradingd login` keeps; none named: in the state directory"
    )

    connections: int = Field(
        2, ge=1, le=5, description="of the market feed, 2,000 instruments each: 2, with Plus 5"
    )

    @property
    def is_local(self) -> bool:
        """Whether it is an exchange on this machine, such as `tradingd sandbox`."""
        return is_loopback(urlsplit(self.api).hostname or "")

    @property
    def lists_at(self) -> str:
        """Where the lists of instruments are asked for: an exchange on this machine has its own."""
        return self.api if self.is_local and self.assets == ASSETS else self.assets

    @property
    def orders_at(self) -> str:
        """Where orders go: an exchange on this machine takes them itself."""
        return self.api if self.is_local and self.orders == ORDER_HOST else self.orders

    @field_validator("api", "orders", "assets")
    @classmethod
    def _is_safe(cls, address: str) -> str:
        if not is_safe(address):
            raise ValueError(f"{address!r} is no https://HOST, nor http://127.0.0.1:PORT")
        return address.rstrip("/")

    @field_validator("redirect_uri")
    @classmethod
    def _is_an_address(cls, address: str) -> str:
        parts = split(address)
        if parts is None or parts.query or parts.fragment:
            raise ValueError(f"{address!r} is no address like {REDIRECT_URI}")
        return address


def is_safe(address: str) -> bool:
    """Whether a token may be sent there."""
    parts = split(address)
    return parts is not None and (parts.scheme == "https" or is_loopback(str(parts.hostname)))


def split(address: str) -> SplitResult | None:
    """The parts of an http or https address; None if it is none."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # of which only asking tells that it is none
    except ValueError:
        return None
    plain = parts.scheme in ("http", "https") and parts.hostname and parts.username is None
    return parts if plain else None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`, an address or "localhost"."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
