"""`certify`: a closed day of a state directory against itself.

Reads the stores of a directory that no daemon has; writes nothing but the certificate.
"""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import typer

from cli.config_commands import configuration
from core.errors import ConfigError, DataError
from core.session import day_text
from core.types import Instrument
from daemon.lock import StateLock
from daemon.proof.certificate import Certificate, certificate_path, certify_day
from daemon.proof.evidence import start_of
from daemon.proof.recipe import instruments_of
from stores.ledger_reader import LEDGER_FILE, open_read_only
from stores.market import MARKET_FILE, DuckMarketStore

Tell = Callable[[str], None]


def certify(state_dir: Path | None, day: int, tell: Tell) -> None:
    """Certify `day`. Raises AlreadyRunning, DataError; typer.Exit 1 if it is red."""
    directory = state_dir or Path(configuration(None, None).settings.paths.state_dir)
    if not directory.is_dir():
        raise ConfigError(f"state directory {directory}: no such directory")
    for name in (LEDGER_FILE, MARKET_FILE):
        if not (directory / name).exists():
            raise DataError(f"there is no {directory / name}")
    os.umask(0o077)
    with StateLock(directory), closing(_store(directory, day)) as store:
        certificate = certify_day(directory, day, store)
    for line in told(certificate, directory):
        tell(line)
    if certificate.difference is not None:
        raise typer.Exit(1)


def _store(directory: Path, day: int) -> DuckMarketStore:
    instruments: tuple[Instrument, ...] = ()
    with closing(open_read_only(directory)) as ledger:
        instruments = instruments_of(start_of(ledger, day))
    return DuckMarketStore(directory / MARKET_FILE, instruments, read_only=True)


def told(certificate: Certificate, directory: Path) -> list[str]:
    """What was given, what follows, and the verdict."""
    identity, given = certificate.identity, certificate.given
    counts = [f"{count:,} {name}" for name, count in given.items() if isinstance(count, int)]
    states = f"opening account, opening states {given['opening states']}"
    computed = [f"{row['rows']:,} {name}" for name, row in certificate.computed.items()]
    lines = [
        f"day          {day_text(certificate.day)}: {identity['mode']} {identity['source']}",
        f"given        {', '.join([*counts, states])}",
        f"computed     {', '.join(computed)}",
        f"certificate  {certificate.digest}",
        f"kept in      {certificate_path(directory, certificate.day)}",
        f"verdict      {certificate.verdict}",
    ]
    if certificate.difference is not None:
        lines.append(f"first        {certificate.difference.text('computed', 'recorded')}")
    return lines
