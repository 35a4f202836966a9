"""Generated datasets without files: walks over days of any market, and requests to run on them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from backtest.run import Gear, Request
from core.session import MINUTE_NS, minute_closes, parse_day, recorded_session
from core.types import BAR, Instrument, InstrumentId, Market, Records, SessionClass
from providers.dataset import DataOptions, Dataset, data_hash, trusted
from strategies.registry import settings_of
from strategies.settings import RiskSettings, resolve
from tests.market import ALWAYS_OPEN, AUCTION, CASH, BarTuple

Kinds = Sequence[SessionClass]

WEEK = [parse_day(f"2026-07-{date}") for date in (20, 21, 22, 23, 24)]
TWO_PARTS = [parse_day(f"2024-03-{date:02}") for date in (1, 2, 4)]  # the 2nd: a drill Saturday
AUCTION_BEGINS = [parse_day(f"2026-{date}") for date in ("07-31", "08-03", "08-04")]
ROUND_THE_CLOCK = [parse_day("2026-07-24"), parse_day("2026-07-25")]

MARKETS: dict[str, tuple[list[int], tuple[SessionClass, ...]]] = {
    "week": (WEEK, (CASH,)),
    "two parts": (TWO_PARTS, (CASH, CASH)),
    "mixed auction": (AUCTION_BEGINS, (CASH, AUCTION, CASH)),
    "24x7": (ROUND_THE_CLOCK, (ALWAYS_OPEN, ALWAYS_OPEN)),
}

# Short periods, so that a few days hold many events of every kind and every rule binds.
LIVELY = (
    "timeframe=5m ema_fast=3 ema_slow=8 atr_period=4 adx_period=3 swing_period=2 reversion_k=0.6"
    " adx_limit=45 warmup_bars=10 time_stop_bars=6 cooldown_bars=2 max_daily_loss=900"
).split()


def dataset_of(
    bars: Iterable[BarTuple] | Records,
    kinds: Kinds = (CASH,),
    *,
    market: Market = Market.NSE,
    base_ns: int = MINUTE_NS,
) -> Dataset:
    """`bars` as they would have been loaded; instruments are called A, B, C."""
    rows: Records = bars if isinstance(bars, np.ndarray) else np.array(list(bars), BAR)
    rows = rows[np.lexsort((rows["instrument"], rows["open_ns"]))]
    symbols = ["ABC"[i] for i in range(len(kinds))]
    instruments = [Instrument(InstrumentId(s), s, k) for s, k in zip(symbols, kinds, strict=True)]
    loaded = trusted(instruments, rows, DataOptions(market=market, base_ns=base_ns))
    return replace(loaded, data_hash=data_hash(symbols, rows))


def generated(name: str, seed: int = 1, kept: float = 0.95) -> Dataset:
    """A walk over one of MARKETS with jumps and a few minutes without a trade."""
    days, kinds = MARKETS[name]
    random = np.random.default_rng(seed)
    pieces = []
    for i, kind in enumerate(kinds):
        price = 100.0 * (i + 1)
        for day in days:
            session = recorded_session(day, kind)
            if session is None:
                continue
            opens = minute_closes(session, MINUTE_NS) - MINUTE_NS
            steps = random.normal(0, 0.0008, (len(opens), 4))
            steps[:, 0] += (random.random(len(opens)) < 0.01) * random.normal(0, 0.01, len(opens))
            path = (price * np.exp(np.cumsum(steps))).reshape(-1, 4)
            path = (path / 0.05).round() * 0.05
            price = float(path[-1, 3])
            rows: Records = np.zeros(len(opens), BAR)
            rows["instrument"], rows["open_ns"] = i, opens
            rows["open"], rows["close"] = path[:, 0], path[:, 3]
            rows["high"], rows["low"] = path.max(axis=1), path.min(axis=1)
            rows["volume"] = random.integers(0, 5_000, len(opens))
            pieces.append(rows[random.random(len(opens)) < kept])
    market = Market.ALWAYS_OPEN if ALWAYS_OPEN in kinds else Market.NSE
    return dataset_of(np.concatenate(pieces), kinds, market=market)


def request_on(
    dataset: Dataset,
    *assignments: str,
    strategy: str = "pixity",
    gear: Gear = Gear.COMPILED,
    from_day: int | None = None,
    to_day: int | None = None,
) -> Request:
    """`strategy` on `dataset` with `key=value` assignments."""
    risk, settings = resolve(RiskSettings(), settings_of(strategy)(), assignments)
    return Request(
        strategy=strategy,
        settings=settings,
        risk=risk.for_market(dataset.options.market),
        dataset=dataset,
        gear=gear,
        from_day=from_day,
        to_day=to_day,
    )


def in_both_gears(request: Request) -> list[Request]:
    return [replace(request, gear=gear) for gear in (Gear.EVENT, Gear.COMPILED)]
