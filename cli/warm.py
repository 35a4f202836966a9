"""Compile every kernel ahead, so that nobody waits for it at 09:10: `python -m cli.warm`.

Plays a generated day through the daemon and backtests its history in both gears, in a folder that
is thrown away. `make setup` runs it once; afterwards a start finds everything in the cache. One
that does not, because the sources are newer, has it done first: a loop that stands still for half
a minute in the first bar of a day is ended by the watchdog.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from cli import kernel_cache

MUHURAT = "2025-10-21"  # 13:45 to 14:45
TRADING = (
    f"feed.day={MUHURAT} symbols=RELIANCE history_sessions=4 timeframe=5m ema_fast=3 ema_slow=8"
    " atr_period=4 adx_period=3 swing_period=2 reversion_k=0.6 adx_limit=45 warmup_bars=10"
    " time_stop_bars=6 cooldown_bars=2"
).split()


def main() -> None:
    """Say how long it took."""
    folder = kernel_cache.prepare()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="tradingd-warm-") as directory:
        play(Path(directory))
    if folder:
        (folder / kernel_cache.WHOLE).touch()
    seconds = time.perf_counter() - started
    print(f"kernels ready in {seconds:.1f} s" + ("" if folder else " (not cached: no folder)"))


def ahead(
    tell: Callable[[str], None],
    environ: Mapping[str, str] = os.environ,
    command: tuple[str, ...] = (sys.executable, "-m", "cli.warm"),
) -> None:
    """Fill a cache that lacks kernels, by a process that knows nothing of the user's settings.

    Without a folder for it nothing is gained, and a failure costs only time: the day compiles.
    """
    if kernel_cache.is_whole(environ) is not False:
        return
    tell("kernels      compiled once for this version, half a minute")
    neutral = {name: value for name, value in environ.items() if not name.startswith("TRADINGD_")}
    path = [str(kernel_cache.ROOT), environ.get("PYTHONPATH", "")]
    neutral["PYTHONPATH"] = os.pathsep.join(one for one in path if one)
    with tempfile.TemporaryDirectory(prefix="tradingd-warm-") as directory:
        done = subprocess.run(command, cwd=directory, env=neutral, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        tell(f"kernels      not compiled ahead: {last}")


def play(directory: Path) -> None:
    """One day and its history through everything that is compiled."""
    from backtest.run import Gear, Request, run
    from cli.config_commands import configuration
    from cli.run_commands import plan_of
    from cli.run_sources import Opened, synthetic_source
    from core.session import parse_day
    from daemon import telemetry
    from daemon.bootstrap import Daemon
    from daemon.clocks import VirtualClock
    from daemon.sources import FIRST_GENERATED_DAY, chosen_instruments
    from providers.dataset import DataOptions, trusted
    from providers.synthetic import SyntheticFeed
    from strategies.registry import KERNELS, needs_event_gear, settings_of

    telemetry.configure("error")
    live_kernels()
    day = parse_day(FIRST_GENERATED_DAY)
    configured = configuration(None, None, {"feed": {"speed": "max"}})
    plan = plan_of(configured, Opened(synthetic_source(configured)))

    async def one_day() -> None:
        daemon = Daemon(plan, directory)
        await daemon.open()
        await daemon.play(day)
        await daemon.close()

    asyncio.run(one_day())
    asyncio.run(told_day(directory / "told"))
    instruments = chosen_instruments(())
    bars = SyntheticFeed(1, day, VirtualClock(0)).history(instruments, 5)
    dataset = trusted(instruments, bars, DataOptions())
    for name in (*KERNELS, "fusion"):
        settings = settings_of(name)()
        for gear in [Gear.EVENT] if needs_event_gear(name) else Gear:
            run(
                Request(
                    strategy=name, settings=settings, risk=plan.risk, dataset=dataset, gear=gear
                )
            )


async def told_day(directory: Path) -> None:
    """An hour whose fills are told, by the local exchange in this process and nobody else: those
    kernels are met at the first order of a live day. It trades once, in parts, to its stop."""
    from cli.config_commands import configuration
    from cli.run_commands import plan_of
    from cli.run_sources import opening_of
    from core.session import parse_day
    from daemon.bootstrap import Daemon

    feed = {"kind": "sandbox", "speed": "max"}
    configured = configuration(None, TRADING, {"mode": "live", "feed": feed})
    async with opening_of(configured, lambda token: None) as opened:
        daemon = Daemon(plan_of(configured, opened), directory)
        await daemon.open()
        await daemon.play(parse_day(MUHURAT))
        await daemon.close()


def live_kernels() -> None:
    """Those that a generated day does not need: of a feed that goes on by itself."""
    import numpy as np

    from core.doubts import Silence
    from core.types import TICK
    from providers.upstox.wire import FrameDecoder
    from strategies.forest import DTYPES, Forest, Judge
    from strategies.pixity import SPEC

    decoder = FrameDecoder(["NSE_EQ|X"])
    decoder.unheard.clear()  # as once it was told
    decoder.decode(b"", 0)
    Silence(1).frame(0, np.zeros(1, TICK))
    nothing = Forest(**{name: np.zeros(1, dtype) for name, dtype in DTYPES.items()})
    Judge(nothing, 0.5, 0.5).judge(np.zeros(1, SPEC.signal))


if __name__ == "__main__":
    main()
