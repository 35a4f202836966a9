"""Days of a told book as a ledger has them, and the legs beside paper that follow."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import polars as pl

from core.events import FillBooked
from core.orders import OrderRole
from core.ports import BrokerReport, EventKind, LedgerEvent, ReportKind
from core.session import day_text, recorded_session
from core.types import NEVER_NS
from daemon.desk import DeskSetup
from daemon.proof.recipe import recipe_of
from daemon.rerun import DayRecord
from daemon.slippage.beside import beside
from stores.ledger import SqliteLedger
from tests.daemon.brokered import TOLD, AsOnPaper, Brokered

TIMED = ("sl_mult=9", "tp_mult=9", "time_stop_bars=2")  # no bracket is ever touched


def legs_of(played: Brokered, setup: DeskSetup = TOLD) -> pl.DataFrame:
    return beside(record_of(played), recipe(played, setup))


def record_of(played: Brokered) -> DayRecord:
    return DayRecord(played.floor.opening(), None, played.steps)


def recipe(played: Brokered, setup: DeskSetup) -> dict[str, object]:
    day = played.floor.day
    kinds = sorted({one.session_class for one in setup.instruments})
    return recipe_of([setup], [recorded_session(day, kind) for kind in kinds], NEVER_NS)


class Worse(AsOnPaper):
    """Told paper's fills in two parts, the first 5 paise and the second 15 paise against us."""

    def _fill(self, booked: FillBooked) -> None:
        fill = booked.fill
        role = "E" if OrderRole(fill.order_id[-1]) is OrderRole.ENTRY else "S"
        first = fill.quantity // 2
        for number, (quantity, against) in enumerate(
            ((first, 0.05), (fill.quantity - first, 0.15)), 1
        ):
            price = round(fill.price + fill.side * against, 2)
            told = ("", str(number), quantity, price)
            order_id = f"{fill.order_id[:24]}-{role}"
            report = BrokerReport(ReportKind.FILLED, order_id, fill.ts_ns + number, *told)
            self.tell(replace(report, exchange_ns=fill.ts_ns + number * 1_000_000))


def written(directory: Path, *days: Brokered, setup: DeskSetup = TOLD, mode: str = "live") -> Path:
    """A state directory whose ledger holds such days, each closed."""
    with closing(SqliteLedger(directory)) as ledger:
        for played in days:
            day, told = played.floor.day, recipe(played, setup)
            start: dict[str, object] = {"mode": mode, "day": day, "scope": setup.scope}
            start |= {"recipe": told, "strategies": ["pixity"], "instruments": played.floor.symbols}
            ledger.append([LedgerEvent(0, EventKind.RUN_START, day_text(day), start)])
            ledger.append([played.floor.opening()])
            for step in played.steps:
                ledger.append(step)
            ledger.append([played.floor.close_day(played.floor.now_ns)])
    return directory
