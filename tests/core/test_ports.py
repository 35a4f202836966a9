"""The seams: what crosses them are values that nobody can change on the way."""

from dataclasses import FrozenInstanceError, fields

import pytest

from core.ports import BrokerReport, EventKind, FeedDown, FeedUp, LedgerEvent, ReportKind


def test_a_report_without_a_fill_has_no_quantity_and_no_price() -> None:
    report = BrokerReport(ReportKind.ACKNOWLEDGED, "x-E", 1)

    assert ("", 0, 0.0) == (report.fill_id, report.quantity, report.price)


@pytest.mark.parametrize(
    "value",
    [
        BrokerReport(ReportKind.LOST, "x-E", 1),
        FeedUp(1),
        FeedDown(1, "closed"),
        LedgerEvent(1, EventKind.NOTE, "", {}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_cannot_be_changed(value: object) -> None:
    first = fields(value)[0].name  # type: ignore[arg-type]
    with pytest.raises(FrozenInstanceError):
        setattr(value, first, 2)


def test_kinds_are_stored_under_their_own_names() -> None:
    assert [kind.name for kind in EventKind] == [kind.value for kind in EventKind]
