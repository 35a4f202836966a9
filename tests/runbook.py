"""What the runbook says of a message: its sections, and the messages quoted in them."""

import re
from pathlib import Path

RUNBOOK = (Path(__file__).resolve().parents[1] / "docs" / "runbook.md").read_text()
HEADINGS = re.findall(r"^#{2,3} (.+)$", RUNBOOK, re.MULTILINE)
REFUSALS = RUNBOOK.partition("## What a refused start means")[2].partition("\n## ")[0]
PLACES = re.compile(r"\b[NMDETn]\b|\.\.\.")  # of a number, a directory, a time: anything
MIN_QUOTE_CHARACTERS = 10  # a shorter one says nothing


def explained(line: str) -> list[str]:
    """Which of the messages that the section on refused starts quotes are in `line`."""
    text = " ".join(REFUSALS.split())
    quotes = [one for one in re.findall(r"`([^`]+)`", text) if len(one) >= MIN_QUOTE_CHARACTERS]
    return [one for one in quotes if re.search(_pattern(one), line)]


def _pattern(quote: str) -> str:
    return ".+?".join(re.escape(part) for part in PLACES.split(quote))
