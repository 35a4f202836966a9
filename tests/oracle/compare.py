"""Says in words where two lists of signals or trades differ.

It decides what counts as equal: integers and strings exactly, prices and excursions to 1e-6,
other floats to 1e-9 relative. Run as a program it plays the expected folders through the oracle.
"""

import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import cast

import polars as pl

from tests.oracle.pixity_oracle import load, run

Value = str | int | float | None
Record = Mapping[str, Value]

SIGNAL_COLUMNS = (
    "strategy instrument kind side bar_open_ns bar_close_ns close atr vwap status refusal"
).split()
TRADE_COLUMNS = (
    "strategy instrument side quantity kind signal_bar_open_ns entry_ns entry_price exit_ns"
    " exit_price exit_reason bars_held gross_paise fees_paise net_paise r mae mfe"
).split()
PRICES = frozenset({"entry_price", "exit_price", "mae", "mfe"})


def differences(
    expected: Sequence[Record],
    actual: Sequence[Record],
    columns: Sequence[str],
    *,
    prices: frozenset[str] = PRICES,
    limit: int = 5,
) -> list[str]:
    """One line for each of the first `limit` rows that differ; empty where all agree.

    `prices` are compared to 1e-6 absolute. A missing float (None) equals a NaN.
    """
    lines = list(_row_differences(expected, actual, columns, prices))
    if len(lines) > limit:
        lines[limit:] = [f"... and {len(lines) - limit} rows more"]
    if len(expected) != len(actual):
        lines.insert(0, f"{len(expected)} rows expected, {len(actual)} found")
    return lines


def _row_differences(
    expected: Sequence[Record],
    actual: Sequence[Record],
    columns: Sequence[str],
    prices: frozenset[str],
) -> Iterator[str]:
    for number, (want, got) in enumerate(zip_longest(expected, actual)):
        if want is None or got is None:
            row = {column: (want or got or {}).get(column) for column in columns}
            yield f"row {number} is {'surplus' if want is None else 'missing'}: {row}"
            continue
        wrong = [
            f"{column} expected {want[column]!r}, found {got[column]!r}"
            for column in columns
            if not _equal(want[column], got[column], is_price=column in prices)
        ]
        if wrong:
            yield f"row {number} ({_title(want)}): {'; '.join(wrong)}"


def _equal(want: Value, got: Value, *, is_price: bool) -> bool:
    if _is_nothing(want) or _is_nothing(got):
        return _is_nothing(want) and _is_nothing(got)
    if isinstance(want, float) and isinstance(got, float):
        if is_price:
            return math.isclose(want, got, rel_tol=0.0, abs_tol=1e-6)
        return math.isclose(want, got, rel_tol=1e-9, abs_tol=1e-12)
    return type(want) is type(got) and want == got


def _is_nothing(value: Value) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _title(row: Record) -> str:
    names = ("instrument", "kind", "side", "bar_close_ns", "entry_ns")
    return " ".join(str(row[name]) for name in names if name in row)


# ------------------------------------------------------------------ the expected folders

EXPECTED: dict[str, tuple[str, dict[str, object]]] = {
    "bajajfinsv-2021": ("nse_1m_BAJAJFINSV_2021-01_2024-06", {}),
    "bajajfinsv-2021-variant": (
        "nse_1m_BAJAJFINSV_2021-01_2024-06",
        {
            "timeframe": "5m",
            "ema_fast": 9,
            "ema_slow": 21,
            "swing_period": 3,
            "adx_limit": 30,
            "sl_mult": 1.5,
            "tp_mult": 2.5,
            "time_stop_bars": 20,
            "cooldown_bars": 5,
            "max_daily_loss": 1500,
            "max_entries_per_day": 3,
        },
    ),
    "eq-2026": ("nse_1m_eq_2026-07_2026-08", {}),
    "eq-2026-no-auction": ("nse_1m_eq_2026-07_2026-08", {"closing_auction": "none"}),
    "eq-2014": ("nse_1m_eq_2014-12_2015-10_endlabel_raworder", {"label": "end"}),
    "wide-2016": ("nse_1m_wide_2016-08_2016-09", {}),
    "wide-2016-deep": (
        "nse_1m_wide_2016-08_2016-09",
        {
            "initial_cash": 100_000_000,
            "max_capital": 100_000_000,
            "max_entries_per_day": 1000,
            "max_daily_loss": 10_000_000,
        },
    ),
    "index-2021": ("nse_1m_index_2021-01_2022-06_endlabel", {"label": "end"}),
    "index-2024": ("nse_1m_index_2024-01_2024-03", {}),
    "ethusdt-1h": (
        "crypto_1h_ETHUSDT_2019-12_2025-09",
        {"session": "24x7", "base_minutes": 60, "timeframe": "1h"},
    ),
}
"""Folder -> data file and options, as the README beside the folders lists them."""


def expected_differences(folder: str, shared: Path) -> list[str]:
    """Where the oracle differs from `shared`/expected/`folder`."""
    name, stated = EXPECTED[folder]
    options = dict(stated)
    label = str(options.pop("label", "open"))
    base_minutes = cast(int, options.get("base_minutes", 1))
    rows = load(shared / "data" / f"{name}.parquet", label=label, base_minutes=base_minutes)
    result = run(rows, symbols=sorted(rows, key=str.encode), **options)  # type: ignore[arg-type]
    wanted = {
        file: pl.read_parquet(shared / "expected" / folder / f"{file}.parquet").to_dicts()
        for file in ("signals", "trades")
    }
    return [
        f"{file}: {line}"
        for file, own, columns in (
            ("signals", result.signals, SIGNAL_COLUMNS),
            ("trades", result.trades, TRADE_COLUMNS),
        )
        for line in differences(wanted[file], own, columns)
    ]


if __name__ == "__main__":
    agreed = 0
    for chosen in sys.argv[2:] or EXPECTED:
        began = time.perf_counter()
        found = expected_differences(chosen, Path(sys.argv[1]))
        agreed += not found
        print(f"{chosen}: {len(found)} differences, {time.perf_counter() - began:.1f} s")
        print("\n".join(found))
    print(f"{agreed} folders agree")
