"""kill -9 at any moment loses no acknowledged event (recovery point objective 0)."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from stores.ledger import SqliteLedger

KILLS = 10
PROGRAM = Path(__file__).with_name("appending_process.py")
ROOT = Path(__file__).parents[2]


def kill_after(directory: Path, steps: int) -> int:
    """Let the process record at least `steps` steps, kill it; the last head it acknowledged."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(directory)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    with process.stdout as output:
        acknowledged = [int(output.readline()) for _ in range(steps)]
        process.send_signal(signal.SIGKILL)
        process.wait()
        # What it said before it died, apart from a line cut in two.
        acknowledged += [int(line) for line in output.readlines() if line.endswith("\n")]
    return acknowledged[-1]


def test_no_acknowledged_event_is_lost(tmp_path: Path) -> None:
    for kill in range(KILLS):
        acknowledged = kill_after(tmp_path, 3 + 7 * kill)

        with closing(SqliteLedger(tmp_path)) as ledger:
            head = ledger.head()[0]
            # At most the step under way is there without its acknowledgement, and it is whole.
            assert head - acknowledged in (0, 2)
            ledger.verify(full=True)
            assert ledger.differing_views() == []
            assert len(ledger.rows("orders")) == head // 2
