"""Moments as text: written one way, and read in no other."""

import pytest

from core.session import at_ist, ist_ns, ist_text, parse_day


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-22T09:30:00",
        "2026-07-22T09:30:00+00:00",
        "2026-07-22T09:30:00Z",
        "2026-07-22 09:30:00+05:30",
        "2026-07-22T09:30+05:30",
        "2026-07-22T24:00:00+05:30",
        "2026-07-22T09:60:00+05:30",
        "2026-07-22T09:30:60+05:30",
        "2026-02-30T09:30:00+05:30",
        "",
    ],
)
def test_a_stamp_of_another_form_or_zone_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match=r"moment|time of day|day"):
        ist_ns(text)


def test_a_stamp_is_read_as_it_is_written() -> None:
    moments = [at_ist(parse_day("2026-07-22"), "09:30"), 0, -19_800_000_000_000 + 86_399 * 10**9]

    assert moments == [ist_ns(ist_text(ns)) for ns in moments]
