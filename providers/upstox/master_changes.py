"""What is different between two days' lists, for the instruments somebody has configured."""

from collections.abc import Iterator, Sequence

from core.errors import ConfigError
from providers.upstox.instruments import Listed, Master


def changes(before: Master, after: Master, configured: Sequence[str]) -> list[str]:
    """One line for each thing that has changed, in configured order."""
    lines = []
    for written in configured:
        old, new = _meant(before, written), _meant(after, written)
        if new is not None:
            lines += [f"{new}: {what}" for what in _differences(old, new)]
        elif old is not None:
            lines.append(f"{old}: not in the instrument master any more")
    return lines


def _differences(old: Listed | None, new: Listed) -> Iterator[str]:
    if old is None:
        yield "new in the instrument master"
        return
    before, after = _facts(old), _facts(new)
    for name, value in after.items():
        if before[name] != value:
            yield f"{name} {before[name]} -> {value}"


def _facts(one: Listed) -> dict[str, object]:
    """What trading depends on. How large the margin is belongs to the broker's daily business."""
    return {
        "key": one.key,
        "symbol": one.symbol,
        "series": one.series,
        "security type": one.security,
        "tick, paise": one.tick_paise,
        "lot": one.lot,
        "freeze quantity": one.freeze_quantity,
        "closing auction": "yes" if one.closing_auction else "no",
        "intraday": "no" if one.margin is None else "yes",
    }


def _meant(master: Master, written: str) -> Listed | None:
    try:
        return master.resolve([written]).listed[0]
    except ConfigError:  # not in this day's list, or not so that it can be told which
        return None
