"""Rules by day: each session date gets the charges and the tick table of its own date."""

from core.rules.dated import day_rules
from core.rules.fees import FeeProfile
from core.session import parse_day

DATES = ["2015-01-05", "2024-06-10", "2024-10-01", "2025-04-15", "2026-03-01", "2026-03-02"]


def test_each_day_has_the_rules_that_began_last() -> None:
    rows = day_rules([parse_day(d) for d in DATES], profile=FeeProfile.UPSTOX, fee_bps=10.0)

    assert [0, 3, 3, 3, 3, 3] == rows["stamp_num"].tolist()
    assert [345, 345, 297, 297, 30_699, 30_699] == rows["transaction_num"].tolist()
    assert [5, 1, 1, 1, 1, 1] == rows["tick_paise"][:, 0].tolist()
    assert [5, 5, 5, 500, 500, 500] == rows["tick_paise"][:, -1].tolist()


def test_days_may_come_in_any_order_and_twice() -> None:
    days = [parse_day(d) for d in ("2026-03-02", "2015-01-05", "2026-03-02")]
    rows = day_rules(days, profile=FeeProfile.UPSTOX, fee_bps=10.0)

    assert [30_699, 345, 30_699] == rows["transaction_num"].tolist()


def test_other_profiles_have_the_ticks_of_the_day_as_well() -> None:
    rows = day_rules([parse_day("2025-04-15")], profile=FeeProfile.BPS, fee_bps=2.5)

    assert (250_000, 10**9) == (rows["brokerage_num"][0], rows["brokerage_den"][0])
    assert 0 == rows["gst_percent"][0]
    assert 1 == rows["tick_paise"][0, 0]
