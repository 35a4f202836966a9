"""CSV in: what is accepted, and that each mischief is refused by its row number and reason."""

import gzip
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError, DataError
from providers import csv_bars
from providers.csv_bars import BLOCK_BYTES, MAX_FILE_BYTES, MAX_LINE_BYTES, read_csv
from providers.raw_bars import RawBars, SourceLayout

HEADER = "symbol,ts,open,high,low,close,volume"
TIME = "2026-07-22T09:15:00+05:30"
TIME_NS = 1_784_691_900 * 10**9
ROW = f"INFY,{TIME},100,102.5,99.05,101,1200"
AS_NAMED = SourceLayout()


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "bars.csv"


def read(csv: Path, content: str | bytes, layout: SourceLayout = AS_NAMED) -> RawBars:
    csv.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_csv(csv, None, layout)


def lines(*rows: str) -> str:
    return "".join(f"{row}\n" for row in (HEADER, *rows))


def test_plain_file_is_read_as_written(csv: Path) -> None:
    bars = read(csv, lines(ROW))

    assert bars.symbol.to_list() == ["INFY"]
    assert bars.stamp_ns.tolist() == [TIME_NS]
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (100.0, 102.5, 99.05, 101.0)
    assert bars.volume.tolist() == [1200]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + lines(ROW).encode(),
        lines(ROW).replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + lines(ROW).replace("\n", "\r\n").encode(),
        lines(",".join(f'"{field}"' for field in ROW.split(","))).encode(),
    ],
    ids=["bom", "crlf", "bom and crlf", "whole fields quoted"],
)
def test_bom_crlf_and_quoted_fields_change_nothing(csv: Path, content: bytes) -> None:
    expected = read(csv, lines(ROW))
    bars = read(csv, content)

    assert bars.values(0) == expected.values(0)
    assert bars.where(0) == expected.where(0)


def test_columns_may_stand_in_any_order_among_others(csv: Path) -> None:
    bars = read(csv, f"note,volume,close,low,high,open,ts,symbol\nx,7,3,1,4,2,{TIME},INFY\n")

    assert bars.values(0) == "open 2 high 4 low 1 close 3 volume 7"


def test_declared_names_stand_for_ours(csv: Path) -> None:
    layout = SourceLayout(renamed=(("symbol", "ticker"), ("open", "o")))
    bars = read(csv, lines(ROW).replace("symbol", "ticker").replace("open", "o"), layout)

    assert bars.open.tolist() == [100.0]


def test_a_declared_name_of_an_unknown_column_is_a_usage_error() -> None:
    with pytest.raises(ConfigError, match="'opening' is none of symbol, ts"):
        SourceLayout(renamed=(("opening", "o"),))


@pytest.mark.parametrize(
    "time",
    [
        "2026-07-22T09:15:00+05:30",
        "2026-07-22 09:15:00+0530",
        "2026-07-22T03:45Z",
        "2026-07-22T03:45:00.000Z",
        "2026-07-21T23:45:00-04:00",
    ],
)
def test_one_instant_may_be_written_with_any_offset(csv: Path, time: str) -> None:
    assert read(csv, lines(ROW.replace(TIME, time))).stamp_ns.tolist() == [TIME_NS]


def test_naive_times_take_the_declared_zone(csv: Path) -> None:
    naive = lines(ROW.replace("+05:30", ""))

    assert read(csv, naive, SourceLayout(zone="Asia/Kolkata")).stamp_ns.tolist() == [TIME_NS]


def test_an_hour_that_a_zone_skips_or_repeats_is_refused(csv: Path) -> None:
    for time in ("2026-03-29T02:30:00", "2026-10-25T02:30:00"):
        with pytest.raises(DataError, match=r"row 2.*not a time that exists"):
            read(csv, lines(ROW.replace(TIME, time)), SourceLayout(zone="Europe/Berlin"))


def test_an_unknown_zone_is_a_usage_error() -> None:
    with pytest.raises(ConfigError, match="'Mars/Base' is not in the time zone database"):
        SourceLayout(zone="Mars/Base")


def test_an_empty_volume_is_null_and_counted(csv: Path) -> None:
    bars = read(csv, lines(ROW.replace("1200", ""), ROW.replace("1200", "12.0")))

    assert bars.volume.tolist() == [0, 12]
    assert bars.null_volumes == 1


FIELDS = {
    "naive time": (TIME, "2026-07-22T09:15:00", "has no offset"),
    "day first": (TIME, "22-07-2026 09:15", "not ISO-8601"),
    "day first with slashes": (TIME, "22/07/2026 09:15:00+05:30", "not ISO-8601"),
    "epoch seconds": (TIME, "1784691900", "epoch"),
    "epoch milliseconds": (TIME, "1784691900000", "epoch"),
    "seconds read as milliseconds": (TIME, "1970-01-21T15:44:51+05:30", "years 1990 to 2100"),
    "year 9999": (TIME, "9999-12-31T00:00:00Z", "years 1990 to 2100"),
    "month 13": (TIME, "2026-13-22T09:15:00+05:30", "not a time that exists"),
    "30 February": (TIME, "2026-02-30T09:15:00+05:30", "not a time that exists"),
    "hour 24": (TIME, "2026-07-22T24:15:00+05:30", "not a time that exists"),
    "offset 99": (TIME, "2026-07-22T09:15:00+99:00", "not a time that exists"),
    "time missing": (TIME, "", "not ISO-8601"),
    "other digits": ("99.05", "99.0٥", "not a plain decimal"),
    "price missing": ("102.5", "", "high '' is missing"),
    "price NaN": ("102.5", "NaN", "not a finite number"),
    "price infinite": ("102.5", "inf", "not a finite number"),
    "price 1e999999": ("102.5", "1e999999", "scientific notation"),
    "scientific": ("102.5", "1.025e2", "scientific notation"),
    "thousand blank": ("102.5", "1 025", "thousand separators"),
    "hexadecimal": ("102.5", "0x66", "not a plain decimal"),
    "leading blank": ("102.5", " 102.5", "not a plain decimal"),
    "zero price": ("99.05", "0", "low 0 is not positive"),
    "negative price": ("99.05", "-99.05", "low -99.05 is not positive"),
    "high below low": ("102.5", "98", "high 98 is below low 99.05"),
    "open above high": (",100,", ",103,", "open 103 is outside"),
    "close below low": (",101,", ",99,", "close 99 is outside"),
    "volume negative": ("1200", "-5", "'-5' is negative"),
    "volume fractional": ("1200", "12.5", "not a whole number"),
    "volume NaN": ("1200", "nan", "not a finite number"),
    "volume huge": ("1200", "9" * 25, "not a plain decimal"),
    "thousand comma": ("1200", "1,200", "8 fields, the header has 7"),
    "quoted thousand comma": ("1200", '"1,200"', "comma or line end inside quotes"),
    "quote inside": ("INFY", 'IN"FY', "quote inside a field"),
    "open quote": ("INFY", '"INFY', "quote inside a field"),
    "field missing": (",101,", ",", "6 fields, the header has 7"),
    "no symbol": ("INFY", "", "symbol is empty"),
    "NUL byte": ("INFY", "IN\0FY", "NUL byte"),
    "lone CR": ("INFY", "IN\rFY", "carriage return"),
}


@pytest.mark.parametrize(("old", "new", "reason"), FIELDS.values(), ids=FIELDS)
def test_bad_row_is_refused_with_file_row_number_and_reason(
    csv: Path, old: str, new: str, reason: str
) -> None:
    good = ROW.replace("09:15", "09:14")

    with pytest.raises(DataError) as refused:
        read(csv, lines(good, good, ROW.replace(old, new), ROW))

    assert f"{csv} row 4: " in str(refused.value)
    assert reason in str(refused.value)


def test_latin1_bytes_are_refused_by_row(csv: Path) -> None:
    with pytest.raises(DataError, match="row 3: not UTF-8"):
        read(csv, lines(ROW).encode() + ROW.replace("INFY", "CAFÉ").encode("latin-1") + b"\n")


def test_first_bad_row_is_named_also_when_it_is_bad_in_another_way(csv: Path) -> None:
    with pytest.raises(DataError, match=r"row 3: .*volume"):
        read(csv, lines(ROW, ROW.replace("1200", "x"), ROW.replace("102.5", "x")))


HEADERS = {
    "column missing": ("symbol,ts,open,high,low,close\n", "no column volume"),
    "no header": (f"{ROW}\n", "no column symbol, ts, open"),
    "semicolons": (lines(ROW).replace(",", ";"), "separated by ';'"),
    "tabs": (lines(ROW).replace(",", "\t"), r"separated by '\\t'"),
    "column twice": (f"{HEADER},open\n", "column open twice"),
}


@pytest.mark.parametrize(("content", "reason"), HEADERS.values(), ids=HEADERS)
def test_bad_header_is_refused_as_row_1(csv: Path, content: str, reason: str) -> None:
    with pytest.raises(DataError, match=f"row 1: .*{reason}"):
        read(csv, content)


def test_empty_file_and_header_only_are_refused(csv: Path) -> None:
    with pytest.raises(DataError, match="is empty"):
        read(csv, "")
    with pytest.raises(DataError, match="no rows"):
        read(csv, HEADER + "\n")


@pytest.mark.parametrize("cut", [1, 3, 8, 30])
def test_last_line_cut_anywhere_is_refused(csv: Path, cut: int) -> None:
    with pytest.raises(DataError, match=r"row 3: .*cut off"):
        read(csv, lines(ROW, ROW)[:-cut])


@pytest.mark.parametrize("ending", [b"\n", b""])
def test_over_long_line_is_refused(csv: Path, ending: bytes) -> None:
    with pytest.raises(DataError, match=f"row 3: a line of over {MAX_LINE_BYTES} bytes"):
        read(csv, lines(ROW).encode() + b"x" * (MAX_LINE_BYTES + 1) + ending)


def test_giant_line_is_refused_within_bounded_memory(csv: Path) -> None:
    csv.write_bytes(lines(ROW).encode())
    with csv.open("r+b") as file:
        file.truncate(1 << 30)  # a sparse file: one line of a gigabyte

    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="row 3: a line of over"):
            read_csv(csv, None, AS_NAMED)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 8 * BLOCK_BYTES


def test_file_over_the_limit_is_refused_unread(csv: Path) -> None:
    with csv.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)

    with pytest.raises(DataError, match=f"over the limit of {MAX_FILE_BYTES}"):
        read_csv(csv, None, AS_NAMED)


def test_compressed_and_wide_files_are_refused_by_their_kind(csv: Path, tmp_path: Path) -> None:
    archive = tmp_path / "bars.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("bars.csv", lines(ROW))

    with pytest.raises(DataError, match="gzip"):
        read(csv, gzip.compress(lines(ROW).encode()))
    with pytest.raises(DataError, match="zip"):
        read(csv, archive.read_bytes())
    with pytest.raises(DataError, match="UTF-16"):
        read(csv, lines(ROW).encode("utf-16"))


def test_only_chosen_symbols_are_judged_and_all_are_known(csv: Path) -> None:
    csv.write_text(lines("BAD,yesterday,x,x,x,x,x", ROW))

    bars = read_csv(csv, ["INFY"], AS_NAMED)

    assert bars.symbol.to_list() == ["INFY"]
    assert bars.symbols == {"BAD", "INFY"}
    assert bars.where(0).startswith(f"{csv} row 3: ")


def test_blocks_of_any_size_give_the_same_rows_and_numbers(
    csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [ROW.replace("1200", str(1000 + number)) for number in range(200)]
    expected = read(csv, lines(*rows))
    for size in (1, 7, 64, 1000):
        monkeypatch.setattr(csv_bars, "BLOCK_BYTES", size)
        bars = read_csv(csv, None, AS_NAMED)

        assert np.array_equal(bars.volume, expected.volume)
        assert np.array_equal(bars.row, np.arange(2, 202))
