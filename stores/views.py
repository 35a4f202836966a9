"""The projections of the ledger: which rows there are, and how an event changes them.

Decides nothing that the events do not say: every row can be thrown away and built again. Column
names and row order are those of the files in the command's specification.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import StoreFailed
from core.orders import OrderState
from core.ports import EventKind

Row = dict[str, object]

TEXT, INTEGER, REAL = "TEXT NOT NULL", "INTEGER NOT NULL", "REAL NOT NULL"
MAYBE_TEXT, MAYBE_REAL = "TEXT", "REAL"

VIEWS: dict[str, dict[str, str]] = {
    "signals": {
        "strategy": TEXT,
        "instrument": TEXT,
        "kind": TEXT,
        "side": TEXT,
        "bar_open_ns": INTEGER,
        "bar_close_ns": INTEGER,
        "close": MAYBE_REAL,
        "atr": MAYBE_REAL,
        "vwap": MAYBE_REAL,
        "status": TEXT,
        "refusal": MAYBE_TEXT,
        "signal_id": TEXT,  # not unique: a refused duplicate has the id of the first
        "confidence": MAYBE_REAL,
        "value": MAYBE_REAL,
        "limit_value": MAYBE_REAL,
        "quantity": INTEGER,
        "day": INTEGER,
        "book": TEXT,
    },
    "orders": {
        "order_id": "TEXT PRIMARY KEY",
        "signal_id": TEXT,
        "strategy": TEXT,
        "instrument": TEXT,
        "role": TEXT,
        "type": TEXT,
        "side": TEXT,
        "quantity": INTEGER,
        "price": REAL,
        "state": TEXT,
        "created_ns": INTEGER,
        "updated_ns": INTEGER,
        "day": INTEGER,
        "book": TEXT,
    },
    "fills": {
        "order_id": "TEXT NOT NULL REFERENCES orders (order_id)",
        "fill_id": TEXT,
        "instrument": TEXT,
        "side": TEXT,
        "quantity": INTEGER,
        "price": REAL,
        "value_paise": INTEGER,
        "fees_paise": INTEGER,
        "ts_ns": INTEGER,
        "day": INTEGER,
        "book": TEXT,
    },
    "trades": {
        "strategy": TEXT,
        "instrument": TEXT,
        "side": TEXT,
        "quantity": INTEGER,
        "signal_id": TEXT,
        "kind": TEXT,
        "signal_bar_open_ns": INTEGER,
        "entry_ns": INTEGER,
        "entry_price": REAL,
        "exit_ns": INTEGER,
        "exit_price": REAL,
        "exit_reason": TEXT,
        "bars_held": INTEGER,
        "gross_paise": INTEGER,
        "fees_paise": INTEGER,
        "net_paise": INTEGER,
        "r": REAL,
        "mae": REAL,
        "mfe": REAL,
        "day": INTEGER,
        "book": TEXT,
    },
    "positions": {
        "strategy": TEXT,
        "instrument": TEXT,
        "side": TEXT,
        "quantity": INTEGER,
        "entry_price": REAL,
        "stop": MAYBE_REAL,
        "target": MAYBE_REAL,
        "entry_ns": INTEGER,
        "signal_id": TEXT,
        "book": TEXT,
    },
}
_KEYS = {"fills": ("order_id", "fill_id"), "positions": ("strategy", "instrument")}

RUNNER_STATE = "runner_state"  # read like a view, but written by the state task, not projected
NAMES = (*VIEWS, RUNNER_STATE)


# Statements are put together once, from the literals above: no name comes from the outside.


def _table(view: str) -> str:
    columns = [f"{name} {kind}" for name, kind in VIEWS[view].items()]
    if view in _KEYS:
        columns.append(f"UNIQUE ({', '.join(_KEYS[view])})")
    return f"CREATE TABLE {view} ({', '.join(columns)}) STRICT"


def _insert(view: str) -> str:
    names = VIEWS[view]
    return f"INSERT INTO {view} ({', '.join(names)}) VALUES (:{', :'.join(names)})"  # noqa: S608


def _upsert(view: str, *key: str) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in VIEWS[view] if name not in key)
    return f"{_insert(view)} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"


def _select(view: str) -> str:
    names = VIEWS[view]
    return f"SELECT {', '.join(names)} FROM {view}"  # noqa: S608


TABLES = tuple(_table(view) for view in VIEWS)
# Parents after their children, so that foreign keys hold while the tables are emptied.
EMPTY_TABLES = tuple(f"DELETE FROM {view}" for view in reversed(VIEWS))  # noqa: S608
# In the order of recording; null is every day, every book.
_OF_BOOK = " WHERE (:book IS NULL OR book = :book)"
_OF_DAY = " AND (:day IS NULL OR day = :day)"
SELECTS = {
    view: _select(view) + _OF_BOOK + (_OF_DAY if "day" in names else "") + " ORDER BY rowid"
    for view, names in VIEWS.items()
}

_INSERT_FILL, _INSERT_TRADE = map(_insert, ("fills", "trades"))
_SIGNAL_NAMES = list(VIEWS["signals"])
_INSERT_SIGNAL = f"INSERT INTO signals VALUES ({', '.join('?' * len(_SIGNAL_NAMES))})"  # noqa: S608
_INSERT_INTENT = _insert("orders")
_UPSERT_ORDER = _upsert("orders", "order_id")
_UPSERT_POSITION = _upsert("positions", "strategy", "instrument")
_CLEAR_POSITION = (
    "DELETE FROM positions WHERE instrument = :instrument"
    " AND strategy = (SELECT strategy FROM orders WHERE order_id = :order_id)"
)

PROJECTED = (EventKind.SIGNAL, EventKind.ORDER, EventKind.FILL, EventKind.TRADE)


def project(db: sqlite3.Connection, kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Apply payloads of events of one kind, in order, to the projection tables of `db`.

    NaN is null there as in JSON. A SIGNAL is `rows` of values under their `names`. An ORDER is the
    order's new row; one that is INTENDED must be the first of its id, so that no order is ever sent
    twice. A FILL with `position` sets that row, or with null clears it. Raises sqlite3.Error.
    """
    if kind == EventKind.SIGNAL:
        for payload in rows:
            if payload["names"] != _SIGNAL_NAMES:
                raise sqlite3.ProgrammingError(f"signals of columns {payload['names']}")
            db.executemany(_INSERT_SIGNAL, payload["rows"])
    elif kind == EventKind.TRADE:
        db.executemany(_INSERT_TRADE, rows)
    elif kind == EventKind.ORDER:
        for row in rows:
            intended = row.get("state") == OrderState.INTENDED
            db.execute(_INSERT_INTENT if intended else _UPSERT_ORDER, row)
    elif kind == EventKind.FILL:
        for row in rows:
            db.execute(_INSERT_FILL, row)
            if "position" in row and row["position"] is None:
                db.execute(_CLEAR_POSITION, row)
            elif "position" in row:
                db.execute(_UPSERT_POSITION, row["position"])


@dataclass(frozen=True, slots=True)
class RowOrder:
    """The configured order of names, in which rows of the same time are given.

    Names that are not configured (any more) come last, in byte order.
    """

    strategies: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()

    def ordered(self, view: str, rows: Sequence[Row]) -> list[Row]:
        """`rows`, given in the order of recording, in the order of the specification."""
        if view not in _ORDERED_BY:
            return list(rows)
        time = _ORDERED_BY[view]
        strategies = {name: place for place, name in enumerate(self.strategies)}
        instruments = {name: place for place, name in enumerate(self.instruments)}

        def key(row: Row) -> tuple[int, int, str, int, str]:
            strategy, instrument = str(row["strategy"]), str(row["instrument"])
            return (
                int(str(row[time])) if time else 0,
                strategies.get(strategy, len(strategies)),
                strategy,
                instruments.get(instrument, len(instruments)),
                instrument,
            )

        return sorted(rows, key=key)


_ORDERED_BY = {"signals": "bar_close_ns", "trades": "entry_ns", "positions": ""}


def require_view(view: str) -> None:
    """Raises StoreFailed unless `view` is one of ours: names never come from the outside."""
    if view not in NAMES:
        raise StoreFailed(f"the ledger has no view {view!r}: one of {', '.join(NAMES)}")
