"""What every test starts from: kernels cached per sources, seeded properties, the shared data."""

import signal
from pathlib import Path

import pytest
from hypothesis import settings

from cli import kernel_cache

kernel_cache.prepare()  # before any test module imports numba

# A shell gives its background jobs an ignored SIGINT, and they theirs: ours are to be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent

# The same examples on every machine; a first call compiles, so no example has a deadline.
settings.register_profile("tradingd", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("tradingd")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and expected results beside the checkout."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("needs ../shared/data beside the checkout")
    return folder
