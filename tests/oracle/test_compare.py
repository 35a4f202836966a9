"""The comparison must find every difference that matters and no other."""

import math

import pytest

from tests.oracle.compare import Record, differences

ROW: Record = {"instrument": "X", "entry_ns": 5, "entry_price": 100.05, "r": 1.5, "reason": None}
COLUMNS = list(ROW)


def test_equal_rows_give_no_line() -> None:
    assert differences([ROW], [dict(ROW)], COLUMNS) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("instrument", "Y"),
        ("entry_ns", 6),
        ("entry_ns", 5.0),
        ("entry_price", 100.0500021),
        ("r", 1.5 + 1e-8),
        ("r", math.nan),
        ("reason", "position"),
    ],
)
def test_one_wrong_value_is_named_with_both_sides(
    column: str, value: str | int | float | None
) -> None:
    (line,) = differences([ROW], [{**ROW, column: value}], COLUMNS)

    assert "row 0 (X 5)" in line
    assert f"{column} expected {ROW[column]!r}, found {value!r}" in line


def test_rounding_noise_and_a_missing_float_as_nan_are_equal() -> None:
    noisy = {**ROW, "entry_price": 100.0500004, "r": 1.5 + 1e-12, "reason": math.nan}

    assert differences([ROW], [noisy], COLUMNS) == []


def test_missing_and_surplus_rows_are_counted_and_shown() -> None:
    missing = differences([ROW, ROW], [ROW], COLUMNS)
    surplus = differences([ROW], [ROW, ROW], COLUMNS)

    assert missing[0] == "2 rows expected, 1 found"
    assert "row 1 is missing" in missing[1]
    assert "row 1 is surplus" in surplus[1]


def test_only_the_first_rows_are_shown() -> None:
    wrong = {**ROW, "instrument": "Y"}

    lines = differences([ROW] * 9, [wrong] * 9, COLUMNS, limit=2)

    assert len(lines) == 3
    assert lines[2] == "... and 7 rows more"
