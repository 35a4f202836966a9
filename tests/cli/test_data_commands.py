"""`data import | verify | list | export`: out comes what went in, and nothing on an error."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from cli.data_commands import export_bars, import_bars, layout_of, list_bars, verify_bars
from core.errors import ConfigError, DataError
from core.session import MINUTE_NS, parse_day
from providers.dataset import DataOptions, Market, StampLabel, load

SHARED = Path(__file__).parents[3] / "shared" / "data"
DEFAULTS = DataOptions()
HEADER = "symbol,ts,open,high,low,close,volume"
DAYS = ("2026-07-22", "2026-07-23")


def row(day: str, clock: str, symbol: str = "INFY", volume: str = "10") -> str:
    return f"{symbol},{day}T{clock}:00+05:30,100.05,101.1,99,100.5,{volume}"


ROWS = [
    row(day, clock, name) for day in DAYS for clock in ("09:15", "15:29") for name in ("B", "A")
]
OUTSIDE = [row("2026-07-22", "15:35", "A"), row("2026-07-25", "10:00", "A")]  # a Saturday


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return csv(tmp_path / "data.csv", [*ROWS, *OUTSIDE, ROWS[0]])


def csv(path: Path, rows: Sequence[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in (HEADER, *rows)))
    return path


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


# --- import ------------------------------------------------------------------------------------


def test_import_reports_then_writes_a_day_a_file_that_reads_the_same(
    data: Path, tmp_path: Path, told: list[str]
) -> None:
    out = tmp_path / "archive"
    before_writing: list[bool] = []

    def tell(line: str) -> None:
        told.append(line)
        before_writing.append(not out.exists())

    import_bars([data], out, DEFAULTS, tell)
    expected, imported = load([data], DEFAULTS), load([out], DEFAULTS)

    assert files(out) == [f"bars/year=2026/month=07/{day}.parquet" for day in (*DAYS, "2026-07-25")]
    assert imported.data_hash == expected.data_hash
    assert imported.counts.outside_session == expected.counts.outside_session == 2
    assert before_writing[:-1] == [True] * (len(told) - 1)
    assert "duplicates   1 (equal; dropped)" in told


def test_import_writes_nothing_on_an_error(tmp_path: Path, told: list[str]) -> None:
    bad = csv(tmp_path / "bad.csv", [*ROWS, row("2026-07-24", "09:15", volume="-1")])
    out = tmp_path / "archive"

    with pytest.raises(DataError, match=r"bad\.csv row 10: .*negative"):
        import_bars([bad], out, DEFAULTS, told.append)

    assert not out.exists()
    assert told == []


def test_import_adds_to_a_day_that_is_there(tmp_path: Path, told: list[str]) -> None:
    whole, out = tmp_path / "whole", tmp_path / "parts"
    import_bars([csv(tmp_path / "all.csv", ROWS)], whole, DEFAULTS, told.append)
    for number, rows in enumerate((ROWS[::2], ROWS[1::2], ROWS[:3])):
        part = csv(tmp_path / f"{number}.csv", rows)
        import_bars([part], out, DEFAULTS, told.append)

    assert load([out], DEFAULTS).data_hash == load([whole], DEFAULTS).data_hash
    assert told[-1].startswith("written      0 days")


def test_import_that_disagrees_with_the_archive_changes_nothing(
    tmp_path: Path, told: list[str]
) -> None:
    out = tmp_path / "archive"
    import_bars([csv(tmp_path / "first.csv", ROWS)], out, DEFAULTS, told.append)
    before = load([out], DEFAULTS).data_hash
    other = [row("2026-07-21", "09:15", "A"), row("2026-07-22", "09:15", "A", volume="11")]

    with pytest.raises(DataError, match=r"A 2026-07-22T09:15:00\+05:30 disagrees .*11 and 10"):
        import_bars([csv(tmp_path / "other.csv", other)], out, DEFAULTS, told.append)

    assert load([out], DEFAULTS).data_hash == before
    assert len(files(out)) == 2


def test_import_stores_open_labels_of_declared_layouts(tmp_path: Path, told: list[str]) -> None:
    path = tmp_path / "vendor.csv"
    path.write_text("ticker,date,open,high,low,close,volume\nA,2026-07-22 09:16:00,1,1,1,1,5\n")
    layout = layout_of("Asia/Kolkata", "symbol=ticker,ts=date")
    options = DataOptions(label=StampLabel.END, layout=layout)

    import_bars([path], tmp_path / "archive", options, told.append)

    opens = pl.read_parquet(tmp_path / "archive" / "bars")["ts"]
    assert [str(open_) for open_ in opens] == ["2026-07-22 09:15:00+05:30"]


@pytest.mark.parametrize("columns", ["open", "open=", "=o", "open=o,,"])
def test_columns_that_are_no_pairs_are_a_usage_error(columns: str) -> None:
    with pytest.raises(ConfigError, match="is not NAME=NAME_IN_THE_FILE"):
        layout_of(None, columns)


# --- verify and list ---------------------------------------------------------------------------


def test_verify_reports_every_count_and_raises_on_a_bad_row(
    data: Path, tmp_path: Path, told: list[str]
) -> None:
    verify_bars([data], DEFAULTS, told.append)

    assert [line.split()[-1] for line in told[:2]] == ["2", "11"]
    assert "outside      2 (not in the session; kept, not traded)" in told
    assert "off days     1 (days with rows and without a session)" in told
    assert "bars         8 on 2 days" in told
    with pytest.raises(DataError, match="row 2"):
        verify_bars([csv(tmp_path / "x.csv", ["A,x,1,1,1,1,1"])], DEFAULTS, told.append)


def test_list_tells_rows_days_first_and_last_of_each_symbol(data: Path, told: list[str]) -> None:
    list_bars([data], DEFAULTS, told.append)

    assert [line.split()[0] for line in told[1:3]] == ["A", "B"]
    assert told[1].split()[1:] == [
        "4",
        "2",
        "2026-07-22T09:15:00+05:30",
        "2026-07-23T15:29:00+05:30",
    ]
    assert told[3] == f"2 days, data hash {load([data], DEFAULTS).data_hash}"


def test_list_shows_a_symbol_without_bars(tmp_path: Path, told: list[str]) -> None:
    list_bars([csv(tmp_path / "off.csv", OUTSIDE)], DEFAULTS, told.append)

    assert told[1].split() == ["A", "0", "0", "-"]


# --- export ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["out.parquet", "out.csv"])
def test_export_reads_back_to_the_same_hash(
    data: Path, tmp_path: Path, told: list[str], name: str
) -> None:
    options = DataOptions(symbols=("B", "A"))

    export_bars([data], tmp_path / "new" / name, options, told.append)

    assert files(tmp_path / "new") == [name]
    expected = load([data], options).data_hash
    assert load([tmp_path / "new" / name], options).data_hash == expected
    assert told[-1] == f"data hash    {expected}"


@pytest.mark.parametrize("name", ["out.parquet", "out.csv"])
def test_export_keeps_every_bit_of_a_price(tmp_path: Path, told: list[str], name: str) -> None:
    prices = [1.2345678901234567e-05, 0.1 + 0.2, 84213.35, 123456789.123456]
    options = DataOptions(market=Market.ALWAYS_OPEN)
    path = tmp_path / "coins.parquet"
    opens = pl.Series(range(4), dtype=pl.Int64) * MINUTE_NS + 1_784_691_900 * 10**9
    columns = dict.fromkeys(("open", "high", "low", "close"), prices)
    stamps = opens.cast(pl.Datetime("ns", "UTC"))
    pl.DataFrame({"symbol": ["C"] * 4, "ts": stamps, **columns, "volume": [1] * 4}).write_parquet(
        path
    )

    export_bars([path], tmp_path / name, options, told.append)

    assert load([tmp_path / name], options).bars["close"].tolist() == prices


def test_export_of_days_holds_those_days_alone(data: Path, tmp_path: Path, told: list[str]) -> None:
    day = parse_day(DAYS[1])
    out = tmp_path / "out.csv"

    export_bars([data], out, DEFAULTS, told.append, from_day=day, to_day=day)

    assert {line[2:12] for line in out.read_text().splitlines()[1:]} == {DAYS[1]}
    assert told[-1] == f"data hash    {load([out], DEFAULTS).data_hash}"
    with pytest.raises(DataError, match="no bars in the chosen days"):
        export_bars([data], out, DEFAULTS, told.append, from_day=day + 1)


def test_export_never_replaces_its_source_nor_guesses_a_format(
    data: Path, tmp_path: Path, told: list[str]
) -> None:
    before = data.read_bytes()

    with pytest.raises(ConfigError, match="is the data itself"):
        export_bars([data], data, DEFAULTS, told.append)
    with pytest.raises(ConfigError, match=r"must end in \.parquet or \.csv"):
        export_bars([data], tmp_path / "out.json", DEFAULTS, told.append)

    assert data.read_bytes() == before


@pytest.mark.slow
def test_real_file_survives_import_and_export(tmp_path: Path, told: list[str]) -> None:
    path = SHARED / "nse_1m_index_2024-01_2024-03.parquet"
    if not path.exists():
        pytest.skip(f"real data is absent: {path}")
    expected = load([path], DEFAULTS)

    import_bars([path], tmp_path / "archive", DEFAULTS, told.append)
    export_bars([tmp_path / "archive"], tmp_path / "out.csv", DEFAULTS, told.append)

    assert load([tmp_path / "archive"], DEFAULTS).counts == expected.counts
    assert load([tmp_path / "out.csv"], DEFAULTS).data_hash == expected.data_hash
