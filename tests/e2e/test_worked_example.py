"""Every command of docs/worked-example.md, in order, on the data it was written with.

Searches are trimmed to the first and last value of each key. What the page shows as `text` must be
printed to the letter; of `full` blocks, which are from the untrimmed run, the words that lines
begin with.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cli.kernel_cache import VARIABLE
from tests.test_docs import ROOT, fenced

PAGE = ROOT / "docs/worked-example.md"
SHARED = ROOT.parent / "shared/data"
FILES = {
    "minutes.parquet": SHARED / "nse_1m_BAJAJFINSV_2021-01_2024-06.parquet",
    "daily.parquet": SHARED / "nse_daily_raw_2019-08_2024-12.parquet",
    "adjusted.parquet": SHARED / "nse_daily_upstox_2022-01_2024-12.parquet",
}
LONGEST_S = 600
VALUES = re.compile(r"(\w+)=([^\s,=]+)(?:,[^\s,=]+)*,([^\s,=]+)")
GRID = re.compile(r"(--grid )((?:[^-]|-(?!-))*)", re.S)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(path.is_file() for path in FILES.values()), reason="no ../shared/data here"
    ),
]


def trimmed(block: str) -> str:
    """Of each key of a grid the first and the last value."""
    return GRID.sub(lambda grid: grid[1] + VALUES.sub(r"\1=\2,\3", grid[2]), block)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all commands have run; what they printed is in `printed.txt`."""
    folder = tmp_path_factory.mktemp("worked")
    for name, path in FILES.items():
        (folder / name).symlink_to(path)
    python = shlex.quote(sys.executable)
    functions = [
        f"tradingd() {{ {python} -c 'from cli.main import main; main()' \"$@\"; }}",
        f'python() {{ {python} "$@"; }}',
    ]
    script = "\n".join(["set -eu -o pipefail", *functions, *map(trimmed, fenced(PAGE, "sh"))])
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(Path.home())}
        | {name: value for name, value in os.environ.items() if name == VARIABLE},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3_000:]
    (folder / "printed.txt").write_text(ran.stdout)
    return folder


def test_a_trimmed_grid_keeps_both_ends_of_each_key() -> None:
    line = "tradingd optimize --grid a=1,2,3 b=x,y \\\n  c=0.5,1,2.5 --out found"
    assert trimmed(line) == "tradingd optimize --grid a=1,3 b=x,y \\\n  c=0.5,2.5 --out found"


def test_the_page_shows_what_is_printed(folder: Path) -> None:
    printed = [line.rstrip() for line in (folder / "printed.txt").read_text().splitlines()]
    shown = [line for block in fenced(PAGE, "text") for line in block.splitlines()]

    assert shown
    assert [] == [line for line in shown if line.rstrip() not in printed]
    begun = {line.split()[0] for line in printed if line}
    full = [line.split()[0] for block in fenced(PAGE, "full") for line in block.splitlines()]
    assert [] == [word for word in full if word not in begun]


def test_every_set_was_tried_and_the_evidence_refuses(folder: Path) -> None:
    search, walk = (
        json.loads((folder / name / "run.json").read_text())["told"] for name in ("found", "walked")
    )

    assert search["sets"] == 2 ** len(search["keys"]) == search["evidence"]["trials"]
    assert walk["windows"] == 10
    assert walk["evidence"]["out_of_sample"]
    assert walk["evidence"]["trials"] == search["sets"]  # the same sets, whoever tries them
    assert not (folder / "promoted.toml").exists()
    assert "exit 1" in (folder / "printed.txt").read_text()


def test_every_page_is_there_and_can_be_made_again(folder: Path) -> None:
    from research.kinds import page_of
    from research.runs import read_lab_run

    for name in ("found", "walked", "compared", "measured"):
        text = (folder / name / "report.html").read_text(encoding="utf-8")
        assert text == page_of(read_lab_run(folder / name)), name
