"""What the documents say is true: commands run, links lead somewhere, names exist.

Whatever a document names (a command, a file, a test, a log event, a section of the runbook) is
looked up here, so that a change of the program shows where its documents have gone stale.
"""

import ast
import os
import re
import shlex
import struct
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from cli.kernel_cache import VARIABLE
from cli.verbs import app
from core.ports import EventKind

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
DOCS = sorted([README, ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")])
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"][
    "targets"
]["wheel"]["packages"]
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.M)
CODE = re.compile(r"`([^`\n]+)`")
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
# Bounds what would otherwise take a whole trading day, and takes any free port.
BOUNDS = {"run": "--speed max --port 0", "pytest": "--collect-only -q"}
LONGEST_TOUR_S = 600
MAX_PICTURE_BYTES, PICTURE_WIDTH = 300_000, 1_400


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def fenced(path: Path, language: str) -> list[str]:
    """The blocks of one language, in order."""
    return [body for name, body in FENCE.findall(text_of(path)) if name == language]


def prose(path: Path) -> str:
    """A document without its fenced blocks."""
    return FENCE.sub("", text_of(path))


# --- the commands of the README ------------------------------------------------------------------


def recipe(target: str) -> str:
    """What a target of the Makefile runs, besides setting up."""
    lines = text_of(ROOT / "Makefile").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"{target}:"))
    values = {"BIN": "", "ARGS": "", "SIDE_BY_SIDE": ""}  # a bounded run has no use for workers
    return re.sub(
        r"\$\((\w+)\)/?", lambda name: values[name[1]], lines[start + 1].strip().lstrip("@")
    )


def runnable(block: str) -> str:
    """A block with every `make TARGET` replaced by what that target runs."""
    lines = []
    for line in block.splitlines():
        words = shlex.split(line, comments=True) if line.startswith("make ") else []
        lines.append(recipe(words[1]) if words else line)
    return "\n".join(lines)


def wrapper(command: str) -> str:
    """`tradingd` or `python` of this environment, with what must be bounded bounded."""
    return (
        "#!/bin/sh\n"
        f'[ "$1" = run ] && set -- "$@" {BOUNDS["run"]}\n'
        f'[ "$2" = pytest ] && cd {shlex.quote(str(ROOT))} && set -- "$@" {BOUNDS["pytest"]}\n'
        f'exec {command} "$@"\n'
    )


def printed_by_the_readme(folder: Path) -> str:
    """What the README's commands print, run in order as a reader would, in `folder`."""
    bin_folder = folder / ".venv/bin"
    bin_folder.mkdir(parents=True)
    python = shlex.quote(sys.executable)
    entry = "from cli.main import main; main()"
    commands = {"tradingd": f"{python} -c '{entry}'", "python": python}
    for name, command in commands.items():
        (bin_folder / name).write_text(wrapper(command))
        (bin_folder / name).chmod(0o755)
    (bin_folder / "activate").write_text(f"PATH={shlex.quote(str(bin_folder))}:$PATH\n")
    script = "\n".join([". .venv/bin/activate", *map(runnable, fenced(README, "sh"))])
    ran = subprocess.run(
        ["bash", "-c", f"set -eux -o pipefail\n{script}"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(Path.home())}
        | {name: value for name, value in os.environ.items() if name == VARIABLE},
        capture_output=True,
        text=True,
        timeout=LONGEST_TOUR_S,
        check=False,
    )
    if ran.returncode:
        pytest.fail(f"the last command of the tour failed:\n{ran.stderr[-3000:]}")
    return ran.stdout


@pytest.mark.slow
def test_every_command_of_the_readme_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    printed = printed_by_the_readme(tmp_path).splitlines()
    shown = [line for block in fenced(README, "text") for line in block.splitlines()]

    assert shown
    assert [] == [line for line in shown if line not in printed]


def test_make_runs_what_the_readme_says() -> None:
    assert "tradingd run" == recipe("run").strip()
    assert recipe("test").startswith("python -m pytest")


def test_every_verb_is_shown() -> None:
    text = "".join(map(text_of, DOCS))
    verbs = list(verbs_of(typer.main.get_command(app)))

    assert "data import" in verbs
    assert [] == [verb for verb in verbs if not re.search(rf"\btradingd {verb}\b", text)]


def verbs_of(command: object, name: str = "") -> Iterator[str]:
    parts: dict[str, object] = getattr(command, "commands", {})
    if not parts:
        yield name.strip()
    for part, inner in parts.items():
        yield from verbs_of(inner, f"{name} {part}")


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    broken = [link for link in LINK.findall(prose(path)) if not leads_somewhere(path, link)]

    assert [] == broken


def leads_somewhere(path: Path, link: str) -> bool:
    if "://" in link:
        return True
    name, _, anchor = link.partition("#")
    target = (path.parent / name).resolve() if name else path
    if not target.is_relative_to(ROOT) or not target.exists():
        return False
    return not anchor or anchor in {slug(title) for title in HEADING.findall(prose(target))}


def slug(title: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_is_named_exists(path: Path) -> None:
    first = "|".join([*PACKAGES, "tests", "docs", "requirements", "benchmarks"])
    named = {
        word
        for code in CODE.findall(prose(path))
        for word in re.findall(rf"(?<![\w./~-])(?:{first})/[\w/.-]*\.(?:py|md|txt|toml|png)", code)
    }

    assert [] == sorted(name for name in named if not (ROOT / name).is_file())


def test_every_test_that_is_named_exists() -> None:
    known = {
        name
        for path in ROOT.glob("tests/**/*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", text_of(path), re.M)
    }
    named = {
        (path.name, name)
        for path in DOCS
        for code in CODE.findall(prose(path))
        for name in re.findall(r"^test_\w+$", code)
    }

    assert named
    assert [] == sorted(pair for pair in named if pair[1] not in known)


def test_every_section_that_a_message_names_is_in_the_runbook() -> None:
    source = "".join(map(text_of, SOURCES))
    named = set(re.findall(r"see '([^']+)' in docs/runbook\.md", source))

    assert named
    assert named <= set(HEADING.findall(text_of(ROOT / "docs/runbook.md")))


# --- events --------------------------------------------------------------------------------------


@dataclass(frozen=True, order=True)
class LogEvent:
    """One line that may be logged: its name, level and keys."""

    name: str
    level: str
    keys: tuple[str, ...]


def logged(tree: ast.AST) -> Iterator[LogEvent]:
    """Every event that a source logs; a name may be chosen between literals."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "log"
        ):
            first = node.args[0]
            choices = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
            for choice in choices:
                assert isinstance(choice, ast.Constant), ast.unparse(node)
                keys = sorted(keyword.arg or "**" for keyword in node.keywords)
                yield LogEvent(str(choice.value), node.func.attr, tuple(keys))


def table_under(title: str) -> list[list[str]]:
    """The body cells of the first table below a heading of docs/events.md."""
    section = text_of(ROOT / "docs/events.md").split(f"## {title}\n", 1)[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_events_md_lists_what_is_logged_and_nothing_else() -> None:
    expected = {event for path in SOURCES for event in logged(ast.parse(text_of(path)))}
    listed = {
        LogEvent(name.strip("`"), level, tuple(sorted(CODE.findall(keys))))
        for name, level, keys, _ in table_under("The log")
    }

    assert sorted(expected) == sorted(listed)


def test_an_event_chosen_between_two_names_is_seen_as_both() -> None:
    tree = ast.parse('log.info("day_complete" if done else "day_left", day=day)')

    assert [LogEvent("day_complete", "info", ("day",)), LogEvent("day_left", "info", ("day",))] == [
        *logged(tree)
    ]


def test_events_md_lists_every_kind_of_ledger_event() -> None:
    listed = [name.strip("`") for name, *_ in table_under("The ledger")]

    assert [str(kind) for kind in EventKind] == listed


# --- the picture ---------------------------------------------------------------------------------


def test_the_picture_is_wide_enough_to_read_and_small_enough_to_load() -> None:
    content = (ROOT / "docs/images/scanner.png").read_bytes()
    width, _ = struct.unpack(">II", content[16:24])

    assert content.startswith(b"\x89PNG\r\n")
    assert (PICTURE_WIDTH, True) == (width, len(content) < MAX_PICTURE_BYTES)
