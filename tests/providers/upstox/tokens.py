"""Tokens in the broker's form, signed by nobody."""

import base64
import json

from core.session import SECOND_NS, at_ist, parse_day

DAY = parse_day("2026-08-05")
MORNING = at_ist(DAY, "08:45")
NIGHT = at_ist(DAY + 1, "03:30")


def jwt(ends_ns: int, issued_ns: int = MORNING) -> str:
    claims = {"iss": "gateway", "iat": issued_ns // SECOND_NS, "exp": ends_ns // SECOND_NS}
    return f"{_part({'alg': 'HS256'})}.{_part(claims)}.c2lnbmF0dXJl"


def _part(values: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")
