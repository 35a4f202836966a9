"""How kernels are compiled: exact float64, nothing allocated, the same text with jit disabled."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from core.jit import OPTIONS, ieee, kernel, routine

ROOT = Path(__file__).resolve().parents[2]
JIT = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]


@kernel
def summed(values: np.ndarray) -> float:
    total = 0.0
    for i in range(len(values)):
        total += values[i]
    return total


@routine
def doubled(value: int) -> int:
    return 2 * value


@kernel
def doubled_twice(value: int) -> int:
    return doubled(doubled(value))


def test_a_kernel_calls_a_routine() -> None:
    assert 12 == doubled_twice(3)


@ieee
def quotients(above: np.ndarray, below: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(out)):
        out[i] = above[i] / below[i]


def test_a_loop_of_ieee_arithmetic_divides_by_zero_without_an_error() -> None:
    """Arrays of numpy do so with the interpreter as well, and warn."""
    out = np.empty(3)
    with np.errstate(divide="ignore", invalid="ignore"):
        quotients(np.array([1.0, -1.0, 0.0]), np.zeros(3), out)
    assert np.array_equal(out, [np.inf, -np.inf, np.nan], equal_nan=True)


def test_sums_keep_their_order() -> None:
    values = np.array([1e16, 1.0, -1e16, 1.0] * 8)
    expected = 0.0
    for value in values.tolist():
        expected += value

    assert expected == summed(values)


def test_neither_fastmath_nor_parallel_reductions_are_asked_for() -> None:
    assert not {"fastmath", "parallel"} & set(OPTIONS)


@pytest.mark.skipif(not JIT, reason="numba is disabled for this run")
def test_a_kernel_is_compiled() -> None:
    assert isinstance(summed, numba.core.registry.CPUDispatcher)


@kernel
def allocating(count: int) -> float:
    values = np.zeros(count)
    for i in range(count):
        values[i] = i
    return float(values[count - 1])


@pytest.mark.skipif(not JIT, reason="numba is disabled for this run")
def test_a_kernel_that_allocates_is_not_built() -> None:
    """Kernels are built without reference counting: an array of their own would never be freed."""
    with pytest.raises(numba.core.errors.NumbaError):
        allocating(3)


def test_without_a_folder_of_its_own_nothing_is_cached() -> None:
    """numba would not notice an edit in a callee, so an unprepared program compiles anew."""
    code = "from core.bars import emit; print(type(emit._cache).__name__)"
    environ = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "NullCache" == ran.stdout.strip()
