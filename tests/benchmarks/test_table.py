"""What the table says: ratios inside a round, answers that differ, goals that are missed."""

import json
from dataclasses import asdict, replace

import pytest

from benchmarks.measured import Measurement, peak_mb, percentile, timed
from benchmarks.table import BARE, DUCKDB, GOALS, HEAD, Result, as_json, row, table

FLUSH = "flush_p99_ms"
WORK, OURS, PEER = "W1 one symbol", "tradingd event", "NautilusTrader"


def measurement(seconds: float, peak: float = 100.0, entries: float = 7.0) -> Measurement:
    return Measurement(
        items=1_000, seconds=seconds, peak_mb=peak, checks={"entries": entries, "shares": 5.0}
    )


def results(*rounds: tuple[Measurement | None, Measurement | None]) -> list[Result]:
    return [
        result
        for number, (mine, theirs) in enumerate(rounds)
        for result in (
            Result(WORK, OURS, False, number, mine),
            Result(WORK, PEER, True, number, theirs),
        )
    ]


def cells(found: list[Result], who: str = OURS) -> dict[str, str]:
    return dict(zip(HEAD, row(found, WORK, who), strict=True))


def test_a_ratio_is_taken_inside_its_round_and_then_the_median() -> None:
    # The second round ran on a busy machine: both were slow, the ratio stands.
    found = results(
        (measurement(1.0), measurement(20.0)),
        (measurement(10.0), measurement(200.0)),
        (measurement(1.0), measurement(30.0)),
    )

    assert "20" == cells(found)["x peer"]
    assert "1 k" == cells(found)["rate/s"]


def test_answers_that_differ_are_named() -> None:
    same = results((measurement(1.0), measurement(20.0)))
    other = results((measurement(1.0, entries=8.0), measurement(20.0)))

    assert "same" == cells(same)["answers"]
    assert "not: entries 8" == cells(other)["answers"]


def test_a_figure_may_be_held_beside_that_of_another() -> None:
    def told(bare_ms: float) -> str:
        found = [
            Result("W4b store", who, False, 0, replace(measurement(1.0), figures={FLUSH: ms}))
            for who, ms in (("tradingd", 3.0), (BARE, bare_ms), (DUCKDB, 900.0))
        ]
        return row(found, "W4b store", "tradingd")[HEAD.index("goal")]

    assert f"{FLUSH} <= 1.36x {BARE} met" in told(2.3)
    assert f"{FLUSH} <= 1.36x {BARE} MISSED" in told(2.1)


def test_a_goal_is_told_with_whether_it_was_met() -> None:
    met = results((measurement(1.0, peak=90.0), measurement(20.0, peak=90.0)))
    missed = results((measurement(4.0, peak=91.0), measurement(20.0, peak=90.0)))

    assert ">= 10x met, memory met" == cells(met)["goal"]
    assert ">= 10x MISSED, memory MISSED" == cells(missed)["goal"]


def test_a_case_that_failed_in_every_round_is_a_line_that_says_so() -> None:
    found = results((measurement(1.0), None))

    assert "failed" == cells(found, PEER)["rate/s"]
    assert "" == cells(found)["x peer"]
    assert f"| {WORK} | {PEER} | failed |" in table(found)


def test_the_json_holds_every_round_and_the_table() -> None:
    found = results((measurement(1.0), measurement(20.0)), (measurement(2.0), None))

    told = json.loads(json.dumps(as_json(found)))

    assert [1, 1, 2, 2] == [one["round"] for one in told["rounds"]]
    assert told["rounds"][3]["measured"] is None
    assert asdict(measurement(1.0)) == told["rounds"][0]["measured"]
    assert [OURS, PEER] == [one["who"] for one in told["table"]]


def test_every_work_that_is_due_has_a_goal() -> None:
    due = {"Halt", "Lag", "Search", "W1", "W2", "W3", "W4a", "W4b", "W5", "W6", "W7", "W8"}
    assert due == {work.split()[0] for work, _ in GOALS}


def test_a_measurement_travels_as_the_last_line_of_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    measurement(2.0).print()

    read = Measurement.parse("noise before it\n" + capsys.readouterr().out)
    assert (1_000, 2.0, 500.0) == (read.items, read.seconds, read.per_second)
    assert 0 < read.peak_mb <= peak_mb() + 1.0


def test_percentile_is_a_value_that_was_seen() -> None:
    values = [float(number) for number in range(1, 101)]

    assert 50.0 == percentile(values, 50)
    assert 99.0 == percentile(values, 99)
    assert 7.0 == percentile([7.0], 99)


def test_short_work_is_repeated_and_its_result_returned() -> None:
    runs: list[int] = []

    seconds, result = timed(lambda: runs.append(1) or len(runs))

    assert result == len(runs) > 1
    assert seconds >= 0.0
