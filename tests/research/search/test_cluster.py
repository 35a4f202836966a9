"""A cluster gives the bytes of one process, whatever becomes of its workers, or one clear line."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from socket import socket

import pytest
from distributed import Client

from cli import kernel_cache
from cli.vector_gear import frame_of
from core.errors import ConfigError, DataError, TryAgain
from providers.dataset import DataOptions, load
from research.evaluation import TradedSubject
from research.panel.crosses import SmaCross
from research.panel.resample import resample
from research.panel.subject import VectorSubject
from research.panel.vectorized import Terms
from research.search import cluster
from research.search.backends import Failed, Outcome, Task, Threads
from research.search.cluster import Cluster, SharedData, require_equal, versions
from research.search.optimizer import ParamOptimizer
from research.search.space import generate_grid, space_from
from tests.cli.command import LIVELY_SET, call, rows_of, write_csv
from tests.datasets import LIVELY, WEEK, generated, request_on

ROOT = kernel_cache.ROOT
AXES = {
    "sl_mult": [0.0, *(0.5 + 0.1 * step for step in range(9))],  # 0 is not allowed: a failed row
    "tp_mult": [1.0 + 0.1 * step for step in range(12)],
}
POINTS = generate_grid(space_from(AXES))


def free_port() -> int:
    with socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


class Machines:
    """A scheduler and workers, each a process of its own, as they would stand on other machines."""

    def __init__(self) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.workers: list[subprocess.Popen[bytes]] = []
        port = self.address.rpartition(":")[2]
        self.scheduler = self._start("dask_scheduler", "--port", port, "--no-jupyter")

    def add(self, count: int) -> None:
        terms = ("--no-nanny", "--nthreads", "2", "--preload", "cli.cluster_worker")
        self.workers += [self._start("dask_worker", self.address, *terms) for _ in range(count)]

    def kill(self, number: int) -> None:
        os.kill(self.workers[number].pid, signal.SIGKILL)
        self.workers[number].wait()

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    @staticmethod
    def _start(program: str, *terms: str) -> subprocess.Popen[bytes]:
        common = ("--host", "127.0.0.1", "--no-dashboard")
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{program}", *terms, *common],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    started = Machines()
    started.add(3)
    try:
        wait_for(started, 3)
        yield started
    finally:
        started.close()


def wait_for(machines: Machines, count: int) -> None:
    with Client(machines.address, timeout=60.0, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=60.0)


def subject() -> TradedSubject:
    return TradedSubject(request_on(generated("week"), *LIVELY))


@pytest.fixture(scope="module")
def alone() -> list[Outcome]:
    """What one thread of this process says of each set."""
    found = dict(Threads(1).outcomes(Task(subject()), POINTS))
    return [found[place] for place in range(len(POINTS))]


def plain(outcomes: Sequence[Outcome]) -> list[tuple[object, ...]]:
    return [
        tuple(one) if isinstance(one, Failed) else (one.metrics, one.daily.tobytes())
        for one in outcomes
    ]


def by_place(found: Iterable[tuple[int, Outcome]]) -> list[Outcome]:
    """Each set once."""
    listed = list(found)
    assert len(dict(listed)) == len(listed) == len(POINTS)
    return [one for _, one in sorted(listed, key=lambda pair: pair[0])]


# --- with three worker processes -----------------------------------------------------------------


@pytest.mark.slow
def test_three_workers_give_the_score_table_of_one_process_byte_for_byte(
    machines: Machines,
) -> None:
    space = space_from(AXES)
    one = ParamOptimizer(subject(), space, workers=1).run()
    with Cluster(machines.address) as backend:
        many = ParamOptimizer(subject(), space, backend=backend).run()

    assert one.scores.write_ipc(None).getvalue() == many.scores.write_ipc(None).getvalue()
    assert 12 == one.scores["error"].count()
    assert one.daily.tobytes() == many.daily.tobytes()
    assert one.chosen == many.chosen is not None


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["optimize", "walkforward --train 2d --test 1d"])
def test_the_verbs_write_the_same_files_with_a_cluster(
    verb: str,
    machines: Machines,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_csv(tmp_path / "bars.csv", rows_of(generated("week")))
    monkeypatch.chdir(tmp_path)
    line = (*verb.split(), "--data", "bars.csv", *LIVELY_SET, "--min-trades", "1")
    grid = ("--grid", "sl_mult=0.5:1.5:0.25", "tp_mult=1,2,3")

    first = call(capfd, *line, *grid, "--state-dir", "a", "--out", "one", "--workers", "1")
    sent = ("--cluster", machines.address, "--shared-data")
    second = call(capfd, *line, *grid, "--state-dir", "b", "--out", "many", *sent)

    assert (0, 0) == (first.code, second.code), second
    for name in ("run.json", "scores.parquet", "daily.parquet", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()


@pytest.mark.slow
def test_workers_read_the_files_themselves_and_refuse_other_content(
    machines: Machines, tmp_path: Path, alone: list[Outcome]
) -> None:
    write_csv(tmp_path / "bars.csv", rows_of(generated("week")))
    options = DataOptions(closing_auction="none")
    dataset = load([tmp_path / "bars.csv"], options)
    task = Task(TradedSubject(replace(subject().request, dataset=dataset)))
    expected = by_place(Threads(1).outcomes(task, POINTS))

    shared = SharedData((tmp_path / "bars.csv",), options, dataset.data_hash)
    with Cluster(machines.address, shared) as backend:
        assert plain(expected) == plain(by_place(backend.outcomes(task, POINTS)))

    write_csv(tmp_path / "bars.csv", rows_of(generated("week", seed=2)))
    later = replace(task, to_day=WEEK[3])  # another task: nothing of the one before is used
    with (
        Cluster(machines.address, shared) as backend,
        pytest.raises(DataError, match=r"bars.csv has content [0-9a-f]{12} on worker"),
    ):
        list(backend.outcomes(later, POINTS))


@pytest.mark.slow
def test_the_vectorised_gear_gives_the_same_bytes(machines: Machines) -> None:
    frame = resample(frame_of(generated("week")), "5m").collect()
    subject = VectorSubject(frame, SmaCross, Terms(timeframe="5m"), data_hash="week")
    sets = generate_grid(space_from({"fast": [2, 3, 4, 5], "slow": [6, 8, 10, 12, 14]}))

    expected = dict(Threads(1).outcomes(Task(subject), sets))
    with Cluster(machines.address) as backend:
        found = dict(backend.outcomes(Task(subject), sets))

    assert plain([expected[i] for i in range(20)]) == plain([found[i] for i in range(20)])


@pytest.mark.slow
def test_a_search_given_up_leaves_nothing_running(machines: Machines, alone: list[Outcome]) -> None:
    with Cluster(machines.address) as backend:
        outcomes = backend.outcomes(Task(subject()), POINTS)
        next(outcomes)
        outcomes.close()  # as Ctrl-C does

        assert plain(alone) == plain(by_place(backend.outcomes(Task(subject()), POINTS)))


@pytest.mark.slow
def test_killed_workers_lose_nothing_and_change_nothing(
    machines: Machines, alone: list[Outcome]
) -> None:
    with Cluster(machines.address) as backend:
        outcomes = backend.outcomes(Task(subject()), POINTS)
        found = [next(outcomes) for _ in range(10)]
        machines.kill(0)
        found += outcomes
        assert plain(alone) == plain(by_place(found))

        # All that hold the data die; one that has never seen it goes on alone.
        outcomes = backend.outcomes(Task(subject()), POINTS)
        found = [next(outcomes)]
        machines.add(1)
        wait_for(machines, 3)
        machines.kill(1)
        machines.kill(2)
        found += outcomes
        assert plain(alone) == plain(by_place(found))

        # The last one dies; its successor is waited for, as a nanny starts one.
        outcomes = backend.outcomes(Task(subject()), POINTS)
        found = [next(outcomes)]
        machines.kill(3)
        machines.add(1)
        found += outcomes
        assert plain(alone) == plain(by_place(found))


# --- without ------------------------------------------------------------------------------------


def test_a_cluster_that_is_not_there_is_one_clear_line() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(TryAgain, match=f"^cluster {address}: no scheduler answers there$"):
        Cluster(address, connect_s=0.3)
    for wrong in ("127.0.0.1:8786", "http://host:8786", "tcp://host"):
        with pytest.raises(ConfigError, match="is not an address like tcp://host:8786"):
            Cluster(wrong)


def test_without_dask_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"a cluster needs dask: install tradingd\[cluster\]"):
        Cluster("tcp://127.0.0.1:8786")


def test_a_worker_of_other_versions_is_named() -> None:
    ours = versions()
    assert {"python", "numba", "numpy", "polars", "distributed", "tradingd"} == {*ours}

    require_equal("cluster tcp://a:1", ours, {"tcp://b:2": ours})
    with pytest.raises(ConfigError, match=r"^cluster tcp://a:1: worker tcp://b:2 has numba 0\.1, "):
        require_equal("cluster tcp://a:1", ours, {"tcp://b:2": {**ours, "numba": "0.1"}})
    absent = {"tcp://b:2": ModuleNotFoundError("No module named 'research'")}
    with pytest.raises(ConfigError, match="worker tcp://b:2 cannot run this program: No module"):
        require_equal("cluster tcp://a:1", ours, absent)
    with pytest.raises(ConfigError, match="has other versions than we"):
        cluster.work("key", "another", subject(), (None, None), None, [])
