"""`validate`: the daemon's own path and the backtest agree row by row, and a difference is told."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import structlog
import typer

from backtest.run import Request
from backtest.run import run as run_backtest
from cli.validate_commands import compared, validate, validate_files
from core.errors import DataError
from core.session import parse_day
from core.types import Market
from providers.dataset import DataOptions, load
from tests.datasets import LIVELY, MARKETS, generated, request_on

HOUR_NS = 3_600_000_000_000


@pytest.fixture(autouse=True)
def logging() -> Iterator[None]:
    """`validate` silences the log of its process."""
    yield
    structlog.reset_defaults()


def validated(request: Request) -> list[str]:
    lines: list[str] = []
    validate(request, lines.append)
    return lines


def assert_agrees(request: Request, lines: list[str]) -> None:
    backtest = run_backtest(request)

    assert len(backtest.signals) > 0
    assert lines[-2:] == [
        f"{name:<12} {count} of {count} rows equal to the backtest"
        for name, count in (("signals", len(backtest.signals)), ("trades", len(backtest.trades)))
    ]


def test_generated_days_agree() -> None:
    request = request_on(generated("two parts", seed=2), *LIVELY)

    assert_agrees(request, validated(request))


def test_a_span_in_the_middle_is_warmed_up_by_what_lies_before() -> None:
    days = MARKETS["week"][0]
    request = request_on(generated("week", seed=2), *LIVELY, from_day=days[2], to_day=days[3])
    lines = validated(request)

    assert lines[0] == "replayed     2 of 2 days, to 2026-07-23"
    assert_agrees(request, lines)


def test_a_span_without_a_day_is_said_to_be_empty() -> None:
    request = request_on(generated("week", seed=2), from_day=parse_day("2026-07-27"))

    with pytest.raises(DataError, match="no day of the data"):
        validated(request)


def test_a_difference_is_told_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    request = request_on(generated("two parts", seed=2), *LIVELY)
    other = run_backtest(request)
    price = pl.col("exit_price").cum_count() == 2  # of the second trade
    other.trades = other.trades.with_columns(
        exit_price=pl.when(price).then(1.5).otherwise(pl.col("exit_price"))
    )
    monkeypatch.setattr("cli.validate_commands.run_backtest", lambda _: other)
    lines: list[str] = []

    with pytest.raises(typer.Exit) as ended:
        validate(request, lines.append)
    assert ended.value.exit_code == 1
    count = len(other.trades)
    assert f"trades       {count - 1} of {count} rows equal to the backtest" in lines
    assert lines[-1].startswith("first        row 1: exit_price is ")
    assert lines[-1].endswith(", in the backtest 1.5")


@pytest.mark.parametrize(
    ("expected", "actual", "told"),
    [
        ([1, 2], [1], (1, "row 1 is only in the backtest")),
        ([1], [1, 2], (1, "row 1 is only in the daemon")),
        ([1, 2], [1, 3], (1, "row 1: a is 3, in the backtest 2")),
        ([], [], (0, "")),
    ],
)
def test_the_first_row_that_differs_is_named(
    expected: list[int], actual: list[int], told: tuple[int, str]
) -> None:
    frames = [pl.DataFrame({"a": one}, {"a": pl.Int64}) for one in (expected, actual)]

    assert compared(*frames) == told


# --- recorded days -----------------------------------------------------------------------------


def bajaj(shared: Path, first: str, last: str, *assignments: str) -> Request:
    file = shared / "data" / "nse_1m_BAJAJFINSV_2021-01_2024-06.parquet"
    dataset = load([file], DataOptions())
    return request_on(dataset, *assignments, from_day=parse_day(first), to_day=parse_day(last))


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        ("2023-11-09", "2023-11-13", 4),
        ("2024-01-19", "2024-01-20", 2),
        ("2024-03-01", "2024-03-02", 2),
    ],
    ids=["Muhurat evening", "full Saturday", "Saturday of two parts"],
)
def test_special_days_agree(shared: Path, first: str, last: str, days: int) -> None:
    request = bajaj(shared, first, last, *LIVELY)
    lines = validated(request)

    assert lines[0] == f"replayed     {days} of {days} days, to {last}"
    assert_agrees(request, lines)


@pytest.mark.slow
def test_five_months_with_three_special_days_agree(shared: Path) -> None:
    request = bajaj(shared, "2023-11-01", "2024-03-31")

    assert_agrees(request, validated(request))


def test_days_around_the_clock_agree_to_the_end_of_the_data(shared: Path) -> None:
    """Positions over midnight, the Indian date in the middle of a day, FORCED at the very end."""
    options = DataOptions(market=Market.ALWAYS_OPEN, base_ns=HOUR_NS)
    dataset = load([shared / "data" / "crypto_1h_ETHUSDT_2019-12_2025-09.parquet"], options)
    request = request_on(
        dataset,
        "timeframe=4h",
        "time_stop_bars=60",
        "tp_mult=8",
        "sl_mult=4",
        from_day=parse_day("2025-09-11"),
        to_day=parse_day("2025-09-30"),
    )
    trades = run_backtest(request).trades
    nights = trades["exit_ns"] // (24 * HOUR_NS) > trades["entry_ns"] // (24 * HOUR_NS)
    assert nights.any()
    assert "FORCED" in trades["exit_reason"]

    assert_agrees(request, validated(request))


@pytest.mark.slow
@pytest.mark.parametrize(("from_day", "days"), [(None, 5), ("2021-05-11", 3)])
def test_days_of_recorded_ticks_agree_with_the_bars_made_of_them(
    from_day: str | None, days: int, shared: Path
) -> None:
    """Duplicates, holes, two connections and a reconnect included: gaps are refused by both."""
    lines: list[str] = []
    validate_files(
        "pixity",
        [shared / "data" / "nse_ticks_2021-04_2021-05.parquet"],
        DataOptions(symbols=("RELIANCE", "SBIN")),
        None,
        ["timeframe=5m", "warmup_bars=10"],
        from_day,
        None,
        lines.append,
    )
    counts = [int(line.split()[1]) for line in lines[-2:]]

    assert lines[0].startswith(f"replayed     {days} of {days} days, to 2021-05-24")
    assert [line.partition("rows")[0].split()[1:] for line in lines[-2:]] == [
        [str(count), "of", str(count)] for count in counts
    ]
    assert min(counts) > 0
