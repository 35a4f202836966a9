"""`screen`: options into a request, its candidates into a file and a few lines."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from backtest.candidates import identity_path, write_candidates
from backtest.files import check_writable
from backtest.screen import Screened, ScreenRequest, screen
from cli.backtest_commands import check_timeframe
from cli.config_commands import configuration
from cli.progress import progress
from cli.reading import read
from core.errors import ConfigError
from core.session import MINUTE_NS, day_text
from daemon.config import Configuration
from providers.dataset import DataOptions
from strategies.screeners import Screener, of_settings, of_strategy

MAX_WORKERS = 256
MOST_REASONS = 8


def screen_bars(
    strategy: str | None,
    data: Sequence[Path],
    options: DataOptions,
    config: Path | None,
    sets: Sequence[str] | None,
    span: tuple[int | None, int | None],
    out: Path,
    workers: int | None,
) -> None:
    """Screen, write the candidates, say how many there are and why."""
    if workers is not None and not 1 <= workers <= MAX_WORKERS:
        raise ConfigError(f"--workers {workers} is not 1 to {MAX_WORKERS}")
    if out.is_dir():
        raise ConfigError(f"--out {out} is a folder: candidates are one file")
    check_writable(out.parent)
    configured = configuration(config, sets, None, [strategy] if strategy else [])
    screener = _screener(strategy, configured, options.base_ns)
    request = ScreenRequest(
        screener=screener,
        dataset=read(data, options),
        risk=configured.settings.risk.for_market(options.market),
        from_day=span[0],
        to_day=span[1],
    )
    started = time.perf_counter()
    with progress("screen", len(request.dataset.instruments), "instruments") as tell:
        screened = screen(request, workers or os.cpu_count() or 1, tell)
    seconds = time.perf_counter() - started
    write_candidates(out, request, screened)
    for line in _lines(request, screened, seconds):
        print(line)
    print(f"written      {out}, {identity_path(out).name}")


def _screener(strategy: str | None, configured: Configuration, base_ns: int) -> Screener:
    """Raises ConfigError unless whole bars of the data make up its decision bars."""
    if strategy is not None:
        chosen = configured.strategies[strategy]
        check_timeframe(strategy, chosen.settings, base_ns)
        return of_strategy(strategy, chosen.settings)
    settings = configured.settings.screen
    if settings.timeframe_ns % base_ns:
        raise ConfigError(
            f"screen.decision_bar {settings.decision_bar} is not a multiple of the data's bars of"
            f" {base_ns // MINUTE_NS}m (--base)"
        )
    return of_settings(settings)


def _lines(request: ScreenRequest, screened: Screened, seconds: float) -> list[str]:
    rows = screened.rows
    reasons = rows["reason"].str.split(",").explode().value_counts(sort=True)
    told = ", ".join(f"{count} {name}" for name, count in reasons.rows()[:MOST_REASONS])
    sides = ", ".join(f"{(rows['side'] == side).sum()} {side}" for side in ("long", "short"))
    bars = len(rows.unique(["timestamp", "instrument"]))
    return [
        f"screened     {screened.bars:,} decision bars of {len(request.dataset.instruments)}"
        f" instruments, {day_text(screened.first_day)} to {day_text(screened.last_day)}",
        f"candidates   {len(rows):,}: {sides}; on {bars / screened.bars:.2%} of the bars",
        f"reasons      {told or 'none'}",
        f"time         {seconds:.2f} s",
    ]
