"""`tradingd doctor`: is everything ready for the next start, a line per check.

Adds to the checks of the state directory (daemon/doctor.py) those of this installation. Reads only.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from cli import kernel_cache
from cli.config_commands import check, configuration
from core.errors import ConfigError
from core.session import parse_day
from daemon.clocks import SystemClock
from daemon.config import Configuration, Settings
from daemon.consent.acts import require_acts
from daemon.consent.readiness import check_lists, local_checks
from daemon.doctor import Check, Verdict, examine, fail, ok, warn
from daemon.memory.checkout import checkout
from daemon.plan import LIVE, masked
from daemon.upstox.checks import broker_checks
from daemon.upstox.tokens import NEED_TOKEN, tokens_for

LOCK = kernel_cache.ROOT / "requirements" / "run.txt"
PYTHONS = ((3, 11), (3, 14))  # the first that will do, and the first that will not any more
NAMED_PACKAGES = 5  # in a message

_PINNED = re.compile(r"^([\w.-]+)==([\w.+!]+)( ;)?", re.M)


def doctor(
    state_dir: Path | None,
    config: Path | None,
    sets: Sequence[str] | None,
    tell: Callable[[str], None],
) -> None:
    """Print every check; exit 1 if one of them fails."""
    failed = False
    for one in checks(state_dir, config, sets, SystemClock().now_ns()):
        tell(str(one))
        failed |= one.verdict is Verdict.FAIL
    if failed:
        raise typer.Exit(1)


def checks(
    state_dir: Path | None, config: Path | None, sets: Sequence[str] | None, now_ns: int
) -> Iterator[Check]:
    """Of the installation, of the configuration, and of the state directory that it names."""
    yield check_python(sys.version_info[:2], sys.version.split()[0])
    yield check_packages(LOCK.read_text() if LOCK.exists() else None, _installed)
    yield check_kernels(os.environ)
    settings, configured = Settings(), None
    try:
        configured = configuration(config, sets)
        settings = configured.settings
        yield ok("config", check(configured).strip())
    except ConfigError as error:
        yield fail("config", str(error), "the checks below are with the defaults")
    accept = settings.accept_session
    directory = state_dir or Path(settings.paths.state_dir)
    yield from examine(
        directory,
        now_ns,
        frozenset() if accept is None else frozenset({parse_day(accept.isoformat())}),
        tokens=tokens_for(settings, os.environ, lambda: now_ns),
    )
    if configured is not None and settings.mode == LIVE:
        yield from live_checks(configured, directory, now_ns)
    if settings.feed.kind in NEED_TOKEN:  # a local exchange goes by a time of its own
        yield from broker_checks(directory, now_ns, settings.symbols, settings.watch)


def live_checks(configured: Configuration, directory: Path, now_ns: int) -> Iterator[Check]:
    """What mode live needs besides, as far as nobody has to be asked for it."""
    live = configured.settings.live
    try:
        require_acts(configured, os.environ)
        yield ok("live", f"account {masked(live.account)} is configured, and allowed here")
    except ConfigError as error:
        yield fail("live", str(error), "see docs/live.md")
    yield from local_checks(directory, checkout(), accept_dirty_tree=live.accept_dirty_tree)
    own = configured.settings
    if own.feed.kind in NEED_TOKEN and not own.upstox.is_local:  # which has a time of its own
        yield check_lists(directory, now_ns)


def check_python(running: tuple[int, ...], text: str) -> Check:
    first, end = PYTHONS
    if first <= running < end:
        return ok("python", text)
    return fail("python", text, f"from {first[0]}.{first[1]} on, below {end[0]}.{end[1]}")


def check_packages(lock: str | None, installed: Callable[[str], str | None]) -> Check:
    """Against the lock file; a package that is locked per platform may be any of its versions."""
    name = "packages"
    if lock is None:
        return warn(name, "no lock file beside the program", "their versions are not known to fit")
    wanted: dict[str, set[str]] = {}
    optional: set[str] = set()
    for package, pinned, marker in _PINNED.findall(lock):
        wanted.setdefault(package, set()).add(pinned)
        optional |= {package} if marker else set()
    found = {package: installed(package) for package in wanted}
    missing = [one for one in wanted if found[one] is None and one not in optional]
    if missing:
        return fail(name, f"missing: {_some(missing)}", "make setup")
    others = [
        f"{one} {found[one]} (locked {', '.join(sorted(wanted[one]))})"
        for one in wanted
        if found[one] is not None and found[one] not in wanted[one]
    ]
    if others:
        return warn(name, f"not as locked: {_some(others)}", "make setup")
    return ok(name, f"{len(wanted)} as locked")


def check_kernels(environ: Mapping[str, str]) -> Check:
    """`kernel_cache.prepare` has run: it has left the folder in use, or none."""
    folder, is_whole = environ.get(kernel_cache.VARIABLE), kernel_cache.is_whole(environ)
    if is_whole is None:
        advice = f"set {kernel_cache.VARIABLE} to a folder that is, else each start compiles"
        return warn("kernels", "no cache folder is writable", advice)
    if not is_whole:
        advice = "python -m cli.warm, else the next start does it"
        return warn("kernels", f"not all compiled in {folder}", advice)
    return ok("kernels", f"compiled in {folder}")


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED_PACKAGES
    return ", ".join(names[:NAMED_PACKAGES]) + (f" and {more} more" if more > 0 else "")
