"""What legs come to: means of those that have a counterpart, and a count of the others."""

from datetime import date

import polars as pl

from core.session import at_ist, parse_day
from daemon.slippage.beside import SCHEMA
from daemon.slippage.figures import figures, line, summary

DAY = "2026-07-22"


def legs(*rows: tuple[str, str, float | None, str]) -> pl.DataFrame:
    """Of (instrument, role, bps, why nothing is compared), one an hour from 09:30 on."""
    told = [
        {
            "day": date.fromisoformat(DAY),
            "instrument": instrument,
            "role": role,
            "paper_role": role,
            "first_fill_ns": at_ist(parse_day(DAY), f"{9 + hour:02}:30"),
            "difference_bps": bps,
            "slippage_bps": None if bps is None else bps + 2.0,
            "difference_paise": None if bps is None else round(100 * bps),
            "delay_ms": None if role == "stop" else 500.0 * (hour + 1),
            "without": without,
        }
        for hour, (instrument, role, bps, without) in enumerate(rows)
    ]
    return pl.DataFrame([dict.fromkeys(SCHEMA) | one for one in told], SCHEMA)


LEGS = legs(
    ("A", "entry", 1.0, ""),
    ("A", "stop", 5.0, ""),
    ("B", "entry", -3.0, ""),
    ("B", "entry", None, "live: rejected no funds"),
)


def test_mean_median_and_p95_are_of_the_legs_that_have_a_counterpart() -> None:
    [row] = figures(LEGS).to_dicts()
    assert (3, 1.0, 1.0, 3.0, 3.0) == tuple(
        row[name] for name in ("legs", "mean_bps", "median_bps", "mean_slippage_bps", "rupees")
    )
    assert 4.6 == round(row["p95_bps"], 9)
    assert (1000.0, 1450.0) == (row["median_delay_ms"], row["p95_delay_ms"])


def test_there_is_a_row_for_each_role_instrument_and_hour_of_the_day_in_india() -> None:
    by_role = figures(LEGS, "role")
    assert [("entry", 2, -1.0), ("stop", 1, 5.0)] == by_role.select(
        "role", "legs", "mean_bps"
    ).rows()
    assert ["A", "B"] == figures(LEGS, "instrument")["instrument"].to_list()
    assert [9, 10, 11] == figures(LEGS, "hour")["hour"].to_list()


def test_what_has_no_counterpart_is_counted_and_named() -> None:
    told = summary(LEGS)
    assert (1, [("live: rejected no funds", 1)]) == (told["without_counterpart"], told["without"])
    assert line(LEGS) == (
        "3 fills against paper: mean 1.00, median 1.00, p95 4.60 bps, Rs 3.00"
        "; 1 legs without a counterpart"
    )


def test_a_day_without_legs_is_said_to_be_one() -> None:
    none = LEGS.clear()
    assert "no fill beside one of paper" == line(none)
    assert 0 == summary(none)["legs"]


def test_a_way_out_of_another_kind_than_papers_is_counted() -> None:
    other = LEGS.with_columns(paper_role=pl.lit("target"))
    assert 3 == summary(other)["left_by_another_way"]
