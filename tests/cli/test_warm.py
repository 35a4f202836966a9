"""A start whose kernels are not compiled yet has it done before the day begins."""

import sys
from pathlib import Path

import pytest

from cli import warm
from cli.kernel_cache import VARIABLE, WHOLE

COMPILES = f"""
import os, pathlib
assert not [name for name in os.environ if name.startswith("TRADINGD_")]
assert not pathlib.Path("tradingd.toml").exists()
pathlib.Path(os.environ["{VARIABLE}"], "{WHOLE}").touch()
"""


def started(environ: dict[str, str], code: str) -> list[str]:
    told: list[str] = []
    warm.ahead(told.append, environ, (sys.executable, "-c", code))
    return told


def test_a_cache_that_lacks_kernels_is_filled_once_and_nothing_of_ours_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "one.nbi").touch()  # of a test, or of a start that was broken off
    (tmp_path / "tradingd.toml").write_text("symbols = 7")
    monkeypatch.chdir(tmp_path)
    environ = {VARIABLE: str(cache), "TRADINGD_SYMBOLS": "NOBODY"}

    assert ["kernels      compiled once for this version, half a minute"] == started(
        environ, COMPILES
    )
    assert [] == started(environ, "raise SystemExit(1)")


def test_without_a_folder_nothing_is_compiled_ahead() -> None:
    assert [] == started({}, "raise SystemExit(1)")


def test_what_cannot_be_compiled_ahead_is_told_and_no_more(tmp_path: Path) -> None:
    told = started({VARIABLE: str(tmp_path)}, "raise SystemExit('no room')")

    assert ["kernels      not compiled ahead: no room"] == told[1:]
