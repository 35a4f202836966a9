"""The third act: a day's sentence, typed by a person, kept beside the ledger for that day alone.

Decides what has to be typed, and whether what is kept holds: for this account, exchange, day and
configuration, and no other.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.errors import ConfigError, StoreFailed
from core.session import day_text, ist_text
from daemon.config import Configuration
from daemon.plan import masked
from stores.secret_files import forget_secret, keep_secret, read_secret
from strategies.identity import code_digest

FILE = "live.confirmed"
CONFIRM = "tradingd confirm"
# What decides nothing: where things lie, who may look, how fast a market of our own passes.
UNCONFIRMED = {"mode", "dashboard", "paths"}
UNCONFIRMED_OF_FEED = {"speed", "days", "day"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is confirmed. `setup`: digest of the configuration and of the program that decides."""

    account: str
    exchange: str
    day: str
    setup: str

    @property
    def sentence(self) -> str:
        """To be typed as it stands."""
        return f"trade account {self.account} with real orders on {self.day}"


def terms_of(configured: Configuration, exchange: str, day: int) -> Terms:
    return Terms(
        account=configured.settings.live.account,
        exchange=exchange,
        day=day_text(day),
        setup=setup_of(configured),
    )


def setup_of(configured: Configuration) -> str:
    """One short hash of everything configured that decides, whichever layer it came from."""
    own = {
        name: [one.strategy, one.book, one.settings.model_dump(mode="json")]
        for name, one in configured.strategies.items()
    }
    settings = configured.settings
    parts = [
        settings.model_dump(mode="json", exclude=UNCONFIRMED | {"feed"}),
        settings.feed.model_dump(mode="json", exclude=UNCONFIRMED_OF_FEED),
        list(own.items()),
        code_digest([one.strategy for one in configured.strategies.values()]),
    ]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def confirm(directory: Path, terms: Terms, typed: str, now_ns: int, user: str) -> None:
    """Keep the confirmation of `terms`. Raises ConfigError unless `typed` is their sentence."""
    if typed.strip() != terms.sentence:
        raise ConfigError(f"not confirmed: typed was not exactly: {terms.sentence}")
    said = {"confirmed": ist_text(now_ns), "by": user, "typed": terms.sentence}
    keep_secret(directory / FILE, json.dumps(asdict(terms) | said, indent=1))


def withdraw(directory: Path) -> None:
    """No day is confirmed any more."""
    forget_secret(directory / FILE)


def lacks(directory: Path, terms: Terms) -> str:
    """Why there is no confirmation of `terms`, in one line; "": there is."""
    try:
        content = read_secret(directory / FILE)
        kept = json.loads(content) if content else None
    except (ConfigError, StoreFailed) as error:
        return f"the confirmation cannot be used: {error}"
    except ValueError:
        kept = {}
    if kept is None:
        return f"{terms.day} is not confirmed: {CONFIRM}"
    return _differs(kept, terms)


def _differs(kept: Any, terms: Terms) -> str:
    told = kept if isinstance(kept, dict) else {}
    for name, ours in asdict(terms).items():
        theirs = told.get(name)
        if theirs == ours:
            continue
        if not isinstance(theirs, str):
            return f"the confirmation cannot be used: {FILE} has no {name}: {CONFIRM}"
        if name == "setup":
            return (
                f"{terms.day} was confirmed with another configuration or program, which makes the"
                f" confirmation void: {CONFIRM}"
            )
        if name == "account":  # the reason is logged
            theirs, ours = masked(theirs), masked(ours)
        return f"what is confirmed is {name} {theirs}, this is {ours}: {CONFIRM}"
    return ""
