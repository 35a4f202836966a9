"""`data backfill`: an archive of the exchange's own candles, resumed, compared; and refusals."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.session import day_text, parse_day
from core.types import Instrument
from daemon.lock import StateLock
from providers.dataset import DataOptions, load
from providers.upstox.history import sessions_between
from sandbox.market.universe import SHARES
from stores.archive import BarArchive
from stores.market import MARKET_FILE, DuckMarketStore
from tests.cli.command import LIVELY_SET, Answer, call
from tests.sandbox.beside import sandbox_at
from tests.sandbox.markets import DAY, WORLD

RELIANCE, TCS = SHARES[0], SHARES[1]
FIRST, LAST = parse_day("2026-07-20"), parse_day("2026-08-04")
DAYS = list(sessions_between(FIRST, LAST, RELIANCE.session_class))
INSTRUMENT = Instrument(RELIANCE.key, RELIANCE.symbol, RELIANCE.session_class)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with sandbox_at() as served:
        yield served


class Filling:
    """The verb over some days into one folder."""

    def __init__(self, capfd: pytest.CaptureFixture[str], address: str, out: Path) -> None:
        self._capfd = capfd
        self._address = address
        self.out = out

    def __call__(
        self,
        *more: str,
        symbols: str = "RELIANCE,TCS",
        first: int = FIRST,
        last: int = LAST,
        into: str = "--out",
    ) -> Answer:
        return call(
            self._capfd,
            *("data", "backfill", "--api", self._address, "--symbols", symbols),
            *("--from", day_text(first), "--to", day_text(last), into, str(self.out), *more),
        )


@pytest.fixture
def fill(capfd: pytest.CaptureFixture[str], address: str, tmp_path: Path) -> Filling:
    return Filling(capfd, address, tmp_path / "archive")


def test_the_archive_is_the_candles_of_the_exchange_and_a_backtest_runs_on_it(
    fill: Filling, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    filled = fill()
    dataset = load([fill.out], DataOptions())
    tested = call(
        capfd, "backtest", "--data", str(fill.out), "--out", str(tmp_path / "out"), *LIVELY_SET
    )

    assert (0, 0) == (filled.code, tested.code), tested.err
    assert "requests     2, less than a minute" in filled.out
    assert "written      12 days" in filled.out
    for number, listing in enumerate((RELIANCE, TCS)):
        own = dataset.bars[dataset.bars["instrument"] == number]
        known = [WORLD.tape(listing, day).candles() for day in DAYS]
        for name in ("open", "high", "low", "close", "volume"):
            assert np.concatenate([getattr(one, name) for one in known]).tolist() == (
                own[name].tolist()
            )
        opens_ms = np.concatenate([one.open_ms for one in known])
        assert opens_ms.tolist() == (own["open_ns"] // 1_000_000).tolist()
    assert 0 == len(dataset.outside)


def test_only_what_is_missing_is_asked_and_other_symbols_keep_their_rows(fill: Filling) -> None:
    fill(symbols="RELIANCE", last=LAST - 4)
    archive = BarArchive(fill.out)
    before = archive.read(FIRST, LAST, [INSTRUMENT])
    dry, second, third = fill("--dry-run"), fill(), fill()

    assert "requests     2," in dry.out  # RELIANCE from its last day on, and TCS
    assert "without bars 0 days" in second.out
    assert f"bars         {2 * 360 + 11 * 375 + 360:,}" not in third.out
    assert "compared     1 days" in second.out  # the last day of RELIANCE
    assert "bars         720 on 2 days" in third.out  # the last day of both, once more
    assert before.tolist() == archive.read(FIRST, LAST - 4, [INSTRUMENT]).tolist()


def test_a_dry_run_writes_nothing(fill: Filling) -> None:
    assert 0 == fill("--dry-run").code
    assert 0 == fill("--dry-run", into="--state-dir").code
    assert not fill.out.exists()


def altered(out: Path, day: int, symbol: str, price: pl.Expr) -> None:
    """Every price of a symbol's day in the archive made another."""
    path = BarArchive(out).path(day)
    own = pl.col("symbol") == symbol
    prices = [
        pl.when(own).then(price * pl.col(name)).otherwise(pl.col(name)).alias(name)
        for name in ("open", "high", "low", "close")
    ]
    pl.read_parquet(path).with_columns(prices).write_parquet(path)


def test_the_last_day_is_compared_and_the_brokers_word_is_kept(fill: Filling) -> None:
    fill()
    whole = BarArchive(fill.out).path(LAST).read_bytes()
    first_minute = pl.col("ts").dt.minute() == 15
    altered(fill.out, LAST, "TCS", pl.when(first_minute).then(1.001).otherwise(1.0))

    again = fill()

    assert "compared     2 days held before: 6 minutes differ, 0 only here, 0 only" in again.out
    assert "difference   TCS 2026-08-04T09:15:00+05:30: open " in again.out
    assert whole == BarArchive(fill.out).path(LAST).read_bytes()


def test_prices_apart_by_a_factor_make_all_days_of_the_symbol_anew(fill: Filling) -> None:
    fill()
    whole = BarArchive(fill.out).read(FIRST, LAST, [INSTRUMENT])
    for day in DAYS:
        altered(fill.out, day, "RELIANCE", pl.lit(2.0))

    again = fill(first=LAST)

    assert "made anew    RELIANCE: prices are 0.5 times those kept" in again.out
    assert "compared     2 days" in again.out
    assert whole.tolist() == BarArchive(fill.out).read(FIRST, LAST, [INSTRUMENT]).tolist()


def test_a_state_directory_at_rest_is_filled(fill: Filling) -> None:
    filled = fill(symbols="RELIANCE", into="--state-dir")
    store = DuckMarketStore(fill.out / MARKET_FILE, [INSTRUMENT], read_only=True)
    held = store.held_days("backfill")
    bars = store.bars(0, 2**62)
    store.close()

    assert 0 == filled.code
    assert [set(DAYS)] == held
    known = np.concatenate([WORLD.tape(RELIANCE, day).candles().close for day in DAYS])
    assert known.tolist() == bars["close"].tolist()


def test_a_state_directory_in_use_is_left_alone(fill: Filling) -> None:
    with StateLock(fill.out):
        refused = fill(into="--state-dir")

    assert 5 == refused.code
    assert "already running, PID" in refused.err


@pytest.mark.parametrize(
    ("more", "code", "line"),
    [
        (["--symbols", "RELIANCF"], 2, "RELIANCF is not in the instrument master; did you mean"),
        (
            ["--from", "2021-12-31"],
            2,
            "--from 2021-12-31: the broker's minutes begin on 2022-01-01",
        ),
        (["--to", "2199-01-01"], 2, "--to 2199-01-01: the last day that is over is "),
        (["--from", "2026-08-05"], 2, "--from 2026-08-05 is after --to 2026-08-04"),
        (["--from", "yesterday"], 2, "--from: date 'yesterday' is not a calendar date"),
        (["--from", "2026-08-01", "--to", "2026-08-02"], 3, "no session from 2026-08-01 to"),
        (["--state-dir", "var"], 2, "--out DIR or --state-dir DIR, and only one of them"),
        (["--api", "http://127.0.0.1:9"], 4, "http://127.0.0.1:9: /market-quote/instruments"),
        (["--out", "/proc/nowhere"], 2, "cannot write to /proc/nowhere"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    fill: Filling, more: list[str], code: int, line: str
) -> None:
    refused = fill(*more)

    assert code == refused.code
    assert line in refused.err
    assert 1 == refused.err.count("\n")
    assert not fill.out.exists()


def test_days_of_which_the_broker_knows_nothing_are_said(fill: Filling) -> None:
    refused = fill(first=DAY, last=DAY)  # the exchange is at noon of that day

    assert 3 == refused.code
    assert "the broker has no bar of RELIANCE, TCS in these days" in refused.err
    assert not list(fill.out.rglob("*.parquet"))


def test_a_damaged_file_of_the_archive_is_named(fill: Filling) -> None:
    fill(first=LAST)
    BarArchive(fill.out).path(LAST).write_bytes(b"PAR1")

    refused = fill()

    assert 70 == refused.code
    assert "2026-08-04.parquet: cannot be read" in refused.err
