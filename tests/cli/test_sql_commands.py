"""`tradingd sql` for a person and for a program, and how it refuses."""

import csv
import io
import json
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from cli.sql_commands import csv_text, json_text, table_text
from stores import query
from stores.ledger import SqliteLedger
from stores.query import Answer
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
