"""Sets evaluated by the workers of a Dask cluster: one more backend, with the same answers.

It decides where a batch goes and what is done about a worker that dies. A batch is pure: lost, it
is done again elsewhere. Workers must be the same program, in the same versions.
"""

import platform
import re
import threading
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from core.errors import ConfigError, DataError, TryAgain
from providers.dataset import DataOptions, load
from research.evaluation import Evaluator, Subject, TradedSubject, Values
from research.search.backends import Outcome, Task, chunked, digest_of, outcomes_of
from strategies.identity import ROOT, code_digest

if TYPE_CHECKING:
    from distributed import Client, Future

ADDRESS = re.compile(r"(tcp|tls)://[^/:\s]+:[0-9]{1,5}")
CONNECT_S = 10.0
PATIENCE_S = 20.0  # without a batch done, before the cluster is looked at
MAX_ATTEMPTS = 5  # of one batch: its worker died, or its data was lost with one
PROGRAM = ("research", "backtest", "providers", "stores")  # with core and strategies
QUIET = dict.fromkeys(("distributed", "distributed.client"), "critical")
PACKAGES = ("numba", "numpy", "polars", "distributed")


@dataclass(frozen=True, slots=True)
class SharedData:
    """Files that every worker sees under the same paths; `data_hash` says what is in them."""

    paths: tuple[Path, ...]
    options: DataOptions
    data_hash: str


class Cluster:
    """The backend; to be closed.

    The data of a subject goes to every worker once and stays there while the subject is the same,
    whatever span of it is asked for: sent from here, or, with `shared`, read by each worker from
    the storage it shares with us, and refused if its content is other than ours.

    Args:
        address: of the scheduler, `tcp://host:port`, or `tls://` with Dask's own settings for it.
        connect_s: how long somebody may take to answer there, and a worker to come.

    Raises:
        ConfigError: dask is not installed, the address is none, or a worker has other versions.
        TryAgain: nobody answers there, or no worker is left.
    """

    def __init__(
        self, address: str, shared: SharedData | None = None, connect_s: float = CONNECT_S
    ) -> None:
        self.address, self.shared, self.wait_s = address, shared, connect_s
        self._client = _connected(address, connect_s)
        self._placed: tuple[str, Future] | None = None
        try:
            self._threads()
            found = self._client.run(versions, on_error="return")
            require_equal(str(self), versions(), found)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the cluster; what is still asked of it is cancelled."""
        with _quiet():
            self._client.close(timeout=CONNECT_S)

    def outcomes(self, task: Task, sets: Sequence[Values]) -> Iterator[tuple[int, Outcome]]:
        """As `Backend.outcomes`; a batch whose worker died is sent again, at most MAX_ATTEMPTS
        times. Cancels what is left when it is not iterated to its end."""
        from distributed import CancelledError, KilledWorker

        light, of_subject = self._without_data(task.subject), digest_of(task.subject.identity)
        span, program = (task.from_day, task.to_day), digest_of(versions())
        left = chunked(len(sets), sum(self._threads().values()), is_batched=True)
        attempts = dict.fromkeys(left, 0)
        asked: dict[Future, range] = {}
        try:
            while left or asked:
                for batch in left:
                    attempts[batch] += 1
                    if attempts[batch] > MAX_ATTEMPTS:
                        raise TryAgain(
                            f"{self}: the same sets were lost {MAX_ATTEMPTS} times with workers"
                        )
                    subject = self._place(of_subject, light)
                    terms = task.key, program, subject, span, self.shared
                    values = [sets[i] for i in batch]
                    asked[self._client.submit(work, *terms, values, pure=False)] = batch
                left = []
                for future in self._some_of(asked):
                    batch = asked.pop(future)
                    try:
                        found = future.result(timeout=PATIENCE_S)
                    except (KilledWorker, CancelledError, TimeoutError):
                        self._placed = None  # the data may have gone with the worker
                        left.append(batch)
                        continue
                    yield from zip(batch, found, strict=True)
        except OSError as error:
            raise TryAgain(f"{self}: the connection is lost: {error}") from error
        finally:
            if asked and self._client.status == "running":
                self._client.cancel(list(asked))

    def __str__(self) -> str:
        return f"cluster {self.address}"

    def _some_of(self, asked: Collection["Future"]) -> list["Future"]:
        """Those that are over, also lost ones; waits for the first. Raises TryAgain for a cluster
        that is gone."""
        from distributed import CancelledError, wait

        try:
            with self._client.as_current():
                wait(list(asked), PATIENCE_S, "FIRST_COMPLETED")
        except (TimeoutError, CancelledError):
            if self._client.status != "running":
                raise TryAgain(f"{self}: the connection is lost") from None
            self._threads()
        return [future for future in asked if future.done()]

    # --- workers and data ------------------------------------------------------------------------

    def _threads(self) -> dict[str, int]:
        """Threads of each worker. Raises TryAgain if there is none and none comes: one that died
        is started again by its nanny within seconds."""
        try:
            self._client.wait_for_workers(1, self.wait_s)
        except TimeoutError:
            raise TryAgain(f"{self} has no worker") from None
        threads: dict[str, int] = self._client.nthreads()
        return threads

    def _without_data(self, subject: Subject) -> Subject:
        """What is sent: the subject, or that less the bars that workers read themselves."""
        if self.shared is None or not isinstance(subject, TradedSubject):
            return subject
        dataset = subject.request.dataset
        empty = replace(dataset, bars=dataset.bars[:0], outside=dataset.outside[:0])
        return TradedSubject(replace(subject.request, dataset=empty))

    def _place(self, key: str, subject: Subject) -> "Future":
        if self._placed is None or self._placed[0] != key:
            sent = self._client.scatter(subject, broadcast=True, hash=False)
            self._placed = key, sent
        return self._placed[1]


def _connected(address: str, connect_s: float) -> "Client":
    if not ADDRESS.fullmatch(address):
        raise ConfigError(f"cluster {address!r} is not an address like tcp://host:8786")
    try:
        import dask

        with dask.config.set({"logging": QUIET}):  # read when it is imported
            from distributed import Client
    except ImportError as error:
        raise ConfigError("a cluster needs dask: install tradingd[cluster]") from error
    try:
        with _quiet():
            return Client(address, timeout=connect_s, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise TryAgain(f"cluster {address}: no scheduler answers there") from error


def require_equal(
    cluster: str, ours: Mapping[str, str], found: Mapping[str, Mapping[str, str] | BaseException]
) -> None:
    """Raises ConfigError for the first worker, by address, that is not what we are."""
    for worker, theirs in sorted(found.items()):
        if isinstance(theirs, BaseException):
            raise ConfigError(f"{cluster}: worker {worker} cannot run this program: {theirs}")
        for name, wanted in ours.items():
            if theirs.get(name) != wanted:
                raise ConfigError(
                    f"{cluster}: worker {worker} has {name} {theirs.get(name)}, here it is {wanted}"
                )


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask warns of other versions in its own way; we refuse them in one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# --- on a worker ---------------------------------------------------------------------------------

_lock = threading.Lock()
_evaluators: dict[str, Evaluator] = {}  # of this worker process: that of its last task


@cache
def versions() -> dict[str, str]:
    """What must be the same everywhere: Python, packages, and the program's own sources."""
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "tradingd": _sources(),
    }


def _sources() -> str:
    digest = sha256(code_digest([]).encode())
    for path in sorted(path for part in PROGRAM for path in (ROOT / part).rglob("*.py")):
        digest.update(f"\0{path.relative_to(ROOT).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def work(
    key: str,
    program: str,
    subject: Subject,
    span: tuple[int | None, int | None],
    shared: SharedData | None,
    sets: Sequence[Values],
) -> list[Outcome]:
    """One batch, by the evaluator that this process keeps for its task.

    Raises ConfigError in a process of another program: a worker may join at any time.
    """
    if digest_of(versions()) != program:
        raise ConfigError(f"a worker on {platform.node()} has other versions than we")
    with _lock:  # one thread makes it, the others want the same
        if key not in _evaluators:
            _evaluators.clear()
            whole = subject if shared is None else _with_data(subject, shared)
            _evaluators[key] = whole.evaluator(*span)
        evaluator = _evaluators[key]
    return outcomes_of(evaluator, sets)


def _with_data(light: Subject, shared: SharedData) -> Subject:
    subject: Any = light
    dataset = load(shared.paths, shared.options)
    if dataset.data_hash != shared.data_hash:
        raise DataError(
            f"{shared.paths[0]} has content {dataset.data_hash[:12]} on worker {platform.node()},"
            f" not {shared.data_hash[:12]}"
        )
    return TradedSubject(replace(subject.request, dataset=dataset))
