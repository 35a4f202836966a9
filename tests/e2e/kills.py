"""kill -9 of a real process, again and again through one day at 600x: what is left, and how fast it
is back. `python -m tests.e2e.kills --kills 30` (part of `make soak`) prints the figures.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np

from core.ports import EventKind
from stores.ledger import SqliteLedger
from stores.ledger_reader import open_read_only
from tests.daemon.days import recorded, rows, told
from tests.e2e.processes import COMMAND, QUICK_DAY, result_of, running

DYING = (sys.executable, str(Path(__file__).with_name("dying_process.py")))
LONGEST_LIFE_S = 1.4  # of a day that takes 38 s: thirty kills find it still running
EVERY_INSIDE = 4  # every so many kills one comes inside a Minute's transaction


@dataclass(slots=True)
class Killed:
    """What was seen of a day that was killed on its way."""

    directory: Path
    inside: int = 0  # kills inside the transaction of a Minute
    heads: list[tuple[int, str]] = field(default_factory=list)  # durable after each kill
    starts_s: list[float] = field(default_factory=list)  # from the process to the running day


def day(directory: Path, speed: str) -> list[str]:
    return ["run", "--speed", speed, "--port", "0", "--state-dir", str(directory), *QUICK_DAY]


def killed_day(directory: Path, kills: int, seed: int) -> Killed:
    """One day at 600x, killed at `kills` moments drawn from `seed`, then played to its end."""
    random = np.random.default_rng(seed)
    seen = Killed(directory)
    for number in range(kills):
        if number % EVERY_INSIDE == 0:
            program: Sequence[str] = (*DYING, str(random.integers(1, 12)))
            life_s = 60.0  # it ends itself
            seen.inside += 1
        else:
            program, life_s = COMMAND, float(random.uniform(0.0, LONGEST_LIFE_S))
        begun_s = perf_counter()
        with running(*day(directory, "600"), program=program) as command:
            command.line_with("day_opened")
            seen.starts_s.append(perf_counter() - begun_s)
            with suppress(subprocess.TimeoutExpired):
                command.process.wait(life_s)
            command.send(signal.SIGKILL)
            code = command.ended()
        assert code == -signal.SIGKILL, f"kill {number} of seed {seed} came too late: {code}"
        reader = open_read_only(directory)
        seen.heads.append(reader.head())
        reader.close()
    code, lines = result_of(*day(directory, "max"))
    assert code == 0, lines
    return seen


def differences(killed: Killed, whole: Path) -> Iterator[str]:
    """What a kill has changed; nothing, if all is well."""
    directory = killed.directory
    if told(directory) != told(whole):
        yield "the ledger tells another day than the one without kills"
    for view in ("signals", "orders", "fills", "trades"):
        if rows(directory, view) != rows(whole, view):
            yield f"{view} differ"
    intents = Counter(
        event.key
        for event in recorded(directory, [EventKind.ORDER])
        if event.payload["state"] == "INTENDED"
    )
    yield from (f"order {key} was intended {n} times" for key, n in intents.items() if n > 1)
    reader = open_read_only(directory)
    yield from (
        f"event {seq} was lost" for seq, digest in killed.heads if reader.hash_at(seq) != digest
    )
    reader.close()
    ledger = SqliteLedger(directory)
    try:
        ledger.verify(full=True)
        yield from (f"view {name} differs from its events" for name in ledger.differing_views())
    finally:
        ledger.close()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name, "whole")
        code, lines = result_of(*day(whole, "max"))
        assert code == 0, lines
        killed = killed_day(Path(name, "killed"), asked.kills, asked.seed)
        found = list(differences(killed, whole))
        starts = ", ".join(
            f"{quantile:.1f}" for quantile in np.quantile(killed.starts_s, [0.5, 1.0])
        )
        trades = rows(whole, "trades")
        print(f"{asked.kills} kills, {killed.inside} inside a Minute's transaction")
        print(f"process to running day: median, most {starts} s")
        print(f"{len(trades)} trades, {sum(int(str(one['net_paise'])) for one in trades)} paise")
        print("\n".join(found) or "equal to the day without kills")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
