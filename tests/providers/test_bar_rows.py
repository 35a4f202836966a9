"""Labels, bases, sessions and duplicates: which bar of which session each row is."""

from dataclasses import replace

import pytest

from core.errors import DataError
from core.session import MINUTE_NS
from core.types import SessionClass
from providers.dataset import DataOptions, Market, StampLabel, load
from tests.providers.bar_files import DAY, Save, bar, ns, opens

HOUR_NS = 60 * MINUTE_NS
DEFAULTS = DataOptions()
END = DataOptions(label=StampLabel.END)


def test_end_label_is_shifted_by_the_base(save: Save) -> None:
    data = load([save([bar("09:15"), bar("09:16"), bar("15:30"), bar("15:31")])], END)

    assert opens(data) == ["09:15", "15:29"]
    assert data.counts.outside_session == 2


def test_end_label_of_a_short_last_bar_is_the_close_of_its_part(save: Save) -> None:
    path = save([bar("10:15"), bar("15:15"), bar("15:30"), bar("16:15")])

    data = load([path], replace(END, base_ns=HOUR_NS))

    assert opens(data) == ["09:15", "14:15", "15:15"]
    assert data.counts.outside_session == 1


def test_end_labels_of_different_closes_still_order_by_open(save: Save) -> None:
    day = "2026-08-03"  # with 50-minute bars both last bars open at 15:05
    path = save([bar("15:15", "B", day), bar("15:30", "A", day)])
    options = replace(END, base_ns=50 * MINUTE_NS, closing_auction=("B",))

    data = load([path], options)

    assert opens(data) == ["15:05", "15:05"]
    assert data.bars["instrument"].tolist() == [0, 1]


def test_base_bars_are_anchored_at_the_open_of_each_part(save: Save) -> None:
    saturday = "2024-03-02"  # 09:15-10:00 and 11:30-12:30
    path = save([bar(clock, day=saturday) for clock in ("09:15", "09:45", "11:30", "12:00")])

    data = load([path], DataOptions(base_ns=30 * MINUTE_NS))

    assert opens(data) == ["09:15", "09:45", "11:30", "12:00"]
    assert data.counts.missing_bars == 0
    with pytest.raises(DataError, match=r"11:45:00.*off the grid of 30-minute bars"):
        load([save([bar("11:45", day=saturday)])], DataOptions(base_ns=30 * MINUTE_NS))


def test_24x7_bars_are_anchored_at_utc_midnight(save: Save) -> None:
    options = DataOptions(market=Market.ALWAYS_OPEN, base_ns=4 * HOUR_NS)

    data = load([save([bar("05:30"), bar("09:30"), bar("01:30", day="2026-07-25")])], options)

    assert len(data.bars) == 3
    assert data.instruments[0].session_class is SessionClass.ALWAYS_OPEN
    with pytest.raises(DataError, match="off the grid of 240-minute bars"):
        load([save([bar("09:15")])], options)
    end = load([save([bar("05:30")])], replace(options, label=StampLabel.END))
    assert end.bars["open_ns"].tolist() == [ns("05:30") - 4 * HOUR_NS]


def test_stamp_off_the_base_grid_names_the_first_of_the_file(save: Save) -> None:
    path = save([bar("09:30"), bar("10:05"), bar("09:20")])
    with pytest.raises(DataError, match=rf"{path} row 2: INFY {DAY}T10:05:00.*off the grid"):
        load([path], DataOptions(base_ns=15 * MINUTE_NS))

    rows = [bar("09:15"), ("INFY", ns("09:16") + 1_500_000_000, 1.0, 1.0, 1.0, 1.0, 1)]
    with pytest.raises(DataError, match=r"row 2: .*03:46:01\.5.*not a whole minute"):
        load([save(rows)], DEFAULTS)


def test_rows_outside_the_session_are_kept_out_kept_and_counted(save: Save) -> None:
    rows = [bar("09:08"), bar("09:15"), bar("15:30"), bar("10:00", day="2026-07-25")]

    data = load([save(rows)], DEFAULTS)

    assert opens(data) == ["09:15"]
    assert data.outside["open_ns"].tolist() == [rows[0][1], rows[2][1], rows[3][1]]
    assert data.counts.outside_session == 3
    assert data.counts.no_session_days == 1  # the Saturday
    assert data.counts.days == 1
    assert data.counts.missing_bars == 374


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("all", ["15:14", "15:14"]),
        ("none", ["15:14", "15:14", "15:28", "15:28"]),
        (("B",), ["15:14", "15:14", "15:28"]),
    ],
)
def test_closing_auction_ends_the_session_of_those_who_have_it(
    save: Save, who: tuple[str, ...], expected: list[str]
) -> None:
    rows = [bar(clock, name, "2026-08-03") for clock in ("15:14", "15:28") for name in ("A", "B")]

    data = load([save(rows)], DataOptions(closing_auction=who))

    assert opens(data) == expected


def test_equal_duplicates_are_dropped_and_counted(save: Save) -> None:
    rows = [bar("09:15"), bar("09:15", "OTHER"), bar("09:15"), bar("09:15")]

    data = load([save(rows)], DEFAULTS)

    assert len(data.bars) == 2
    assert data.counts.duplicates == 2


def test_conflicting_duplicates_name_the_first_and_what_it_disagrees_with(save: Save) -> None:
    path = save([bar("09:20"), bar("09:15"), bar("09:20", volume=11), bar("09:15", volume=12)])

    with pytest.raises(DataError) as refused:
        load([path], DEFAULTS)

    assert str(refused.value) == (
        f"{path} row 3: INFY {DAY}T09:20:00+05:30: "
        "open 100 high 101 low 99 close 100.5 volume 11 disagrees with "
        f"{path} row 1: INFY {DAY}T09:20:00+05:30: "
        "open 100 high 101 low 99 close 100.5 volume 10"
    )


def test_duplicates_over_two_files_name_both(save: Save) -> None:
    first, second = save([bar("09:15")], "a.parquet"), save([bar("09:15", volume=1)], "b.parquet")

    with pytest.raises(DataError, match=r"b\.parquet row 1: .* disagrees with .*a\.parquet row 1"):
        load([first, second], DEFAULTS)
