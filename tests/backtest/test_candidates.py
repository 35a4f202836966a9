"""The file of candidates: written and read again, refused where it belongs to something else."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backtest.candidates import identity_path, read_candidates, write_candidates
from backtest.screen import ScreenRequest, screen
from core.errors import DataError
from strategies.focus import bar_keys
from strategies.fusion import FusionSettings
from strategies.screeners import of_settings, of_strategy
from strategies.screening import ScreenSettings
from strategies.settings import RiskSettings
from tests.strategies.hours import FIRST_DAY, hours

DATASET = hours(60)
REQUEST = ScreenRequest(
    screener=of_settings(ScreenSettings()),
    dataset=DATASET,
    risk=RiskSettings().for_market(DATASET.options.market),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "candidates.jsonl"
    write_candidates(file, REQUEST, screen(REQUEST))
    return file


def test_a_file_is_read_as_it_was_written(path: Path) -> None:
    found = read_candidates(path, REQUEST)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    bars = DATASET.bars
    keys = bar_keys(bars["instrument"], bars["open_ns"])

    assert len(lines) == len(found.keys) == found.identity.candidates > 5
    assert set(found.keys.tolist()) <= set(keys.tolist())
    assert ["timestamp", "instrument", "side", "score", "reason"] == list(lines[0])


def test_a_second_screen_writes_the_same_bytes(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.jsonl"
    write_candidates(again, REQUEST, screen(REQUEST, 2))

    assert path.read_bytes() == again.read_bytes()
    assert identity_path(path).read_bytes() == identity_path(again).read_bytes()


def test_a_sweep_of_the_entry_threshold_reads_one_file(path: Path) -> None:
    for threshold in (0.40, 0.45, 0.50, 0.55):
        screener = of_strategy("fusion", FusionSettings(entry_threshold=threshold))

        assert len(read_candidates(path, replace(REQUEST, screener=screener)).keys) > 5


def other_screener(request: ScreenRequest) -> ScreenRequest:
    return replace(request, screener=of_settings(ScreenSettings(min_adx=30.0)))


def other_timeframe(request: ScreenRequest) -> ScreenRequest:
    return replace(request, screener=of_settings(ScreenSettings(decision_bar="2h")))


def other_data(request: ScreenRequest) -> ScreenRequest:
    return replace(request, dataset=hours(60, seed=9))


def earlier(request: ScreenRequest) -> ScreenRequest:
    return replace(request, from_day=FIRST_DAY - 1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (other_screener, "was screened with min_adx = 22.0, not 30.0: screen again"),
        (other_timeframe, "was screened with timeframe = 1h, not 2h"),
        (other_data, "is of other data"),
        (earlier, "covers 2025-01-01 to 2025-03-01 only"),
    ],
)
def test_candidates_of_something_else_are_refused(
    path: Path, change: Callable[[ScreenRequest], ScreenRequest], told: str
) -> None:
    with pytest.raises(DataError, match=told):
        read_candidates(path, change(REQUEST))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "is no JSON object"),
        ('{"timestamp": 1', "is no JSON object"),
        ("[1, 2]", "is not an object of timestamp, instrument, side, score, reason"),
        ('{"side": "long"}', "is not an object of"),
        (("A", "B"), 'instrument "B" is not in the data'),
        (("long", "buy"), 'side "buy" is not one of long, short'),
        (("short", "buy"), 'side "buy" is not one of long, short'),
        (("+00:00", ""), "is no time with an offset"),
        (('"score": 0.', '"score": "0.'), "is no JSON object"),
        (('"score": 0.', '"score": true, "x": 0.'), "is not an object of"),
        (("2025-", "soon-"), "is no time with an offset"),
    ],
)
def test_a_broken_line_is_named_by_its_number(
    path: Path, line: str | tuple[str, str], told: str
) -> None:
    lines = path.read_text().splitlines()
    bad = next(i for i, one in enumerate(lines) if isinstance(line, str) or line[0] in one)
    lines[bad] = line if isinstance(line, str) else lines[bad].replace(*line)
    path.write_text("\n".join(lines))

    with pytest.raises(DataError, match=rf"candidates\.jsonl line {bad + 1}: .*{told}"):
        read_candidates(path, REQUEST)


def test_a_file_with_a_line_less_is_refused(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))

    with pytest.raises(DataError, match="was changed since it was screened"):
        read_candidates(path, REQUEST)


def test_an_empty_file_is_refused(path: Path) -> None:
    path.write_text("")

    with pytest.raises(DataError, match="holds no candidate"):
        read_candidates(path, REQUEST)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "tradingd candidates 0"}'])
def test_what_is_no_identity_is_told(path: Path, text: str) -> None:
    identity_path(path).write_text(text)

    with pytest.raises(DataError, match=r"identity is no identity of candidates"):
        read_candidates(path, REQUEST)


def test_a_file_without_its_identity_is_refused(path: Path) -> None:
    identity_path(path).unlink()

    with pytest.raises(DataError, match=r"has no candidates\.jsonl\.identity beside it"):
        read_candidates(path, REQUEST)


def test_a_file_that_is_not_there_or_no_text_is_told(path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_candidates(path.with_name("nowhere"), REQUEST)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is no text"):
        read_candidates(path, REQUEST)
