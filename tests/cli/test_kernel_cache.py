"""Compiled kernels are reused only for the very sources they were made of."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli import kernel_cache

ROOT = Path(kernel_cache.__file__).resolve().parent.parent
OLD_S = 1_600_000_000

CALLEE = "from core.jit import kernel\n\n@kernel\ndef callee(x):\n    return x + {step}\n"
CALLER = (
    "from core.callee import callee\nfrom core.jit import kernel\n\n"
    "@kernel\ndef caller(x):\n    return callee(x)\n"
)
CALL = "from core.caller import caller; print(caller(1), sum(caller.stats.cache_hits.values()))"
PREPARED = f"from cli import kernel_cache; kernel_cache.prepare(); {CALL}"

DRIVE_ALL = """
from cli import kernel_cache
kernel_cache.prepare()
import importlib, pkgutil
import numpy as np
import strategies
from core.types import STRATEGY_BAR
from strategies.kernel import KernelStrategy
names = [f"strategies.{found.name}" for found in pkgutil.iter_modules(strategies.__path__)]
modules = [importlib.import_module(name) for name in names]
specs = [module.SPEC for module in modules if hasattr(module, "SPEC")]
for spec in specs:
    KernelStrategy(spec, spec.settings(), 1).on_bars(np.zeros(3, STRATEGY_BAR))
    print(spec.name, sum(spec.drive.stats.cache_hits.values()))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A miniature of this checkout: two kernels, one calling the other across files."""
    root = tmp_path / "checkout"
    for package in ("core", "strategies", "cli"):
        (root / package).mkdir(parents=True)
        (root / package / "__init__.py").touch()
    shutil.copy(ROOT / "core" / "jit.py", root / "core")
    shutil.copy(ROOT / "cli" / "kernel_cache.py", root / "cli")
    (root / "core" / "callee.py").write_text(CALLEE.format(step=1))
    (root / "core" / "caller.py").write_text(CALLER)
    return root


def run(root: Path, base: Path, program: str) -> list[str]:
    environ = {k: v for k, v in os.environ.items() if k != "NUMBA_DISABLE_JIT"}
    environ |= {"NUMBA_CACHE_DIR": str(base), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def cached(base: Path) -> set[str]:
    return {str(path.relative_to(base)) for path in base.rglob("*.nb?")}


def test_an_edited_callee_recompiles_its_cached_caller(checkout: Path, tmp_path: Path) -> None:
    base = tmp_path / "kernels"
    before = run(checkout, base, PREPARED)
    (checkout / "core" / "callee.py").write_text(CALLEE.format(step=10))
    after = run(checkout, base, PREPARED)

    assert ["2 0"] == before
    assert ["11 0"] == after


def test_numba_alone_would_keep_the_old_callee(checkout: Path, tmp_path: Path) -> None:
    # The hazard itself: the day this fails, `kernel_cache` can go.
    base = tmp_path / "kernels"
    run(checkout, base, CALL)
    (checkout / "core" / "callee.py").write_text(CALLEE.format(step=10))

    assert ["2 1"] == run(checkout, base, CALL)


def test_a_second_start_hits_the_cache_and_adds_no_file(checkout: Path, tmp_path: Path) -> None:
    base = tmp_path / "kernels"
    run(checkout, base, PREPARED)
    first = cached(base)
    hits = run(checkout, base, PREPARED)

    assert ["2 1"] == hits
    assert first == cached(base) != set()


@pytest.mark.slow
def test_every_strategy_is_driven_from_the_cache_at_its_second_start(tmp_path: Path) -> None:
    # A copy, because an edit between the two starts would rightly compile anew.
    for package in ("core", "strategies", "cli"):
        shutil.copytree(ROOT / package, tmp_path / "checkout" / package)
    base, root = tmp_path / "kernels", tmp_path / "checkout"
    strategies = [line.split()[0] for line in run(root, base, DRIVE_ALL)]
    first = cached(base)
    hits = dict(line.split() for line in run(root, base, DRIVE_ALL))

    assert "pixity" in strategies
    assert dict.fromkeys(strategies, "1") == hits
    assert first == cached(base)


def test_sources_versions_and_nothing_else_make_the_digest(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = kernel_cache._digest(checkout)
    (checkout / "cli" / "other.py").write_text("x = 1\n")
    (checkout / "research").mkdir()
    (checkout / "research" / "page.py").write_text("x = 1\n")
    same = kernel_cache._digest(checkout)
    (checkout / "research" / "fast.py").write_text("from core.jit import kernel\n")
    other_kernel = kernel_cache._digest(checkout)
    monkeypatch.setattr(kernel_cache, "version", lambda name: "99")
    other_version = kernel_cache._digest(checkout)
    monkeypatch.undo()
    (checkout / "strategies" / "new.py").write_text("x = 1\n")
    other_source = kernel_cache._digest(checkout)

    assert digest == same
    assert 4 == len({digest, other_kernel, other_version, other_source})


@pytest.fixture
def unstarted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "numba", raising=False)


@pytest.mark.usefixtures("unstarted")
@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("NUMBA_CACHE_DIR", "{}"),
        ("XDG_CACHE_HOME", "{}/tradingd/kernels"),
        ("HOME", "{}/.cache/tradingd/kernels"),
    ],
)
def test_the_base_is_what_the_user_or_the_system_says(
    variable: str, expected: str, checkout: Path, tmp_path: Path
) -> None:
    environ = {variable: str(tmp_path)}
    folder = kernel_cache.prepare(environ, checkout)

    assert folder is not None
    assert Path(expected.format(tmp_path)) == folder.parent
    assert str(folder) == environ["NUMBA_CACHE_DIR"]


@pytest.mark.usefixtures("unstarted")
def test_a_child_process_uses_the_folder_of_its_parent(checkout: Path, tmp_path: Path) -> None:
    environ = {"NUMBA_CACHE_DIR": str(tmp_path)}
    parent = kernel_cache.prepare(environ, checkout)

    assert parent == kernel_cache.prepare(environ, checkout)


@pytest.mark.usefixtures("unstarted")
def test_without_a_writable_folder_nothing_is_cached(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environ = {"NUMBA_CACHE_DIR": str(tmp_path / "file" / "kernels")}

    assert kernel_cache.prepare(environ, checkout) is None
    assert {} == environ


@pytest.mark.usefixtures("unstarted")
def test_with_jit_disabled_nothing_is_touched(checkout: Path, tmp_path: Path) -> None:
    environ = {"NUMBA_CACHE_DIR": str(tmp_path / "kernels"), "NUMBA_DISABLE_JIT": "1"}

    assert kernel_cache.prepare(environ, checkout) is None
    assert not (tmp_path / "kernels").exists()


def test_once_numba_is_imported_it_is_too_late(checkout: Path, tmp_path: Path) -> None:
    import numba  # noqa: F401

    environ = {"NUMBA_CACHE_DIR": str(tmp_path / "kernels")}

    assert kernel_cache.prepare(environ, checkout) is None
    assert not (tmp_path / "kernels").exists()


@pytest.mark.usefixtures("unstarted")
def test_only_old_folders_of_ours_are_removed(checkout: Path, tmp_path: Path) -> None:
    old, recent, foreign = (tmp_path / name for name in ("0" * 16, "1" * 16, "photographs"))
    for folder in (old, recent, foreign):
        folder.mkdir()
    os.utime(old, (OLD_S, OLD_S))
    os.utime(foreign, (OLD_S, OLD_S))
    folder = kernel_cache.prepare({"NUMBA_CACHE_DIR": str(tmp_path)}, checkout)

    assert {folder, recent, foreign} == set(tmp_path.iterdir()) - {checkout}
