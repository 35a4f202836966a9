"""`data instruments`: what the broker's list says of a symbol or key. Reads what is kept."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cli.config_commands import configuration
from core.errors import DataError
from core.session import day_text, ist_text
from daemon.upstox.masters import Kept, KeptMasters
from daemon.upstox.morning import changes_since
from providers.upstox.instruments import Listed, Master

Tell = Callable[[str], None]


def instruments(
    names: Sequence[str],
    state_dir: Path | None,
    config: Path | None,
    sets: Sequence[str] | None,
    tell: Tell,
    *,
    changed: bool = False,
) -> None:
    """Tell of `names`, or of what is configured. Raises ConfigError, DataError."""
    settings = configuration(config, sets).settings
    asked = [*names] or [*settings.symbols, *settings.watch]
    masters = KeptMasters(state_dir or Path(settings.paths.state_dir))
    days = masters.days()
    kept = masters.in_force(days[-1]) if days else None
    if kept is None:
        raise DataError(f"{masters.folder}: no instrument master is kept; `run` asks the broker")
    if changed:
        found = changes_since(masters, kept, asked)
        lines = [f"since {day_text(kept.since_day)}:{'' if found else ' no change'}", *found]
    else:
        resolved = kept.master.resolve(asked)
        lines = [*resolved.notices, *(line_of(kept.master, one) for one in resolved.listed)]
    for line in (summary(kept), *lines):
        tell(line)


def summary(kept: Kept) -> str:
    listed = kept.master.by_key.values()
    intraday = sum(one.margin is not None for one in listed)
    asked = ist_text(kept.asked_ns)[:16].replace("T", " ")
    return (
        f"{len(listed):,} instruments of NSE, {intraday:,} may be traded intraday,"
        f" as of {asked} IST"
    )


def line_of(master: Master, one: Listed) -> str:
    """Everything that trading depends on, in one line; symbol and key first."""
    if one.tick_paise is None:
        facts = []
    else:
        facts = [f"{one.series} {one.security}".strip(), f"tick {one.tick_paise / 100:.2f}"]
        facts += [f"lot {one.lot}"]
        if one.freeze_quantity is not None:
            facts.append(f"freeze {one.freeze_quantity:,}")
        facts.append("closing auction" if one.closing_auction else "no closing auction")
    reason = master.untradable(one)
    if one.margin is not None:
        facts.append(f"intraday {one.margin.percent:g} % ({one.margin.leverage:g}x)")
    elif reason is not None:
        facts.append(f"watch only: {reason.removeprefix(f'{one}: ')}")
    return f"{one.symbol:<12} {one.key:<22} {', '.join(facts)}; {one.name}"
