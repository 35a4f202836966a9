"""A fault is asked for by name and time of day, and refused with one line that helps."""

import re
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.session import at_ist, parse_day
from sandbox.faults import kinds
from sandbox.faults.kinds import CATALOGUE
from sandbox.faults.schedule import DAY_MS, Fault, Faults, catalogue_lines, fault_of

DAY = parse_day("2026-08-05")
DATA_REPORTS = "F1 F2 F4 F7 F8 F9 F10 F11 F12 F13 F16 F17 F18 F19 F20 F22 F23 F24 F26".split()


def ms(clock: str, day: int = DAY) -> int:
    return at_ist(day, clock[:5]) // 1_000_000 + 1_000 * int(clock[6:] or 0)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("drop", Fault(kinds.DROP, 60.0)),
        ("drop=2.5", Fault(kinds.DROP, 2.5)),
        ("forbid@10:15-10:20", Fault(kinds.FORBID, 0.0, "", 36_900_000, 37_200_000)),
        ("drop=5@10:15:30", Fault(kinds.DROP, 5.0, "", 36_930_000, DAY_MS)),
        ("html=429", Fault(kinds.HTML, 0.0, "429")),
        (
            "ignore=TCS+INFY@09:00-16:00",
            Fault(kinds.IGNORE, 0.0, "TCS+INFY", 32_400_000, 57_600_000),
        ),
    ],
)
def test_a_fault_is_what_was_typed(text: str, fault: Fault) -> None:
    assert fault == fault_of(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("drp", "unknown fault drp; did you mean drop"),
        ("nothing-like-it", "unknown fault nothing-like-it; `--fault list`"),
        ("drop=often", "fault drop: 'often' is not between 0.25 and 3600 s"),
        ("drop=nan", "is not between"),
        ("drop=0", "is not between"),
        ("quiet=1", "fault quiet takes no value"),
        ("html=430", "'430' is not one of 403, 429, 502; did you mean 403"),
        ("drop@25:00", "'25:00' is no time of day"),
        ("drop@10:20-10:15", "ends before it begins"),
        ("drop@", "NAME[=VALUE]"),
        ("", "NAME[=VALUE]"),
    ],
)
def test_what_cannot_be_a_fault_is_told_in_a_line(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as refused:
        fault_of(text)

    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("day", [DAY, DAY + 1])
def test_it_is_on_from_its_begin_up_to_its_end_on_every_day(day: int) -> None:
    faults = Faults([fault_of("drop=5@10:15-10:20")])
    moments = [("10:14:59", None), ("10:15", 5.0), ("10:19:59", 5.0), ("10:20", None)]

    assert [amount for _, amount in moments] == [
        faults.amount(kinds.DROP, ms(clock, day)) for clock, _ in moments
    ]
    assert ms("10:15", day) == faults.since_ms(kinds.DROP, ms("10:17", day))


def test_of_two_that_are_on_the_first_counts() -> None:
    faults = Faults(map(fault_of, ["drop=5@10:00-11:00", "drop=9"]))

    assert [9.0, 5.0] == [faults.amount(kinds.DROP, ms(clock)) for clock in ("09:00", "10:30")]


def test_what_happens_so_many_times_happens_no_more() -> None:
    faults = Faults([fault_of("forbid-first=2")])

    assert [True, True, False] == [faults.take(kinds.FORBID_FIRST, ms("10:00")) for _ in range(3)]


def test_a_seed_draws_the_same() -> None:
    one, same, other = (Faults(seed=seed).random("a", 1).random() for seed in (1, 1, 2))

    assert one == same != other


def test_every_field_report_of_data_has_a_fault() -> None:
    reported = {report for kind in CATALOGUE.values() for report in kind.reports.split()}

    assert set(DATA_REPORTS) <= reported


def test_a_default_may_be_typed_and_every_fault_is_listed() -> None:
    lines = catalogue_lines()

    assert list(CATALOGUE) == [fault_of(name).kind.name for name in CATALOGUE]
    assert len(CATALOGUE) == len(lines)
    assert all(line.startswith(name) for name, line in zip(CATALOGUE, lines, strict=True))


def test_the_document_has_a_row_for_every_fault_and_a_test_in_it() -> None:
    document = (
        (Path(__file__).parents[3] / "docs/faults.md")
        .read_text(encoding="utf-8")
        .partition("## What the daemon does")[0]
    )
    rows = [line for line in document.splitlines() if line.startswith("| `")]
    names = [re.split(r"[=` ]", row[3:])[0] for row in rows]

    assert list(CATALOGUE) == names
    assert [] == [row for row in rows if not re.search(r"`test_\w+`", row)]
