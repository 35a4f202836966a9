"""How kernels are compiled: one decorator, so that every rule is built with the same options.

No fastmath and no parallel reductions: the same numbers in the same order in every mode.
The disk cache is used only when the entry point has pointed numba at a folder of its own
(`cli/kernel_cache.py`), because numba does not notice an edit in a callee of another file.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])

# Kernels work in place on arrays they are given and never allocate, so they are built without
# numba's reference counting: passing Holdings and MinuteSpan around by value then costs nothing
# (measured on a day of 1m bars: `trade` 40 ns a bar with it, 20 without, 6 with calls inlined too).
OPTIONS = {"nogil": True, "_nrt": False, "forceinline": True}


def kernel(function: F) -> F:
    """Compile `function` with numba (float64 semantics, allocates nothing, cached where safe)."""
    return _compiled(function, OPTIONS)


def routine(function: F) -> F:
    """As `kernel`, but called where it is used, not written out there: for what stands in many
    places, where inlining costs seconds of compiling."""
    return _compiled(function, OPTIONS | {"forceinline": False})


def ieee(function: F) -> F:
    """As `routine`, and x / 0 is infinite or NaN, not an error: a loop over plain float arrays has
    nothing to stop for and can use the vector unit. No fastmath either."""
    return _compiled(function, OPTIONS | {"forceinline": False, "error_model": "numpy"})


def _compiled(function: F, options: Mapping[str, object]) -> F:
    njit = cast("Any", numba.njit)  # `_nrt` is an option numba keeps for itself
    compiled = njit(cache=bool(cast("Any", numba.config).CACHE_DIR), **options)(function)
    return cast("F", compiled)
