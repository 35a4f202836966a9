"""A told fill beside paper's of the same decision: equal where it was told paper's, else by how
much; and nothing is left out."""

from dataclasses import replace

import polars as pl
import pytest

from core.events import Effect, Submit
from core.ports import BrokerReport, EventKind, LedgerEvent, ReportKind
from core.types import Command
from daemon.rerun import DayRecord
from daemon.slippage.beside import EARLIER, NO_BAR, NO_BARS, SCHEMA, beside
from tests.daemon.brokered import DAYS, AsOnPaper, Brokered, Rough, Silent, minutes, setup_of
from tests.daemon.slippage.live_days import TIMED, Worse, legs_of, recipe, record_of
from tests.daemon.test_told_floor import VARIANTS

DAY = DAYS[2]


@pytest.mark.parametrize("variant", VARIANTS)
def test_told_what_paper_fills_no_leg_differs(variant: str) -> None:
    assignments, wanted = VARIANTS[variant]
    roles = set[str]()
    for day in DAYS[1:]:
        played = AsOnPaper(day, *assignments)
        played.play(day)
        legs = legs_of(played, setup_of(*assignments))
        roles |= set(legs["role"])

        assert legs["without"].unique().to_list() == [""]
        assert legs["live_price"].to_list() == legs["paper_price"].to_list()
        assert legs["first_fill_ns"].to_list() == legs["paper_ns"].to_list()
        assert legs["role"].to_list() == legs["paper_role"].to_list()
        assert legs["difference_paise"].unique().to_list() == [0]
    assert {one.lower() for one in wanted} | {"entry"} <= roles


def test_the_difference_is_what_was_paid_or_not_got() -> None:
    played = Worse(DAY, *TIMED)
    played.play(DAY)
    legs = legs_of(played, setup_of(*TIMED))
    halves = legs.select(first=pl.col("quantity") // 2, second=(pl.col("quantity") + 1) // 2)
    paise = (halves["first"] * 5 + halves["second"] * 15).to_list()

    assert legs.height >= 4
    assert {"entry", "time"} <= set(legs["role"])
    assert paise == legs["difference_paise"].to_list()
    for row, total in zip(legs.to_dicts(), paise, strict=True):
        each = total / 100 / row["quantity"]
        assert each == pytest.approx(row["difference_rupees"])
        assert each / row["paper_price"] * 1e4 == pytest.approx(row["difference_bps"])
        assert row["slippage_bps"] > row["difference_bps"]  # paper has slipped as well
        assert (2, 1_000_000) == (row["fills"], row["last_fill_ns"] - row["first_fill_ns"])


def test_a_leg_tells_when_it_was_decided_sent_acknowledged_and_filled() -> None:
    played = Sent(DAY, *TIMED)
    played.play(DAY)
    rows = legs_of(played, setup_of(*TIMED)).to_dicts()
    for row in rows:
        decided = row["decided_ns"]
        assert (decided + 7, decided + 9) == (row["sent_ns"], row["acknowledged_ns"])
        assert row["delay_ms"] == (row["first_fill_ns"] - decided) / 1e6
    assert {"entry", "time"} <= {row["role"] for row in rows}


class Sent(AsOnPaper):
    """Every call leaves 7 ns after its decision and is answered 2 ns later."""

    def tell(self, report: BrokerReport) -> None:
        if report.kind is ReportKind.ACKNOWLEDGED:
            sent_ns = report.ts_ns + 7
            report = replace(report, ts_ns=sent_ns + 2, sent_ns=sent_ns)
        super().tell(report)


@pytest.mark.parametrize("seed", range(3))
def test_every_order_of_a_rough_day_is_in_a_leg_and_every_share_in_one(seed: int) -> None:
    rough = Rough(DAY, seed)
    rough.play(DAY)
    legs = legs_of(rough)
    signals = {row["signal_id"] for row in rows_of(EventKind.ORDER, rough.events)}
    shares = sum(int(row["quantity"]) for row in rows_of(EventKind.FILL, rough.events))
    entries = legs.filter(pl.col("role") == "entry")

    assert signals == set(entries["signal_id"])
    assert shares == legs["quantity"].sum()
    compared = legs.filter(pl.col("without") == "")
    assert compared.height > 0
    assert compared["difference_bps"].null_count() == 0
    assert legs.filter(pl.col("without") != "")["without"].str.contains("^(live|paper): .").all()


def test_an_entry_that_the_broker_rejects_stands_beside_papers_fill_with_his_words() -> None:
    class Poor(Silent):
        def sent(self, effect: Effect) -> None:
            if isinstance(effect, Submit):
                told = (effect.order.order_id, effect.order.updated_ns, "no funds")
                self.tell(BrokerReport(ReportKind.REJECTED, *told))

    poor = Poor(DAY)
    for span in minutes(DAY):
        poor.minute(span)
    legs = legs_of(poor)

    assert {"live: rejected no funds"} == set(legs["without"])
    assert legs["live_price"].null_count() == legs.height > 0
    assert legs["paper_price"].null_count() == 0


def test_a_position_that_is_still_held_is_said_to_be() -> None:
    entered = Silent(DAY)
    for span in minutes(DAY):
        entered.minute(span)
        if orders := [*entered.floor.main.engine.orders.values()]:
            fill = (orders[0].order_id, entered.floor.now_ns + 1, "", "1", orders[0].quantity)
            entered.tell(BrokerReport(ReportKind.FILLED, *fill, orders[0].price or 100.0))
            break
    entry, out = legs_of(entered).to_dicts()
    # Paper has not even seen the bar in which the entry would fill.
    assert (NO_BAR, 1) == (
        entry["without"],
        entry["fills"],
    )
    assert ("open", "live: still held") == (out["role"], out["without"])


def test_an_operators_flatten_is_one_on_paper_as_well() -> None:
    assert "flatten" in legs_of(Flattened.after_its_first_entry())["paper_role"].to_list()


class Flattened(AsOnPaper):
    """An operator closes everything on both sides in the Minute of the first entry."""

    @classmethod
    def after_its_first_entry(cls) -> "Flattened":
        both = cls(DAY, *TIMED)
        for span in minutes(DAY):
            before = len(rows_of(EventKind.FILL, both.found))
            both.play_minute(span)
            if not before and rows_of(EventKind.FILL, both.found):
                both._took(both.floor.obey(Command.FLATTEN, "operator", 1))
                both.found += both.paper.obey(Command.FLATTEN, "operator", 1)[1]
        return both


def test_a_day_whose_minutes_have_left_the_ledger_keeps_its_live_columns() -> None:
    played = AsOnPaper(DAY)
    played.play(DAY)
    bare = [
        [replace(step[0], blob=None) if step[0].kind is EventKind.MINUTE else step[0], *step[1:]]
        for step in played.steps
    ]
    legs = beside(DayRecord(played.floor.opening(), None, bare), recipe(played, setup_of()))

    assert {NO_BARS} == set(legs["without"])
    assert legs["live_price"].null_count() == 0


def test_a_way_out_of_an_earlier_days_entry_is_named() -> None:
    played = AsOnPaper(DAY)
    played.play(DAY)
    steps = [[one for one in step if one.kind is not EventKind.SIGNAL] for step in played.steps]
    record = DayRecord(record_of(played).opened, None, steps)
    assert {EARLIER} == set(beside(record, recipe(played, setup_of()))["without"])


def test_a_day_without_orders_has_no_legs_and_all_columns() -> None:
    quiet = Brokered(DAY)
    quiet.minute(next(iter(minutes(DAY))))
    assert (0, SCHEMA) == (legs_of(quiet).height, legs_of(quiet).schema)


def rows_of(kind: EventKind, events: list[LedgerEvent]) -> list[dict[str, object]]:
    return [event.payload for event in events if event.kind is kind]
