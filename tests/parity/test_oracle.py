"""Both gears against the independent oracle, on small nasty markets made from seeds."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from backtest.run import Gear, run
from core.errors import ConfigError, DataError
from tests.oracle.pixity_oracle import run as oracle_run
from tests.oracle.scenarios import scenario
from tests.parity.oracle_run import request_of, result_differences

# 145, 195, 322: an entry filled on close was once looked at for the day loss before its Minute.
FAST, SLOW = (*range(40), 145, 195, 322), range(40, 340)
LEAST_COMPARED = 0.7
# Scenarios may ask for what our configuration refuses, or for a span in which nothing traded.
REFUSED: dict[type[Exception], tuple[str, ...]] = {
    ConfigError: (" is over max_capital ", ": entries would follow the square-off"),
    DataError: ("no bars from ", "the data holds no bar of any session"),
}


def is_refused(error: Exception) -> bool:
    return any(words in str(error) for words in REFUSED[type(error)])


def compare(seed: int, folder: Path) -> list[str] | None:
    """Where either gear differs from the oracle; None where the scenario is refused."""
    rows, options = scenario(seed)
    try:
        results = [(gear, run(request_of(rows, dict(options), gear, folder))) for gear in Gear]
    except (ConfigError, DataError) as error:
        if is_refused(error):
            return None
        raise
    expected = oracle_run(rows, **options)  # type: ignore[arg-type]
    return [
        f"scenario {seed}, {gear} gear, {line}"
        for gear, result in results
        for line in result_differences(expected, result)
    ]


def compare_all(seeds: Sequence[int], folder: Path) -> tuple[list[str], float]:
    """All differences, and the share of scenarios that were compared."""
    found = [compare(seed, folder) for seed in seeds]
    compared = [lines for lines in found if lines is not None]
    return [line for lines in compared for line in lines], len(compared) / len(found)


def test_both_gears_equal_the_oracle(tmp_path: Path) -> None:
    lines, share = compare_all(FAST, tmp_path)

    assert [] == lines
    assert share >= LEAST_COMPARED


@pytest.mark.slow
def test_both_gears_equal_the_oracle_on_many_scenarios(tmp_path: Path) -> None:
    lines, share = compare_all(SLOW, tmp_path)

    assert [] == lines
    assert share >= LEAST_COMPARED
