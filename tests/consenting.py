"""All that real orders need, in one call: a test that wants them says so, as a person does."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cli.config_commands import configuration
from core.session import ist_ns, parse_day
from daemon.config import ALLOW_LIVE, Configuration
from daemon.consent.acts import exchange_identity
from daemon.consent.confirmation import confirm, terms_of

ACCOUNT = "SANDBX"  # of the local exchange
TYPED_NS = ist_ns("2026-11-20T09:10:00+05:30")


class Consented(NamedTuple):
    """How a process that may trade is started."""

    words: list[str]
    environ: Mapping[str, str]
    configured: Configuration


def configured_live(
    folder: Path, sets: Sequence[str] = (), *, feed: str = "sandbox", account: str = ACCOUNT
) -> tuple[Path, Configuration]:
    """The first act: a file. A checkout under work is accepted, or no test could be run in it."""
    file = folder / "tradingd.toml"
    file.write_text(f'[live]\naccount = "{account}"\naccept_dirty_tree = true\n')
    options = {"mode": "live", "feed": {"kind": feed}}
    return file, configuration(file, sets, options)


def consented(
    folder: Path, directory: Path, day: str, sets: Sequence[str] = (), *, feed: str = "sandbox"
) -> Consented:
    """The three acts for `day`; `words` begin with `run`."""
    file, configured = configured_live(folder, sets, feed=feed)
    terms = terms_of(configured, exchange_identity(configured.settings), parse_day(day))
    directory.mkdir(mode=0o700, exist_ok=True)
    confirm(directory, terms, terms.sentence, TYPED_NS, "tester")
    words = ["run", "--mode", "live", "--feed", feed, "--config", str(file)]
    words += ["--state-dir", str(directory), *(("--set", *sets) if sets else ())]
    return Consented(words, {ALLOW_LIVE: ACCOUNT}, configured)
