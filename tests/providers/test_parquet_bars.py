"""Parquet in: any zone, unit and partition is read, what cannot be true is refused by its row."""

import base64
import re
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from core.errors import DataError
from providers.dataset import DataOptions, load
from providers.raw_bars import SourceLayout
from tests.providers.bar_files import Save, bar, frame, ns

DEFAULTS = DataOptions()


@pytest.mark.parametrize("zone", ["+05:30", "IST"])
def test_zone_that_the_reader_does_not_know_is_read(save: Save, zone: str) -> None:
    path = save([bar("09:15"), bar("09:16")])
    expected = load([path], DEFAULTS)
    with_zone_name(path, zone)

    data = load([path], DEFAULTS)

    assert data.data_hash == expected.data_hash


def with_zone_name(path: Path, zone: str) -> None:
    """Write `zone` over the zone name in the file's Arrow schema, as other writers put it."""
    content = path.read_bytes()
    hint = re.findall(rb"[A-Za-z0-9+/]{80,}=*", content[content.index(b"ARROW:schema") :])[0]
    schema = bytearray(base64.b64decode(hint))
    at = schema.index(b"Asia/Kolkata")
    schema[at - 4 : at] = len(zone).to_bytes(4, "little")
    schema[at : at + 12] = zone.encode().ljust(12, b"\0")
    path.write_bytes(content.replace(hint, base64.b64encode(schema)))
    assert len(path.read_bytes()) == len(content)


def test_times_without_a_zone_are_refused_unless_one_is_declared(save: Save) -> None:
    naive = pl.col("ts").dt.replace_time_zone(None)
    expected = load([save([bar("09:15")])], DEFAULTS)
    path = save(frame([bar("09:15")]).with_columns(naive), "naive.parquet")
    declared = DataOptions(layout=SourceLayout(zone="Asia/Kolkata"))

    with pytest.raises(DataError, match="ts has no time zone"):
        load([path], DEFAULTS)
    assert load([path], declared).data_hash == expected.data_hash


def test_directory_of_partitions_is_one_set(save: Save, tmp_path: Path) -> None:
    rows = [bar("09:15", "A"), bar("09:15", "20MICRONS"), bar("09:15", "007")]
    expected = load([save(rows, "all/bars.parquet")], DEFAULTS)
    for row in rows:
        save(frame([row]).drop("symbol"), f"hive/symbol={row[0]}/year=2026/bars.parquet")
        save(frame([row]), f"days/year=2026/month=07/{row[0]}.parquet")

    for folder in ("hive", "days"):
        data = load([tmp_path / folder], DEFAULTS)

        assert data.data_hash == expected.data_hash
        assert data.instruments == expected.instruments


def test_null_volume_is_zero_and_counted(save: Save) -> None:
    path = save([bar("09:15", volume=None), bar("09:16", volume=0)])
    untyped = save(frame([bar("09:15")]).with_columns(volume=pl.lit(None)), "untyped.parquet")

    data = load([path], DEFAULTS)

    assert data.bars["volume"].tolist() == [0, 0]
    assert data.counts.null_volumes == 1
    assert load([untyped], DEFAULTS).bars["volume"].tolist() == [0]


NAN = float("nan")


BAD_VALUES: dict[str, tuple[dict[str, object], str]] = {
    "NaN": ({"high": NAN}, "high nan is missing or not finite"),
    "null": ({"close": None}, "close nan is missing or not finite"),
    "infinite": ({"high": float("inf")}, "high inf is missing or not finite"),
    "zero": ({"low": 0.0}, "low 0 is not positive"),
    "negative": ({"open": -100.0}, "open -100 is not positive"),
    "high below low": ({"high": 98.0}, "high 98 is below low 99"),
    "open outside": ({"open": 102.0}, "open 102 is outside low 99 to high 101"),
    "close outside": ({"close": 98.5}, "close 98.5 is outside low 99 to high 101"),
    "volume negative": ({"volume": -1}, "volume -1 is negative"),
    "volume fractional": ({"volume": 1.5}, "volume 1.5 is not a whole number"),
    "volume NaN": ({"volume": NAN}, "volume nan is not a whole number"),
    "volume infinite": ({"volume": float("inf")}, "volume inf is not a whole number"),
    "symbol empty": ({"symbol": ""}, "the symbol is empty"),
    "symbol null": ({"symbol": None}, "the symbol is empty"),
}


@pytest.mark.parametrize(("change", "reason"), BAD_VALUES.values(), ids=BAD_VALUES)
def test_bad_value_is_refused_with_file_row_and_reason(
    save: Save, change: dict[str, object], reason: str
) -> None:
    good = frame([bar("09:15"), bar("09:17")])
    bad = frame([bar("09:16")]).with_columns(**{name: pl.lit(v) for name, v in change.items()})
    path = save(pl.concat([good, bad], how="vertical_relaxed"))

    with pytest.raises(DataError, match=re.escape(reason)) as refused:
        load([path], DEFAULTS)

    assert str(refused.value).startswith(f"{path} row 3: ")


def test_row_number_is_that_of_the_file_also_when_symbols_are_chosen(save: Save) -> None:
    good = save([bar("09:15", "A")], "1.parquet")
    bad = ("B", ns("09:16"), -1.0, 1.0, 1.0, 1.0, 1)
    path = save([bar("09:15", "A"), bar("09:15", "B"), bad], "2.parquet")

    with pytest.raises(DataError, match=r"2\.parquet row 3: B"):
        load([good, path], DataOptions(symbols=("B",)))


def test_only_the_chosen_symbols_are_judged(save: Save) -> None:
    bad = ("BAD", ns("09:16") + 1, -1.0, 1.0, 1.0, 1.0, -1)

    data = load([save([bad, bar("09:15")])], DataOptions(symbols=("INFY",)))

    assert data.counts.rows == 1


@pytest.mark.parametrize("year", [1970, 1989, 2101, 9999])
def test_implausible_years_are_refused(save: Save, year: int) -> None:
    rows = frame([bar("09:15")], unit="us")
    stamp = pl.lit(datetime(year, 7, 1, 4, tzinfo=UTC)).dt.convert_time_zone("Asia/Kolkata")

    with pytest.raises(DataError, match=f"row 1: INFY: time {year}-07.* is not in the years"):
        load([save(rows.with_columns(ts=stamp))], DEFAULTS)


def test_a_time_that_is_null_is_refused(save: Save) -> None:
    rows = frame([bar("09:15"), bar("09:16")])
    missing = pl.when(pl.int_range(pl.len()) == 0).then("ts")

    with pytest.raises(DataError, match="row 2: INFY: time is missing"):
        load([save(rows.with_columns(ts=missing))], DEFAULTS)


def test_columns_of_the_wrong_kind_or_absent_are_named(save: Save) -> None:
    rows = frame([bar("09:15")])
    wrong = {
        "no column volume": rows.drop("volume"),
        "no column symbol, ts": rows.drop("symbol", "ts"),
        "column ts is Int64": rows.with_columns(pl.col("ts").to_physical()),
        "column open is String": rows.with_columns(open=pl.lit("100")),
        "column symbol is Int32": rows.with_columns(symbol=pl.lit(7)),
    }
    for reason, content in wrong.items():
        with pytest.raises(DataError, match=reason):
            load([save(content)], DEFAULTS)


def test_only_the_seven_columns_are_read(save: Save) -> None:
    extra = pl.lit("x").alias("open_interest"), pl.lit(None).alias("row")
    expected = load([save([bar("09:15")])], DEFAULTS)

    data = load([save(frame([bar("09:15")]).with_columns(extra), "more.parquet")], DEFAULTS)

    assert data.data_hash == expected.data_hash


def test_damaged_pages_and_footers_are_bad_data(save: Save, tmp_path: Path) -> None:
    path = save([bar("09:15"), bar("09:16")])
    content = path.read_bytes()
    hint = content.index(b"/////")  # the Arrow schema
    damages = {
        "page": (content[:20] + b"\xff" * 40 + content[60:], "bars.parquet.*: cannot be read"),
        "footer": (content[:-60] + b"\xff" * 40 + content[-20:], "not a readable Parquet file"),
    }
    for damaged, reason in damages.values():
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=reason):
            load([path], DEFAULTS)

    path.write_bytes(content[:hint] + b"!" + content[hint + 1 :])
    assert len(load([path], DEFAULTS).bars) == 2  # without its hint a file is whole
