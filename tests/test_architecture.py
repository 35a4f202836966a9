"""The house rules a machine can check, read from the text of every source file.

Each rule is a function from a file to its offences, and each is shown a planted offence as well,
so that none can pass by being blind.
"""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Imports go down only, and never sideways (design 2). A package may import those named here.
LADDER: dict[str, set[str]] = {
    "core": set(),
    "strategies": {"core"},
    "providers": {"core"},
    "stores": {"core"},
    "brokers": {"core", "strategies", "providers", "stores"},
    "sandbox": {"core", "strategies", "providers", "stores"},
    "backtest": {"core", "strategies", "providers", "stores"},
}
LADDER["daemon"] = {*LADDER} - {"sandbox"}
LADDER["research"] = {*LADDER} - {"daemon"}
LADDER["cli"] = {*LADDER}
BESIDE = {"benchmarks", "tests"}  # may import everything, are imported by nobody

CORE_MAY_IMPORT = {"numpy", "numba"}
CORE_MUST_NOT_IMPORT = {
    *("asyncio", "time", "random", "secrets", "uuid"),  # clock and chance
    *("io", "os", "pathlib", "shutil", "tempfile", "sqlite3", "subprocess"),  # files, environment
    *("socket", "ssl", "http", "urllib", "select", "selectors"),
    *("logging", "threading", "multiprocessing", "concurrent", "signal", "zoneinfo"),
}
CORE_MUST_NOT_CALL = {"open", "print", "input", "now", "utcnow", "today", "fromtimestamp"}
ZONE_CODE = {"zoneinfo", "pytz", "dateutil", "tzlocal"}
# What may stand in the text of a statement besides constants: names of our own tables and columns,
# never input. A new line here is a decision.
SQL_IDENTIFIERS: dict[str, set[str]] = {
    "stores/market.py": {"statements[0].query.rstrip('; ')"},  # one parsed SELECT, read-only
    "stores/market_tables.py": {"table", "name", "', '.join(values)"},
    # Names of our tables and columns; `inner` is one parsed SELECT, its columns numbered by us.
    "stores/answer.py": {"columns", "chosen", "inner"},
    "stores/query.py": {"table", "columns"},
    "stores/views.py": {"view", "', '.join(columns)", "', '.join(names)", "', :'.join(names)"},
}
MAX_LINES = 450

SQL = re.compile(r"\s*(select|insert|update|delete|create|drop|alter|attach|copy|pragma)\b", re.I)
LEFT_OVER = re.compile(
    r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b"
)
# A registry host or the path of one machine works for nobody else.
FOREIGN = re.compile(
    r"://[\w.-]*(?:" + "|".join(["py" + "pi", "python" + "hosted", "npm" + "js"]) + r")[\w.-]*\.\w+"
    r"|(?<![\w.$~)}])/(?:"
    + "|".join(["wo" + "rk", "ho" + "me/\\w+", "Us" + "ers", "ro" + "ot", "fa" + "rm"])
    + r")/",
    re.I,
)


@dataclass(frozen=True)
class Source:
    """One Python file: its place in the tree and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def package(self) -> str:
        return self.path.split("/", 1)[0]

    def imports(self) -> Iterator[tuple[int, str]]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.lineno, "." * node.level + (node.module or "")


Offences = Iterator[str]


def climbs(source: Source) -> Offences:
    """Imports that go up or sideways."""
    for line, name in source.imports():
        root = name.split(".", 1)[0]
        allowed = LADDER.get(source.package)
        if root == "":
            yield f"{source.path}:{line} imports {name} relatively"
        elif allowed is not None and root in {*LADDER, *BESIDE} - {*allowed, source.package}:
            yield f"{source.path}:{line} {source.package} must not import {root}"


def impure(source: Source) -> Offences:
    """In core: anything but stdlib and numpy; clock, chance, files, sockets, log, environment."""
    if source.package != "core":
        return
    for line, name in source.imports():
        root = name.split(".", 1)[0]
        if root in CORE_MUST_NOT_IMPORT or root not in {
            *sys.stdlib_module_names,
            *CORE_MAY_IMPORT,
            "core",
        }:
            yield f"{source.path}:{line} core must not import {name}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            called = node.func
            name = getattr(called, "attr", getattr(called, "id", ""))
            if name in CORE_MUST_NOT_CALL:
                yield f"{source.path}:{node.lineno} core must not call {name}()"
        elif isinstance(node, ast.AsyncFunctionDef) and not _is_protocol_body(node):
            yield f"{source.path}:{node.lineno} core must not await"


def _is_protocol_body(node: ast.AsyncFunctionDef) -> bool:
    """A seam's signature: a docstring and `...` at most."""
    return all(
        isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) for part in node.body
    )


def zoned(source: Source) -> Offences:
    """Time-zone code outside core/session.py."""
    if source.path == "core/session.py" or source.package in BESIDE:
        return
    for line, name in source.imports():
        if name.split(".", 1)[0] in ZONE_CODE:
            yield f"{source.path}:{line} time zones belong to core/session.py"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {
            "astimezone",
            "localtime",
            "tzset",
        }:
            yield f"{source.path}:{node.lineno} time zones belong to core/session.py"


def logs(source: Source) -> Offences:
    """A log other than structlog, anywhere."""
    for line, name in source.imports():
        root = name.split(".", 1)[0]
        if root in {"logging", "loguru"} and source.path != "daemon/telemetry.py":
            yield f"{source.path}:{line} logs through {root}, not structlog"


def builds_sql(source: Source) -> Offences:
    """Statements put together from values: f-strings, %, + and format."""
    for node in ast.walk(source.tree):
        inserted: list[ast.expr] = []
        match node:
            case ast.JoinedStr(values=[ast.Constant(value=str(head)), *_]):
                inserted = [
                    part.value for part in node.values if isinstance(part, ast.FormattedValue)
                ]
            case ast.BinOp(left=ast.Constant(value=str(head)), op=ast.Mod() | ast.Add()):
                inserted = [node.right]
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(head)), attr="format")):
                inserted = [*node.args, *(word.value for word in node.keywords)]
            case _:
                continue
        for value in inserted:
            fixed = _is_constant(value) or ast.unparse(value) in SQL_IDENTIFIERS.get(
                source.path, set()
            )
            if SQL.match(head) and not fixed:
                yield f"{source.path}:{node.lineno} puts {ast.unparse(value)} into a statement"


def _is_constant(value: ast.expr) -> bool:
    """Made of literals and upper-case names only, also through a function."""
    functions = {id(node.func) for node in ast.walk(value) if isinstance(node, ast.Call)}
    names = [node for node in ast.walk(value) if isinstance(node, ast.Name)]
    return all(name.id.isupper() or id(name) in functions for name in names)


def undocumented(source: Source) -> Offences:
    """A module that does not say what it decides; __init__.py stays empty instead."""
    if source.path.endswith("__init__.py"):
        if source.text.strip():
            yield f"{source.path} must be empty"
    elif not ast.get_docstring(source.tree):
        yield f"{source.path} has no docstring"


def too_long(source: Source) -> Offences:
    lines = source.text.count("\n")
    if lines > MAX_LINES:
        yield f"{source.path} has {lines} lines, over {MAX_LINES}: two ideas?"


def unfinished(source: Source) -> Offences:
    """Markers of work not done, in comments and strings, and stubs."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if LEFT_OVER.search(line):
            yield f"{source.path}:{number} is a left-over marker"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id == "NotImplemented" + "Error":
            yield f"{source.path}:{node.lineno} is a stub"


Rule = Callable[[Source], Offences]

# Every rule with an offence it must see: (path, text).
PLANTED: list[tuple[Rule, str, str]] = [
    (climbs, "core/a.py", "import strategies.pixity"),
    (climbs, "strategies/a.py", "from providers import replay"),
    (climbs, "stores/a.py", "def f():\n    import daemon.config"),
    (climbs, "backtest/a.py", "import brokers.paper"),
    (climbs, "daemon/a.py", "from research.dataset import load"),
    (climbs, "daemon/a.py", "import cli.main"),
    (climbs, "core/rules/a.py", "from . import fees"),
    (climbs, "cli/a.py", "import tests.fakes"),
    (impure, "core/a.py", "import polars"),
    (impure, "core/a.py", "import asyncio"),
    (impure, "core/rules/a.py", "from os import environ"),
    (impure, "core/a.py", "import structlog"),
    (impure, "core/a.py", "x = open('f')"),
    (impure, "core/a.py", "import datetime\nx = datetime.datetime.now()"),
    (impure, "core/a.py", "async def f():\n    await g()"),
    (zoned, "daemon/a.py", "from zoneinfo import ZoneInfo"),
    (zoned, "backtest/a.py", "x = moment.astimezone(zone)"),
    (logs, "daemon/a.py", "import logging"),
    (builds_sql, "stores/a.py", "run(f'select * from t where symbol = {symbol}')"),
    (builds_sql, "stores/a.py", "run(f'select * from {view}')"),
    (builds_sql, "stores/a.py", "run('delete from t where id = ' + key)"),
    (builds_sql, "stores/a.py", "run('SELECT %s' % key)"),
    (builds_sql, "stores/a.py", "run('insert into t values ({})'.format(key))"),
    (undocumented, "stores/a.py", "import sqlite3"),
    (undocumented, "core/__init__.py", "from core.types import BAR"),
    (too_long, "core/a.py", "x = 1\n" * (MAX_LINES + 1)),
    (unfinished, "core/a.py", "x = 1  # TO" + "DO later"),
    (unfinished, "core/a.py", "def f():\n    raise NotImplemented" + "Error"),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in PLANTED))

# What looks like an offence and is none.
INNOCENT: list[tuple[Rule, str, str]] = [
    (climbs, "cli/a.py", "import daemon.config, research.dataset, core.types"),
    (climbs, "tests/a.py", "import cli.main"),
    (impure, "core/a.py", "import math\nimport numpy as np\nfrom core.rules import fees"),
    (impure, "core/a.py", 'async def f():\n    """A seam."""\n    ...'),
    (impure, "daemon/a.py", "import asyncio"),
    (builds_sql, "stores/a.py", "run(f'select {COLUMNS} from {names(TICK)} where id = ?', [key])"),
    (builds_sql, "stores/views.py", "run(f'select * from {view}')"),
    (builds_sql, "stores/a.py", "x = f'selected {symbol}'"),
]


def tracked_files() -> list[Path]:
    """What is, or would be, under version control."""
    listed = subprocess.run(
        [
            "git",
            "-c",
            "safe.directory=*",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return [
        Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in tracked_files()
        if path.suffix == ".py"
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_source_keeps_the_rule(rule: Rule, sources: list[Source]) -> None:
    assert [] == [offence for source in sources for offence in rule(source)]


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED)
def test_the_rule_sees_a_planted_offence(rule: Rule, path: str, text: str) -> None:
    assert 1 <= len(list(rule(Source(path, text))))


@pytest.mark.parametrize(("rule", "path", "text"), INNOCENT)
def test_the_rule_lets_the_innocent_pass(rule: Rule, path: str, text: str) -> None:
    assert [] == list(rule(Source(path, text)))


def packages() -> list[str]:
    return [name for name in LADDER if (ROOT / name).is_dir()]


@pytest.mark.parametrize("name", packages())
def test_the_root_package_is_the_one_of_this_checkout(name: str) -> None:
    # The flat names are common; another distribution must not stand in for ours.
    module = importlib.import_module(name)

    assert [str(ROOT / name)] == list(module.__path__)


def test_every_root_package_is_listed_by_name_for_the_build() -> None:
    listed = re.search(r"^packages = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.M | re.S)

    assert listed is not None
    assert sorted(packages()) == sorted(re.findall(r'"(\w+)"', listed[1]))


def test_tests_are_no_packages() -> None:
    assert [] == list((ROOT / "tests").rglob("__init__.py"))


def foreign_words(path: str, text: str) -> Offences:
    for number, line in enumerate(text.splitlines(), 1):
        if found := FOREIGN.search(line):
            yield f"{path}:{number} names {found[0]}"


def test_no_file_names_a_registry_host_or_a_machine_path() -> None:
    found = []
    for path in tracked_files():
        data = path.read_bytes()
        if b"\0" not in data:
            text = data.decode("utf-8", "replace")
            found += foreign_words(path.relative_to(ROOT).as_posix(), text)

    assert [] == found


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://" + "py" + "pi.org/simple",
        "url = https://files." + "python" + "hosted.org/packages/x",
        "data = '/wo" + "rk/shared/data'",
        "sys.path.insert(0, '/ho" + "me/somebody/tradingd')",
    ],
)
def test_a_planted_host_or_path_is_seen(line: str) -> None:
    assert 1 == len(list(foreign_words("a.txt", line)))
