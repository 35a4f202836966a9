"""The tables of faults in the documents: a fault, what the daemon does, and tests that exist."""

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


def faults_with_their_tests(document: str, section: str) -> dict[str, list[str]]:
    """The rows of a section's table: the first column, and the tests that the last one names.
    Raises AssertionError for a row without a test, and for a test that is nowhere."""
    text = (ROOT / document).read_text(encoding="utf-8").split(f"{section}\n")[1]
    lines = [line for line in text.split("\n## ")[0].splitlines() if line.startswith("| `")]
    table = {}
    for line in lines:
        columns = line.strip("| ").split(" | ")
        tests = re.findall(r"`(test_\w+)`", columns[-1])
        assert tests, line
        assert set(tests) <= known_tests(), line
        table[columns[0].strip("`")] = tests
    return table


@cache
def known_tests() -> set[str]:
    """The names of all tests there are."""
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return {
        name for text in texts for name in re.findall(r"^(?:async )?def (test_\w+)", text, re.M)
    }
