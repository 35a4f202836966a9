"""Crash points: a complete list of names, each in one place, and nobody home in production."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from core.crashpoints import crashpoint
from stores.files import DiskFiles
from tests.faults.crashpoints import ROOT, places, watched

# What reaches a disk or the broker, and the functions in which it may be called: those hold crash
# points. A call that appears elsewhere is one that no campaign ever dies at.
EFFECTS = {
    "COMMIT": {
        "stores/ledger.py:_transaction",
        "stores/market.py:_write",
        "stores/market_tables.py:create_or_check",
    },
    "replace_file": {"stores/files.py:publish"},
    "submit": {"daemon/orders/calls.py:called"},
    "modify": {"daemon/orders/calls.py:called"},
    "cancel": {"daemon/orders/calls.py:called"},
}


def test_names_are_literals_and_each_stands_in_one_place() -> None:
    counts = Counter(name for name, _ in places())

    assert [] == [name for name, count in counts.items() if count > 1]
    assert len(counts) >= 19


def test_every_effect_has_a_point_before_and_one_after() -> None:
    names = {name for name, _ in places()}
    effects = {name.rpartition(".")[0] for name in names} - {"files.write"}

    assert [] == [one for one in sorted(effects) if not {f"{one}.before", f"{one}.after"} <= names]
    assert "ledger.commit.inside" in names


def effect_of(call: ast.Call) -> str | None:
    """What a call does to the world, if it does; os-level renames are `Path.replace` here."""
    if not isinstance(call.func, ast.Attribute):
        return None
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Constant) and first.value == "COMMIT":
        return "COMMIT"
    on_broker = "broker" in ast.unparse(call.func.value)
    if on_broker and call.func.attr in ("submit", "modify", "cancel"):
        return call.func.attr
    if call.func.attr in ("replace", "rename") and len(call.args) == 1:
        return "replace_file"
    return None


def test_nothing_reaches_disk_or_broker_but_where_crash_points_are() -> None:
    found: dict[str, set[str]] = {}
    for package in ("brokers", "stores", "daemon"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                    for call in ast.walk(function):
                        if isinstance(call, ast.Call) and (effect := effect_of(call)):
                            place = f"{path.relative_to(ROOT)}:{function.name}"
                            found.setdefault(effect, set()).add(place)

    assert found == EFFECTS


def test_who_watches_is_told_in_order_and_a_point_may_end_the_process(tmp_path: Path) -> None:
    class Killed(BaseException):
        """As kill -9: nothing catches it."""

    told: list[str] = []

    def reached(name: str) -> None:
        told.append(name)
        if name == "files.rename.before":
            raise Killed

    with watched(reached), pytest.raises(Killed):
        DiskFiles().replace(tmp_path / "head.json", b"new")
    crashpoint("nobody watches any more")

    assert told == ["files.write.before", "files.rename.before"]
    assert not (tmp_path / "head.json").exists()
