"""Logging: pretty when a person is watching, JSON lines otherwise; always to standard error.

No secret is ever written: not under a key that tells of one, and a known one in no text at all.
"""

import logging
import re
import sys
from collections import deque
from collections.abc import Sequence

import structlog
from pydantic import SecretStr

SECRET_KEY = re.compile(
    r"token|secret|passw|credential|authori[sz]ation|cookie|api_?key", re.IGNORECASE
)
STARS = "**********"


MAX_LEARNED = 16  # secrets told later: a login a day, and an older one has ended


def configure(level: str = "info", secrets: Sequence[SecretStr] = ()) -> "Redaction":
    """Set structlog up for this process; `secrets` are known by value, more may be told later."""
    person = sys.stderr.isatty()
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        _without_telling_keys,
    ]
    # Tracebacks are plain: one with its local variables would show what the process knows.
    if person:
        processors.append(
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        )
    else:
        processors += [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    redaction = Redaction(secrets)
    structlog.configure(
        processors=[*processors, redaction],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    return redaction


def _without_telling_keys(
    _: object, __: str, record: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return {key: STARS if SECRET_KEY.search(key) else value for key, value in record.items()}


class Redaction:
    """Takes known secrets out of the finished line, wherever in it they have got to."""

    def __init__(self, secrets: Sequence[SecretStr]) -> None:
        # Tokens are of characters that no renderer escapes (daemon/dashboard/token.py).
        self._kept = [one.get_secret_value() for one in secrets]
        self._learned: deque[str] = deque(maxlen=MAX_LEARNED)

    def keep(self, secret: SecretStr) -> None:
        """Know one more for as long as the process lives."""
        self._kept.append(secret.get_secret_value())

    def learn(self, secret: SecretStr) -> None:
        """Know one more of those that come and end, as a token of a login over night."""
        self._learned.append(secret.get_secret_value())

    def __call__(self, _: object, __: str, line: structlog.typing.EventDict | str) -> str:
        text = str(line)  # every renderer before us gives text
        for secret in (*self._kept, *self._learned):
            text = text.replace(secret, STARS)
        return text
