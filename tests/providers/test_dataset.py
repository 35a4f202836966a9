"""`--data`: the same bars whatever the file, chosen symbols, real files as their README tells."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import ConfigError, DataError
from core.session import MINUTE_NS
from providers.dataset import DataOptions, Market, StampLabel, load
from tests.providers.bar_files import Save, bar, frame, ns, opens

SHARED = Path(__file__).parents[3] / "shared" / "data"
HOUR_NS = 60 * MINUTE_NS
DEFAULTS = DataOptions()
END = DataOptions(label=StampLabel.END)


def test_bars_are_ordered_by_time_then_configured_instrument(save: Save) -> None:
    path = save([bar("09:16", "B"), bar("09:15", "B"), bar("09:15", "A"), bar("09:16", "A")])

    data = load([path], DEFAULTS)
    chosen = load([path], DataOptions(symbols=("B", "A")))

    assert [i.symbol for i in data.instruments] == ["A", "B"]
    assert data.bars["instrument"].tolist() == [0, 1, 0, 1]
    assert opens(data) == ["09:15", "09:15", "09:16", "09:16"]
    assert data.counts.unsorted == 1
    assert [i.symbol for i in chosen.instruments] == ["B", "A"]
    assert chosen.bars["instrument"].tolist() == [0, 1, 0, 1]


def test_default_order_of_symbols_is_that_of_their_bytes(save: Save) -> None:
    data = load([save([bar("09:15", name) for name in ("b", "Z", "M&M", "MA", "É")])], DEFAULTS)

    assert [i.symbol for i in data.instruments] == ["M&M", "MA", "Z", "b", "É"]


def test_hash_is_of_the_rows_not_of_their_file(save: Save, tmp_path: Path) -> None:
    rows = [bar(clock, name) for name in ("A", "B") for clock in ("09:15", "09:16", "15:29")]
    expected = load([save(rows)], DEFAULTS).data_hash
    csv = tmp_path / "bars.csv"
    text = pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S%:z")
    frame(rows[::-1]).with_columns(text).write_csv(csv)
    sources = [
        [save(rows[::-1], "reversed.parquet")],
        [save(rows[:2], "part1.parquet"), save(rows[2:], "part2.parquet")],
        [save(rows + rows, "twice.parquet")],
        [save(frame(rows, "UTC", "ms"), "utc_ms.parquet")],
        [save(frame(rows, "America/New_York", "us"), "york.parquet")],
        [save(frame(rows).cast({"open": pl.Float32, "volume": pl.Float64}), "types.parquet")],
        [csv],
    ]
    for source in sources:
        assert load(source, DEFAULTS).data_hash == expected, source


def test_hash_tells_values_symbols_and_order_apart(save: Save) -> None:
    rows = [bar("09:15", "A"), bar("09:15", "B")]
    path = save(rows)
    others = [
        load([path], DataOptions(symbols=("B", "A"))),
        load([path], DataOptions(symbols=("A",))),
        load([save([rows[0], bar("09:15", "C")], "names.parquet")], DEFAULTS),
        load([save([rows[0], bar("09:15", "B", volume=11)], "volume.parquet")], DEFAULTS),
        load([save([rows[0], bar("09:16", "B")], "time.parquet")], DEFAULTS),
    ]

    assert len({load([path], DEFAULTS).data_hash, *(other.data_hash for other in others)}) == 6


def test_directory_skips_half_written_files_and_joins_both_formats(
    save: Save, tmp_path: Path
) -> None:
    save([bar("09:15")], "mixed/a.parquet")
    save([bar("09:15")], "mixed/folder.parquet/part.parquet")
    (tmp_path / "mixed" / ".b.parquet").write_bytes(b"half")
    text = pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S%:z")
    frame([bar("09:16")]).with_columns(text).write_csv(tmp_path / "mixed" / "b.csv")

    data = load([tmp_path / "mixed"], DEFAULTS)

    assert opens(data) == ["09:15", "09:16"]
    assert data.counts.duplicates == 1


def test_file_without_a_known_suffix_is_told_by_its_content(save: Save, tmp_path: Path) -> None:
    parquet = save([bar("09:15")], "bars")
    other = tmp_path / "bars.csv.gz"
    other.write_bytes(b"\x1f\x8b\x08\x00")

    assert opens(load([parquet], DEFAULTS)) == ["09:15"]
    with pytest.raises(DataError, match="is gzip-compressed"):
        load([other], DEFAULTS)


def test_off_tick_prices_are_counted_not_refused(save: Save) -> None:
    off = ("INFY", ns("09:16"), 100.001, 101.0, 99.0, 100.005, 1)
    big = ("INFY", ns("09:17"), 84213.35, 84213.35, 84213.35, 84213.35, 1)

    assert load([save([bar("09:15"), off, big])], DEFAULTS).counts.off_tick == 1


def test_missing_broken_and_empty_files_are_named(save: Save, tmp_path: Path) -> None:
    whole = save([bar("09:15")])
    broken = tmp_path / "broken.parquet"
    empty_folder = tmp_path / "nothing"
    empty_folder.mkdir()

    with pytest.raises(DataError, match=r"absent\.parquet: no such file"):
        load([tmp_path / "absent.parquet"], DEFAULTS)
    with pytest.raises(DataError, match=r"nothing: the directory holds no"):
        load([empty_folder], DEFAULTS)
    for content in (b"", b"PAR1", b"not parquet at all", whole.read_bytes()[:-9]):
        broken.write_bytes(content)
        with pytest.raises(DataError, match=r"broken\.parquet: not a readable Parquet file"):
            load([broken], DEFAULTS)
    with pytest.raises(DataError, match="no rows"):
        load([save(frame([bar("09:15")]).clear())], DEFAULTS)


def test_unknown_symbol_is_a_usage_error_that_lists_the_nearest(save: Save) -> None:
    path = save([bar("09:15", "TATAPOWER"), bar("09:15", "INFY")])

    with pytest.raises(ConfigError, match="TATAPWER; did you mean TATAPOWER"):
        load([path], DataOptions(symbols=("INFY", "TATAPWER")))
    with pytest.raises(ConfigError, match="closing auction: not in the data: infy; did you mean"):
        load([path], DataOptions(closing_auction=("infy",)))
    with pytest.raises(ConfigError, match="INFY is named twice"):
        load([path], DataOptions(symbols=("INFY", "INFY")))
    with pytest.raises(ConfigError, match="none is named"):
        DataOptions(symbols=())


@pytest.mark.parametrize("base_ns", [0, -MINUTE_NS, 90 * 10**9, 25 * HOUR_NS])
def test_base_is_whole_minutes_up_to_a_day(base_ns: int) -> None:
    with pytest.raises(ConfigError, match="whole minutes from 1m to 1d"):
        DataOptions(base_ns=base_ns)


# --- the real files, as their README tells -----------------------------------------------------

HOURLY = DataOptions(market=Market.ALWAYS_OPEN, base_ns=HOUR_NS)


REAL = {
    "crypto_1h_ETHUSDT_2019-12_2025-09": (HOURLY, 51_034, 51_034, 0, 0, 2_128),
    "nse_1m_BAJAJFINSV_2021-01_2024-06": (DEFAULTS, 322_716, 322_716, 0, 0, 865),
    "nse_1m_eq_2014-12_2015-10_endlabel_raworder": (END, 379_631, 262_577, 117_027, 27, 184),
    "nse_1m_eq_2026-07_2026-08": (DEFAULTS, 32_000, 31_964, 0, 36, 22),
    "nse_1m_index_2021-01_2022-06_endlabel": (END, 279_073, 276_894, 0, 2_179, 371),
    "nse_1m_index_2024-01_2024-03": (DEFAULTS, 44_794, 44_460, 0, 334, 60),
    "nse_1m_wide_2016-08_2016-09": (DEFAULTS, 607_500, 607_500, 0, 0, 18),
}


def shared(name: str) -> Path:
    path = SHARED / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"real data is absent: {path}")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_file_has_the_counts_of_its_readme(name: str) -> None:
    options, *expected = REAL[name]

    counts = load([shared(name)], options).counts

    found = [counts.rows, counts.bars, counts.duplicates, counts.outside_session, counts.days]
    assert found == expected
    assert counts.rows == counts.bars + counts.duplicates + counts.outside_session


@pytest.mark.slow
def test_real_raw_order_file_has_its_known_disorder() -> None:
    counts = load([shared("nse_1m_eq_2014-12_2015-10_endlabel_raworder")], END).counts

    assert 4 * 10 <= counts.unsorted <= 4 * 20  # "broken 10-20 times per symbol"
    assert counts.null_volumes > 88_587  # every YESBANK row


@pytest.mark.slow
def test_real_auction_prints_count_only_where_there_is_an_auction() -> None:
    path = shared("nse_1m_eq_2026-07_2026-08")

    some = load([path], DataOptions(closing_auction=("PNB", "INFY"))).counts
    none = load([path], DataOptions(closing_auction="none")).counts

    assert (some.outside_session, none.outside_session) == (18, 0)


@pytest.mark.slow
def test_real_wide_file_is_whole_and_its_indices_have_no_volume() -> None:
    data = load([shared("nse_1m_wide_2016-08_2016-09")], DEFAULTS)

    assert len(data.instruments) == 90
    assert data.counts.missing_bars == 0
    assert int((data.bars["volume"] == 0).sum()) == 49_404
    key = data.bars["open_ns"] // MINUTE_NS * 90 + data.bars["instrument"]
    assert bool((np.diff(key) > 0).all())
