"""The oracle agrees with the expected results that lie beside the checkout.

All ten folders take half a minute: `python -m tests.oracle.compare ../shared`.
"""

from pathlib import Path

import pytest

from tests.oracle.compare import EXPECTED, expected_differences

SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no expected results at {SHARED}")
@pytest.mark.parametrize("folder", EXPECTED)
def test_expected_folder_agrees_row_by_row(folder: str) -> None:
    assert expected_differences(folder, SHARED) == []
