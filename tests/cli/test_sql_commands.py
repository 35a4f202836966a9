"""`tradingd sql` for a person and for a program, and how it refuses."""

import csv
import io
import json
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from cli import sql_commands
from cli.sql_commands import csv_text, json_text, table_text
from daemon.lock import StateLock
from stores import query
from stores.answer import Answer, plain
from stores.ledger import SqliteLedger
from tests.cli.command import Answer as Called
from tests.cli.command import call, tree
from tests.stores.ledger_events import round_trip

ROWS = Answer(
    ["name", "price", "list"],
    [("A,B", 1.5, [1, None]), (None, float("nan"), {"a": b"\x01"}), ("[b]", Decimal("2.50"), True)],
    is_cut=False,
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    with closing(SqliteLedger(tmp_path)) as ledger:
        for step in round_trip():
            ledger.append(step)
    return tmp_path


def asked(capfd: pytest.CaptureFixture[str], directory: Path, *words: str) -> Called:
    return call(capfd, "sql", *words, "--state-dir", str(directory))


def test_a_program_gets_csv(capfd: pytest.CaptureFixture[str], directory: Path) -> None:
    answer = asked(capfd, directory, "SELECT instrument, net_paise FROM trades")

    assert (0, "instrument,net_paise\nRELIANCE,90482\n", "") == (
        answer.code,
        answer.out,
        answer.err,
    )


def test_json_is_a_list_of_objects(capfd: pytest.CaptureFixture[str], directory: Path) -> None:
    answer = asked(capfd, directory, "SELECT instrument, vwap FROM signals", "--json")

    assert [{"instrument": "RELIANCE", "vwap": None}] == json.loads(answer.out)


def test_every_kind_of_value_has_a_form() -> None:
    lines = list(csv.reader(io.StringIO(csv_text(ROWS))))
    objects = json.loads(json_text(ROWS))
    table = table_text(ROWS)

    assert lines[1:] == [
        ["A,B", "1.5", "[1, null]"],
        ["", "nan", '{"a": "01"}'],
        ["[b]", "2.50", "true"],
    ]
    assert objects[0] == {"name": "A,B", "price": 1.5, "list": [1, None]}
    assert objects[1] == {"name": None, "price": None, "list": {"a": "01"}}
    assert objects[2]["price"] == "2.50"
    assert "[b]" in table
    assert table.endswith("3 rows\n")


def test_no_rows_are_an_answer_too() -> None:
    nothing = Answer(["a"], [], is_cut=False)

    assert csv_text(nothing) == "a\n"
    assert json.loads(json_text(nothing)) == []


def test_a_cut_answer_says_so_beside_it(
    capfd: pytest.CaptureFixture[str], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "MAX_SELECTED_ROWS", 2)
    answer = asked(capfd, directory, "SELECT seq FROM events")

    assert answer.out == "seq\n1\n2\n"
    assert answer.err.startswith("tradingd: the answer is cut")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["DROP TABLE trades"], 2, "one SELECT is allowed"),
        (["SELECT * FROM ordrs"], 2, "ordrs does not exist"),
        (["SELECT 1", "--csv", "--json"], 2, "exclude each other"),
        (["SELECT * FROM bars"], 3, "there is no"),
    ],
)
def test_a_refusal_is_one_line(
    capfd: pytest.CaptureFixture[str], directory: Path, words: list[str], code: int, told: str
) -> None:
    answer = asked(capfd, directory, *words)

    assert (code, "", 1) == (answer.code, answer.out, answer.err.count("\n"))
    assert told in answer.err


def test_a_directory_that_is_missing_is_named_and_not_made(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer = asked(capfd, tmp_path / "none", "SELECT 1")

    assert (2, False) == (answer.code, (tmp_path / "none").exists())
    assert "no such directory" in answer.err


def test_asking_leaves_the_directory_as_it_was(
    capfd: pytest.CaptureFixture[str], directory: Path
) -> None:
    with closing(SqliteLedger(directory)):  # open, so that its side files are there
        before = tree(directory)
        asked(capfd, directory, "SELECT * FROM events")

        assert {*tree(directory)} == {*before}


@pytest.mark.parametrize(
    ("told", "code", "out", "err"),
    [
        (
            {"ok": True, "names": ["n", "m"], "rows": [[1, None]], "is_cut": True},
            0,
            "n,m\n1,\n",
            "the answer is cut: there is more than these 1 rows",
        ),
        ({"ok": False, "error": "no such column", "try_again": False}, 2, "", "no such column"),
        ({"ok": False, "error": "another question", "try_again": True}, 75, "", "another question"),
    ],
    ids=["answer", "refusal", "busy"],
)
def test_beside_a_daemon_its_answer_is_told_in_the_same_form(
    capfd: pytest.CaptureFixture[str],
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    told: dict[str, object],
    code: int,
    out: str,
    err: str,
) -> None:
    monkeypatch.setattr(sql_commands, "ask_sql", lambda *_: told)
    with StateLock(directory):
        answer = asked(capfd, directory, "SELECT n, m FROM bars")

    assert (code, out) == (answer.code, answer.out)
    assert err in answer.err


def test_a_daemon_that_does_not_listen_yet_is_to_be_asked_again(
    capfd: pytest.CaptureFixture[str], directory: Path
) -> None:
    with StateLock(directory):
        answer = asked(capfd, directory, "SELECT * FROM bars")

    assert (75, 1) == (answer.code, answer.err.count("\n"))
    assert "no daemon answers" in answer.err


def test_what_has_been_sent_looks_as_what_was_read_from_the_files() -> None:
    row = (1, 0.5, float("nan"), None, True, "a", b"\x01", Decimal("2.50"), date(2026, 7, 27))
    read = Answer([*"abcdefghijk"], [(*row, [1, (None, b"\x02")], {"k": Decimal(1)})], is_cut=False)
    rows = json.loads(json.dumps([[plain(value) for value in row] for row in read.rows]))
    sent = Answer(read.names, [tuple(row) for row in rows], is_cut=False)

    for form in (csv_text, json_text, table_text):
        assert form(sent) == form(read)
