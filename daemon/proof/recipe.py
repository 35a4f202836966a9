"""What a day is run with, as JSON in its RUN_START, and back: a closed day needs nothing else.

Decides what must be known to compute a day again besides its inputs: instruments, strategies with
their settings, risk, hours. Never anything that was decided on the day.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from backtest.run import session_terms
from backtest.summary import code_version
from core.book import MAIN_BOOK
from core.ports import EventKind, LedgerEvent
from core.session import Session, SessionKind, day_text
from core.types import Instrument, InstrumentId, SessionClass
from daemon.desk import DeskSetup
from daemon.floor import Floor
from daemon.memory.checkout import checkout
from daemon.plan import Plan
from daemon.sources import classes_of, groups_of
from providers.live import DayFrame, day_frame
from providers.replay import SessionTerms
from strategies.brakes import BrakeSettings
from strategies.registry import settings_of
from strategies.settings import MarketRisk

Row = dict[str, Any]


def run_start(plan: Plan, floor: Floor, day: int, left: Mapping[str, object]) -> LedgerEvent:
    """RUN_START. `left`: the payload of the snapshot that this run starts from."""
    payload: dict[str, object] = {
        **run_identity(plan),
        "scope": plan.scope_of(MAIN_BOOK),
        "day": day,
        "setup": floor.digest,
        "code": code_version(),
        "code_digest": floor.code,
        "commit": checkout().name,
        "lock": checkout().lock,
        "from_setup": left.get("setup"),
        "from_code_digest": left.get("code_digest"),
        "strategies": [name for name, _, _ in plan.all_strategies],
        "books": [book for book, strategies in plan.books for _ in strategies],
        "instruments": floor.symbols,
        "recipe": recipe_of(floor.setups, plan.source.sessions(day), plan.source.end_ns(day)),
    }
    return LedgerEvent(0, EventKind.RUN_START, day_text(day), payload)


def run_identity(plan: Plan) -> dict[str, object]:
    """Whose days they are: one ledger holds those of one."""
    return {"mode": plan.mode, "account": plan.account, "source": plan.source.identity}


def recipe_of(
    setups: Sequence[DeskSetup], sessions: Sequence[Session | None], end_ns: int
) -> dict[str, object]:
    """`setups` of all books, `sessions` by group, `end_ns` as of `Source.end_ns`."""
    setup = setups[0]  # what is not listed by book is the same for all
    return {
        "base_ns": setup.base_ns,
        "observe": setup.observe,
        "instruments": [
            [one.id, one.symbol, one.session_class.name, one.tick_paise, one.is_watched]
            for one in setup.instruments
        ],
        "books": [
            {
                "name": one.name,
                "scope": one.scope,
                "strategies": [
                    [name, kind, own.model_dump(mode="json")] for name, kind, own in one.strategies
                ],
                **({"fills_are_told": True} if one.fills_are_told else {}),
                **({} if one.brakes is None else {"brakes": one.brakes.model_dump(mode="json")}),
            }
            for one in setups
        ],
        "risk": setup.risk.model_dump(mode="json"),
        "sessions": [
            None if one is None else [list(part) for part in one.parts] for one in sessions
        ],
        "end_ns": end_ns,
    }


def setups_of(recipe: Row, code: str) -> list[DeskSetup]:
    """The books that ran the day. Raises ConfigError for a strategy not known here."""
    instruments = instruments_of(recipe)
    return [
        DeskSetup(
            name=book["name"],
            scope=book["scope"],
            instruments=instruments,
            groups=groups_of(instruments),
            base_ns=recipe["base_ns"],
            strategies=tuple(
                (name, kind, settings_of(kind).model_validate(own))
                for name, kind, own in book["strategies"]
            ),
            risk=MarketRisk.model_validate(recipe["risk"]),
            observe=recipe["observe"],
            fills_are_told=book.get("fills_are_told", False),  # of older days none were
            brakes=BrakeSettings.model_validate(book["brakes"]) if "brakes" in book else None,
            code=code,
        )
        for book in recipe["books"]
    ]


def instruments_of(recipe: Row) -> tuple[Instrument, ...]:
    return tuple(
        Instrument(
            InstrumentId(key), symbol, SessionClass[kind], tick_paise, is_watched=any(watched)
        )
        for key, symbol, kind, tick_paise, *watched in recipe["instruments"]  # older: four values
    )


def terms_of(recipe: Row) -> SessionTerms:
    return session_terms(MarketRisk.model_validate(recipe["risk"]))


def frame_of(recipe: Row, day: int) -> DayFrame:
    """What every Minute of the day shares."""
    sessions = list(_by_class(recipe, day).values())
    return day_frame(day, sessions, terms_of(recipe), recipe["base_ns"], recipe["end_ns"])


def sessions_of(recipe: Row, day: int) -> list[Session | None]:
    """One per instrument."""
    by_class = _by_class(recipe, day)
    return [by_class[one.session_class] for one in instruments_of(recipe)]


def _by_class(recipe: Row, day: int) -> dict[SessionClass, Session | None]:
    """Of the session all that counts here are its parts."""
    classes = classes_of(instruments_of(recipe))
    return {
        one: None
        if parts is None
        else Session(day, one, tuple((first, end) for first, end in parts), SessionKind.REGULAR, "")
        for one, parts in zip(classes, recipe["sessions"], strict=True)
    }
