"""Names that make work idempotent: the same decision has the same id, in every run of one scope."""

import hashlib
import json

from core.session import ist_text
from core.types import Side, SignalId

SIDE_NAMES = {side: side.name for side in Side}  # an enum computes its name at every call


def signal_id_of(
    scope: str, strategy: str, instrument: str, bar_open_ns: int, side: Side, kind: str
) -> SignalId:
    """SHA-256 of `scope|strategy|instrument|bar open|side|kind` (pixity.md 7)."""
    text = f"{scope}|{strategy}|{instrument}|{ist_text(bar_open_ns)}|{SIDE_NAMES[side]}|{kind}"
    return SignalId(hashlib.sha256(text.encode()).hexdigest())


def backtest_scope(strategy: str, parameters: dict[str, object], data_hash: str) -> str:
    """Scope of a backtest: never time, gear or code, so that the same backtest has the same ids."""
    text = json.dumps([strategy, parameters, data_hash], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
