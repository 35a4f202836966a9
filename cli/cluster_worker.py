"""What a Dask worker loads first (`--preload cli.cluster_worker`): it finds kernels compiled then.

Decides nothing; must run before numba is imported, as `cli/kernel_cache.py` says.
"""

from cli import kernel_cache


def dask_setup(worker: object) -> None:
    """Called by Dask in the process of `worker`, before its first batch."""
    kernel_cache.prepare()
