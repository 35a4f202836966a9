"""The answer to one SELECT that a person typed: names, rows, and whether it was cut.

Decides how much is read and what a value is on its way to another process. Opens nothing.
"""

import json
from dataclasses import dataclass
from typing import Any

import duckdb

_WITH_ZONE = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True, slots=True)
class Answer:
    """`is_cut`: there was more than may be read."""

    names: list[str]
    rows: list[tuple[Any, ...]]
    is_cut: bool


def read_answer(
    db: duckdb.DuckDBPyConnection,
    statement: duckdb.Statement,
    max_rows: int,
    max_bytes: int | None = None,
) -> Answer:
    """Run `statement`, one SELECT. Raises duckdb.Error, OverflowError for a value Python has not.

    Args:
        max_bytes: of the rows as JSON; their values are `plain` then.
    """
    described = db.execute(statement).description or []
    names = [str(column[0]) for column in described]
    zoned = [str(column[1]) == _WITH_ZONE for column in described]
    if any(zoned):
        db.abort()
        db.execute(_with_text(statement.query, zoned))
    if max_bytes is None:
        rows = db.fetchmany(max_rows + 1)
        return Answer(names, rows[:max_rows], len(rows) > max_rows)
    rows, room = [], max_bytes
    while row := db.fetchone():  # one at a time: a long list would hold up the other threads
        row = tuple(plain(value) for value in row)
        room -= len(json.dumps(row))
        if len(rows) == max_rows or room < 0:
            return Answer(names, rows, is_cut=True)
        rows.append(row)
    return Answer(names, rows, is_cut=False)


def plain(value: Any) -> Any:
    """What JSON has no word for as text, as it is shown; a number stays what it is, NaN too."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [plain(one) for one in value]
        case dict():
            return {str(name): plain(one) for name, one in value.items()}
        case bytes():
            return value.hex()
        case _:
            return str(value)


def reason_of(error: Exception) -> str:
    """What the engine says, without its drawing of the place."""
    return str(error).split("\n\nLINE")[0]


def _with_text(query: str, zoned: list[bool]) -> str:
    """`query` with its times in a zone as text: as Python values they need a package we have not.

    It is one SELECT, and the line end keeps a comment at its end from what follows.
    """
    names = [f"c{number}" for number in range(len(zoned))]
    columns = ", ".join(names)
    chosen = ", ".join(
        f"{name}::VARCHAR" if is_zoned else name
        for name, is_zoned in zip(names, zoned, strict=True)
    )
    inner = query.rstrip().rstrip(";")
    return f"SELECT {chosen} FROM ({inner}\n) AS answer({columns})"  # noqa: S608 - one SELECT
