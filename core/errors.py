"""The exception tree. Expected outcomes are values (Refusal, FeedDown); these are the rest.

TradingdError
├── ConfigError          what the user wrote cannot be used                     exit 2
├── DataError            market data is missing or bad                          exit 3
├── BrokerError          broker or authentication                               exit 4
│   ├── ConnectionLost   the link broke; worth a retry
│   │   ├── TooFast      asked more often than is allowed; worth a longer wait
│   │   └── NeverSent    no link could be made: what was to be sent has not left us
│   ├── ProtocolViolation  the peer sent what it must not
│   └── AuthExpired      a human has to log in
├── NotReady             a check failed                                         exit 1
├── AlreadyRunning       another process owns the state directory               exit 5
├── StoreFailed          a commit or read of our own files failed               exit 70
│   └── StoreDamaged     a store that can be spared is no store any more
├── TryAgain             the daemon is not there, or did not answer in time      exit 75
├── IllegalTransition    an order was asked to move where it cannot             exit 70
└── InvariantBroken      money or position arithmetic does not add up: a bug    exit 70
"""

from typing import ClassVar


class TradingdError(Exception):
    """Anything the program raises on purpose; `exit_code` is what the command returns."""

    exit_code: ClassVar[int] = 70


class ConfigError(TradingdError):
    """A configuration value, option or name that cannot be used."""

    exit_code = 2


class DataError(TradingdError):
    """Market data that is missing, inconsistent or not what it was declared to be."""

    exit_code = 3


class BrokerError(TradingdError):
    """The broker refused us or cannot be reached."""

    exit_code = 4


class ConnectionLost(BrokerError):
    """The link to the broker broke; a retry may help."""


class TooFast(ConnectionLost):
    """The broker says that we ask too often."""


class NeverSent(ConnectionLost):
    """No link to the broker could be made, so nothing was asked of it."""


class ProtocolViolation(BrokerError):
    """The peer sent something its protocol does not allow."""


class AuthExpired(BrokerError):
    """The access token is no longer accepted."""


class NotReady(TradingdError):
    """Something that must hold before orders are real does not."""

    exit_code = 1


class AlreadyRunning(TradingdError):
    """Another process owns the state directory."""

    exit_code = 5


class StoreFailed(TradingdError):
    """One of our own stores could not be read or written."""


class StoreDamaged(StoreFailed):
    """The file of a store that can be had again is not what was written; the rest can go on."""


class TryAgain(TradingdError):
    """The daemon is not running, or did not answer in time; nothing was changed by us."""

    exit_code = 75


class IllegalTransition(TradingdError):
    """An order was asked to make a move its life cycle does not have."""


class InvariantBroken(TradingdError):
    """Arithmetic of money or positions does not add up."""
