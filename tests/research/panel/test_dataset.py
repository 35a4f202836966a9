"""Frames out of files: only what was asked for is opened, and every layout gives the same rows."""

import re
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError, DataError
from core.session import MINUTE_NS
from core.types import Market
from providers.dataset import DataOptions, StampLabel
from providers.raw_bars import SourceLayout
from research.panel.dataset import DataSpec, ParquetLoader, content_hash, load_dataset

SYMBOLS = ("A", "M&M", "360ONE")
SCHEMA = {
    "symbol": pl.String(),
    "date": pl.Date(),
    "ts": pl.Datetime("ms", "Asia/Kolkata"),
    **dict.fromkeys(("open", "high", "low", "close"), pl.Float64()),
    "volume": pl.Int64(),
}


def bars() -> pl.DataFrame:
    """Two minutes a day of three shares, from 2023-12-28 to 2024-02-02."""
    first = datetime.fromisoformat("2023-12-28T09:15+05:30")
    stamps = [first + timedelta(days=d, minutes=m) for d in range(37) for m in (0, 1)]
    one = pl.DataFrame({"ts": pl.Series(stamps, dtype=pl.Datetime("us", "UTC"))})
    return pl.concat(
        one.select(symbol=pl.lit(symbol), ts="ts").with_columns(
            open=number + pl.int_range(pl.len()) / 4,
            high=number + 40.0,
            low=number + 0.0,
            close=number + 1.0,
            volume=pl.int_range(pl.len()),
        )
        for number, symbol in enumerate(SYMBOLS, 1)
    )


def write_hive(frame: pl.DataFrame, folder: Path, *keys: str) -> Path:
    told = frame.with_columns(
        year=pl.col("ts").dt.strftime("%Y"),
        month=pl.col("ts").dt.strftime("%m"),
        day=pl.col("ts").dt.strftime("%d"),
    )
    for values, part in told.group_by(keys):
        pairs = zip(keys, values, strict=True)
        below = Path(folder, *(f"{key}={value}".replace("&", "%26") for key, value in pairs))
        below.mkdir(parents=True)
        part.drop("year", "month", "day", *({"symbol"} & {*keys})).write_parquet(
            below / "x.parquet"
        )
    return folder


@pytest.fixture
def single(tmp_path: Path) -> Path:
    bars().write_parquet(tmp_path / "bars.parquet")
    return tmp_path / "bars.parquet"


def test_a_frame_has_the_schema_of_the_contract_and_is_in_order(single: Path) -> None:
    frame = load_dataset(single).collect()

    assert SCHEMA == frame.schema
    assert frame.equals(frame.sort("symbol", "ts"))
    assert date(2023, 12, 28) == frame["date"][0]
    narrow = load_dataset(single, spec=DataSpec(prices="float32")).collect_schema()
    assert {pl.Float32()} == {narrow[name] for name in ("open", "high", "low", "close")}


@pytest.mark.parametrize(
    "keys", [("symbol",), ("symbol", "year", "month"), ("year", "month", "day"), ("year",)]
)
def test_every_partitioning_gives_the_same_frame_and_hash(
    single: Path, tmp_path: Path, keys: tuple[str, ...]
) -> None:
    folder = write_hive(bars().sample(fraction=1.0, shuffle=True, seed=5), tmp_path / "hive", *keys)

    for request in (
        (("2024-01-01", "2024-01-31"), None),
        ((None, "2023-12-31"), ["M&M"]),
        ((date(2024, 1, 31), None), ["360ONE", "A"]),
        ((None, None), ["A"]),
    ):
        whole, found = load_dataset(single, *request), load_dataset(folder, *request)
        assert whole.collect().equals(found.collect())
        assert content_hash(whole) == content_hash(found)


def test_files_of_other_dates_and_symbols_are_never_opened(tmp_path: Path) -> None:
    folder = write_hive(bars(), tmp_path, "symbol", "year", "month")
    wanted = {folder / f"symbol=M%26M/year=2024/month={month}/x.parquet" for month in ("01", "02")}
    for file in set(folder.rglob("*.parquet")) - wanted:
        file.write_bytes(b"broken")

    found = load_dataset(folder, ("2024-01-01", None), ["M&M"]).collect()

    assert 33 * 2 == found.height
    with pytest.raises(DataError, match="not readable as Parquet"):
        load_dataset(folder)


def test_of_the_archive_only_the_days_asked_for_are_opened(tmp_path: Path) -> None:
    for day in (5, 6, 7):
        file = tmp_path / f"bars/year=2024/month=01/2024-01-{day:02}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        if day == 6:
            bars().filter(pl.col("ts").dt.date() == date(2024, 1, 6)).write_parquet(file)
        else:
            file.write_bytes(b"broken")

    assert 6 == load_dataset(tmp_path, ("2024-01-06", "2024-01-06")).collect().height


def test_filters_stand_in_the_plan_of_the_scan_itself(single: Path) -> None:
    plan = load_dataset(single, ("2024-01-01", "2024-01-02"), ["A"]).explain()

    [scan] = re.findall(r"Parquet SCAN.*\n(?:.*\n)*?.*SELECTION: (.*)", plan)
    assert 'col("symbol")' in scan
    assert 2 == scan.count('col("ts")')


def test_of_a_url_polars_leaves_out_the_partitions(tmp_path: Path) -> None:
    folder = write_hive(bars(), tmp_path, "symbol", "year", "month")
    (folder / "symbol=A/year=2024/month=02/x.parquet").write_bytes(b"broken")
    url = f"file://{folder}/**/*.parquet"

    days = (None, "2024-01-31")
    assert load_dataset(folder, days).collect().equals(load_dataset(url, days).collect())
    with pytest.raises(ConfigError, match="symbols: not in the data: B"):
        load_dataset(f"file://{folder}/symbol=M*/**/*.parquet", symbols=["B"])


def test_daily_files_stand_at_midnight_of_their_date(tmp_path: Path) -> None:
    daily = bars().with_columns(date=pl.col("ts").dt.date()).drop("ts").unique(["symbol", "date"])
    daily.with_columns(deliv_qty=7).write_parquet(tmp_path / "daily.parquet")

    spec = DataSpec(further=("deliv_qty",))
    frame = load_dataset(tmp_path, ("2024-01-01", "2024-01-01"), ["A"], spec).collect()
    assert {**SCHEMA, "deliv_qty": pl.Int32()} == frame.schema
    assert [(date(2024, 1, 1), "2024-01-01 00:00")] == [
        (row["date"], f"{row['ts']:%Y-%m-%d %H:%M}") for row in frame.iter_rows(named=True)
    ]


def test_labels_zones_and_names_of_columns_are_as_declared(single: Path, tmp_path: Path) -> None:
    local = pl.col("ts").dt.convert_time_zone("Asia/Kolkata").dt.replace_time_zone(None)
    other = bars().with_columns(ts=local + pl.duration(minutes=1)).rename({"ts": "time"})
    other.write_parquet(tmp_path / "other.parquet")

    layout = SourceLayout(zone="Asia/Kolkata", renamed=(("ts", "time"),))
    spec = DataSpec(options=DataOptions(label=StampLabel.END, layout=layout))
    days = ("2024-01-03", "2024-01-04")
    found = load_dataset(tmp_path / "other.parquet", days, spec=spec).collect()
    assert load_dataset(single, days).collect().equals(found)


def test_a_24x7_day_is_the_utc_date(tmp_path: Path) -> None:
    stamps = [
        datetime.fromisoformat(f"2024-01-0{d}T{h}:00+00:00") for d, h in ((1, "23"), (2, "00"))
    ]
    rows = bars().head(2).with_columns(ts=pl.Series(stamps, dtype=pl.Datetime("us", "UTC")))
    rows.write_parquet(tmp_path / "x.parquet")

    options = DataOptions(market=Market.ALWAYS_OPEN, base_ns=60 * MINUTE_NS)
    spec = DataSpec(options=options)
    found = load_dataset(tmp_path, ("2024-01-01", "2024-01-01"), spec=spec).collect()
    assert [date(2024, 1, 1)] == found["date"].to_list()
    assert "UTC" == found.schema["ts"].time_zone


@given(st.permutations(range(12)), st.integers(0, 11))
def test_the_hash_is_of_the_values_not_of_their_order(order: list[int], changed: int) -> None:
    rows = bars().head(12)
    close = pl.when(pl.int_range(pl.len()) == changed).then(9.0).otherwise("close")

    assert content_hash(rows.lazy()) == content_hash(rows[order].lazy())
    assert content_hash(rows.lazy()) != content_hash(rows.with_columns(close=close).lazy())


def test_copies_are_dropped_and_rows_that_disagree_are_named(tmp_path: Path) -> None:
    rows = bars().head(3)
    pl.concat([rows, rows.reverse()]).write_parquet(tmp_path / "x.parquet")
    assert 3 == load_dataset(tmp_path).collect().height

    pl.concat([rows, rows.head(1).with_columns(close=9.0)]).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"^A 2023-12-28 09:15: .* close 2.0 .* close 9.0"):
        load_dataset(tmp_path).collect()


def test_a_price_that_is_null_is_nan_and_a_null_volume_stays(tmp_path: Path) -> None:
    rows = bars().head(2).with_columns(close=None, volume=None)
    rows.write_parquet(tmp_path / "x.parquet")

    found = load_dataset(tmp_path).collect()
    assert found["close"].is_nan().all()
    assert 2 == found["volume"].null_count()


def test_the_loader_tells_what_it_loaded(single: Path) -> None:
    loader = ParquetLoader(single, DataSpec(vendor="exchange", as_of="2024-12-31"))
    told = loader.identity(("2024-01-01", "2024-01-02"), ["A"])

    assert {
        "vendor": "exchange",
        "as_of": "2024-12-31",
        "data_hash": content_hash(loader.load(("2024-01-01", "2024-01-02"), ["A"])),
        "rows": 4,
        "symbols": ["A"],
        "from": "2024-01-01",
        "to": "2024-01-02",
    } == told


def test_files_that_differ_a_little_are_of_one_frame(tmp_path: Path) -> None:
    bars().head(5).write_parquet(tmp_path / "a.parquet")
    other = bars()[5:9].with_columns(
        pl.col("ts").dt.convert_time_zone("Asia/Kolkata").dt.cast_time_unit("ns"),
        pl.col("open").cast(pl.Float32),
        high=40,
        volume=pl.lit(1, pl.Int32),
        vwap=1.0,
    )
    other.write_parquet(tmp_path / "b.parquet")

    found = load_dataset(tmp_path).collect()
    assert (9, SCHEMA) == (found.height, found.schema)
    assert 40.0 == found["high"][8]


def test_what_cannot_be_loaded_is_one_clear_line(single: Path, tmp_path: Path) -> None:
    hive = write_hive(bars(), tmp_path / "hive", "symbol", "year", "month")

    for source in (single, hive):
        with pytest.raises(
            ConfigError, match="symbols: not in the data: 360ON; did you mean 360ONE"
        ):
            load_dataset(source, symbols=["360ON"])
    with pytest.raises(ConfigError, match="symbols: none is named"):
        load_dataset(single, symbols=[])
    with pytest.raises(ConfigError, match="the range begins 2024-02-01, after its end 2024-01-01"):
        load_dataset(single, ("2024-02-01", "2024-01-01"))
    with pytest.raises(DataError, match=r"no row from 2025-01-01 to \.\.\."):
        load_dataset(single, ("2025-01-01", None))
    with pytest.raises(DataError, match="none of its 9 files is of the dates asked for"):
        load_dataset(hive, ("2025-01-01", None))
    with pytest.raises(DataError, match="no such file or directory"):
        load_dataset(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no column vwap; there are symbol, ts, open"):
        load_dataset(single, spec=DataSpec(further=("vwap",)))
    bars().with_columns(ts=None).cast({"ts": pl.Datetime("ms", "UTC")}).write_parquet(single)
    with pytest.raises(DataError, match="a row has no symbol or no stamp"):
        load_dataset(single).collect()
    bars().with_columns(close=pl.lit("x")).write_parquet(single)
    with pytest.raises(DataError, match="column close is String, it must be a number"):
        load_dataset(single)
    bars().with_columns(pl.col("ts").dt.replace_time_zone(None)).write_parquet(single)
    with pytest.raises(DataError, match="column ts has no time zone, declare one"):
        load_dataset(single)
    (tmp_path / "hive/symbol=A/year=2023").rename(tmp_path / "hive/symbol=A/year=20x3")
    with pytest.raises(DataError, match="the name of its partition is no date"):
        load_dataset(hive)
