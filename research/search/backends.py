"""Where sets are evaluated: threads of this process or other processes; a cluster is one more.

A backend decides only who works. What comes of a set is `outcomes_of`, here for all of them, so
that results are the same bytes wherever they were made.

Threads share one evaluator, read-only: kernels run without the interpreter's lock, each on one
core, so `workers` threads use so many cores and nothing needs a cap. Processes are for strategies
in plain Python, which hold that lock; each is told to use one thread in its own libraries
(OMP_NUM_THREADS, NUMBA_NUM_THREADS and their like).
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from joblib import Parallel, delayed, parallel_config

from backtest.run import Gear
from core.errors import ConfigError, TradingdError
from research.evaluation import Evaluated, Evaluator, Subject, Values

MAX_WORKERS = 256
CHUNK, BATCHED_CHUNK = 16, 512  # sets handed over at once; the second to whoever likes many
CHUNKS_PER_WORKER = 8  # at least so many, that all end at about the same time
MAX_ERROR_LENGTH = 300


class Failed(NamedTuple):
    """A set that could not be evaluated, and why, in one line."""

    error: str


Outcome = Evaluated | Failed


@dataclass(frozen=True, slots=True)
class Task:
    """A subject over one span. Can be pickled for another process."""

    subject: Subject
    from_day: int | None = None
    to_day: int | None = None

    @property
    def key(self) -> str:
        """The same for what gives the same answers."""
        return digest_of(
            {**self.subject.identity, "from_day": self.from_day, "to_day": self.to_day}
        )

    def evaluator(self) -> Evaluator:
        return self.subject.evaluator(self.from_day, self.to_day)


class Backend(Protocol):
    def outcomes(self, task: Task, sets: Sequence[Values]) -> Iterator[tuple[int, Outcome]]:
        """The place of each set in `sets` and what came of it: each once, in any order."""


class Threads:
    """Of this process; they keep the evaluator of the last task."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._last: tuple[str, Evaluator] | None = None

    def outcomes(self, task: Task, sets: Sequence[Values]) -> Iterator[tuple[int, Outcome]]:
        key = task.key
        if self._last is None or self._last[0] != key:
            self._last = key, task.evaluator()
        evaluator = self._last[1]
        pool = Parallel(self.workers, backend="threading", return_as="generator_unordered")
        chunks = chunked(len(sets), self.workers, is_batched=is_batched(evaluator))
        yield from _placed(pool(delayed(_here)(evaluator, sets, chunk) for chunk in chunks))


class Processes:
    """Each makes an evaluator of its own from the task; large arrays are mapped, not copied."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def outcomes(self, task: Task, sets: Sequence[Values]) -> Iterator[tuple[int, Outcome]]:
        key = task.key
        with parallel_config(backend="loky", inner_max_num_threads=1):
            pool = Parallel(self.workers, return_as="generator_unordered")
            chunks = chunked(len(sets), self.workers, is_batched=False)
            done = pool(
                delayed(_there)(key, task, [sets[i] for i in chunk], chunk) for chunk in chunks
            )
        yield from _placed(done)


def backend_for(subject: Subject, workers: int | None) -> Backend:
    """Processes for plain Python, else threads. Raises ConfigError for a number of workers."""
    count = (os.cpu_count() or 1) if workers is None else workers
    if not 1 <= count <= MAX_WORKERS:
        raise ConfigError(f"{count} workers are not 1 to {MAX_WORKERS}")
    holds_the_lock = subject.identity.get("gear") == Gear.EVENT
    return Processes(count) if holds_the_lock and count > 1 else Threads(count)


def outcomes_of(evaluator: Evaluator, sets: Sequence[Values]) -> list[Outcome]:
    """One outcome a set, in order. A set that fails is an outcome as well, whatever it raised."""
    many = getattr(evaluator, "evaluate_many", None)
    if many is not None and len(sets) > 1:
        try:
            return list(many(sets))
        except Exception:  # noqa: BLE001 - which one it was is told by asking one by one
            pass
    return [_outcome(evaluator, values) for values in sets]


def digest_of(values: Mapping[str, object]) -> str:
    """SHA-256 of plain JSON; order of the keys apart."""
    text = json.dumps(dict(values), sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def is_batched(evaluator: Evaluator) -> bool:
    return hasattr(evaluator, "evaluate_many")


def chunked(count: int, workers: int, *, is_batched: bool) -> list[range]:
    """Numbers of sets, in order, in pieces that keep every worker busy to the end."""
    most = BATCHED_CHUNK if is_batched else CHUNK
    size = min(max(1, count // (workers * CHUNKS_PER_WORKER)), most)
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _outcome(evaluator: Evaluator, values: Values) -> Outcome:
    try:
        return evaluator.evaluate(values)
    except Exception as error:  # noqa: BLE001 - whatever it raises, the set is a row
        return Failed(_line(error))


def _line(error: Exception) -> str:
    said = str(error) if isinstance(error, TradingdError) else f"{type(error).__name__}: {error}"
    return " ".join(said.split())[:MAX_ERROR_LENGTH]


Done = tuple[range, list[Outcome]]
_evaluators: dict[str, Evaluator] = {}  # of this worker process: that of its last task


def _here(evaluator: Evaluator, sets: Sequence[Values], chunk: range) -> Done:
    return chunk, outcomes_of(evaluator, [sets[i] for i in chunk])


def _there(key: str, task: Task, sets: Sequence[Values], chunk: range) -> Done:
    if key not in _evaluators:
        _evaluators.clear()
        _evaluators[key] = task.evaluator()
    return chunk, outcomes_of(_evaluators[key], sets)


def _placed(done: Iterator[Done]) -> Iterator[tuple[int, Outcome]]:
    for chunk, outcomes in done:
        yield from zip(chunk, outcomes, strict=True)
