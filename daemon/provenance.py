"""Where the parameters of each strategy came from, as `tradingd promote` wrote it beside them.

Reads the evidence and says whether it is still that of what runs. Never a reason to stop: without
evidence, or with one that cannot be read, nothing changes but the word. It is not computed again
here, which is the lab's to do.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from daemon.config import Configuration, StrategyInstance
from strategies.identity import code_digest

FORMAT = "tradingd evidence 1"  # research/honesty/promotion.py writes it
NAMED = 3  # differences and instruments in a line

log = structlog.get_logger()


class Origin(StrEnum):
    NONE = "none"
    PROMOTED = "promoted"
    DIFFERS = "differs"  # from what its evidence is of
    UNREADABLE = "unreadable"


class Provenance(NamedTuple):
    """Of one configured strategy; `told` is a line for people."""

    strategy: str
    origin: Origin
    told: str

    def shown(self) -> dict[str, str]:
        return {"strategy": self.strategy, "origin": str(self.origin), "told": self.told}


def provenance_of(configured: Configuration, symbols: Sequence[str]) -> tuple[Provenance, ...]:
    """Of every strategy in configured order. `symbols`: those that the day trades."""
    settings = configured.settings
    risk = settings.risk.for_market(settings.feed.session).model_dump(mode="json")
    return tuple(
        Provenance(name, *_read(one, risk, symbols)) for name, one in configured.strategies.items()
    )


def tell(found: Sequence[Provenance]) -> None:
    """One record of the log for each."""
    for one in found:
        if one.origin in (Origin.NONE, Origin.PROMOTED):
            log.info("evidence_read", strategy=one.strategy, evidence=one.told)
        else:
            log.warning("evidence_doubted", strategy=one.strategy, evidence=one.told)


def _read(
    one: StrategyInstance, risk: Mapping[str, object], symbols: Sequence[str]
) -> tuple[Origin, str]:
    if one.evidence is None:
        return Origin.NONE, "no evidence"
    path, _, digest = one.evidence.rpartition("@")
    try:
        data = Path(path).read_bytes()
        document = json.loads(data)
        if document["format"] != FORMAT:
            return Origin.UNREADABLE, f"evidence {path} is of another format"
        summary = _summary(document)
        changed = list(_differences(document, one, risk, symbols))
        code = code_digest([one.strategy])
    except OSError as error:
        return Origin.UNREADABLE, f"evidence {path}: {error.strerror}"
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return Origin.UNREADABLE, f"evidence {path} is damaged: {error!r}"
    if sha256(data).hexdigest() != digest:
        return Origin.UNREADABLE, f"evidence {path} is not the file that was promoted"
    if changed:
        more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
        named = "; ".join(changed[:NAMED])
        return Origin.DIFFERS, f"differs from its evidence: {named}{more}"
    other = "" if code == document["code_digest"] else "; the code has changed since"
    return Origin.PROMOTED, f"{summary}{other}"


def _summary(document: Mapping[str, Any]) -> str:
    figures = document["figures"]
    first, last = document["out_of_sample"]
    overfitting = figures["probability_of_overfitting"]
    told = (
        f"promoted from run {document['run'][:12]}, out of sample {first} to {last}:"
        f" Sharpe {figures['sharpe']:.2f}, deflated {figures['deflated_sharpe']:.2f},"
        f" overfitting {'-' if overfitting is None else f'{overfitting:.2f}'},"
        f" {figures['trials']:,} trials"
    )
    loosened = [one["figure"] for one in document["checks"] if "loosened_from" in one]
    return told + (f", loosened: {', '.join(loosened)}" if loosened else "")


def _differences(
    document: Mapping[str, Any],
    one: StrategyInstance,
    risk: Mapping[str, object],
    symbols: Sequence[str],
) -> Iterator[str]:
    """What runs otherwise than it was tried, the strategy's own settings first."""
    if document["strategy"] != one.strategy:
        yield f"strategy {one.strategy}, was {document['strategy']}"
    own = one.settings.model_dump(mode="json")
    for now, then in ((own, document["settings"]), (risk, document["risk"])):
        for key in [*now, *(key for key in then if key not in now)]:
            if now.get(key) != then.get(key):
                yield f"{key} {now.get(key)}, was {then.get(key)}"
    new = [symbol for symbol in symbols if symbol not in document["symbols"]]
    if new:
        more = f" and {len(new) - NAMED} more" if len(new) > NAMED else ""
        yield f"not tried on {', '.join(new[:NAMED])}{more}"
