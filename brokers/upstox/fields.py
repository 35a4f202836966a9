"""Values of the broker's rows, each as it must be: what is none raises KeyError, TypeError or
ValueError, for the reader of the row to refuse. Never shows a row, which names the account.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from core.session import ist_ns
from providers.upstox.rest import MAX_TOLD

BROKER_ID = re.compile(r"[A-Za-z0-9-]{1,40}")
ACCOUNT = re.compile(r"account-\w+")
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
SENSELESS = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


def text_of(row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    if not isinstance(value, str) or not value:
        raise ValueError(name)
    return value


def id_of(row: Mapping[str, Any], name: str) -> str:
    value = text_of(row, name)
    if not is_id(value):
        raise ValueError(name)
    return value


def is_id(value: Any) -> bool:
    return isinstance(value, str) and BROKER_ID.fullmatch(value) is not None


def count_of(row: Mapping[str, Any], name: str, *, least: int) -> int:
    """A whole number; the broker writes some of them as 10.0, none as "10"."""
    value = number_of(row, name)
    if value != int(value) or value < least:
        raise ValueError(name)
    return int(value)


def number_of(row: Mapping[str, Any], name: str) -> float:
    value = row[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(name)
    return float(value)


def words_of(value: Any) -> str:
    """One line of somebody else's text as it can be told on: short, and without our account."""
    if not isinstance(value, str):
        return ""
    return ACCOUNT.sub("account-***", " ".join(value.split()))[:MAX_TOLD]


def said_of(what: str, error: Exception) -> str:
    """What is wrong, not the row itself: that names the account."""
    return f"{what}: {type(error).__name__} {error}"[:80]


def moment_ns(value: Any) -> int:
    """The broker's stamps are IST without a zone."""
    if not isinstance(value, str) or STAMP.fullmatch(value) is None:
        return 0
    try:
        return ist_ns(f"{value.replace(' ', 'T')}+05:30")
    except ValueError:
        return 0
