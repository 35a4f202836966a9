"""What a search measures of one set of values is what a backtest of it says, in either gear."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from backtest.run import Gear, Request, run
from backtest.summary import summary_of
from core.errors import ConfigError, DataError
from core.session import MINUTE_NS, day_text
from research.evaluation import (
    RoundTrips,
    TradedSubject,
    TradingSubject,
    Values,
    evaluated,
)
from research.metrics import METRICS
from tests.datasets import LIVELY, WEEK, generated, request_on

SETS: list[Values] = [{}, {"sl_mult": 2.0}, {"timeframe": "15m"}, {"slippage_bps": 20.0}]
NS_OF = {day: (day * 1_440 + 225) * MINUTE_NS for day in WEEK}  # 09:15


def asked(name: str = "week", gear: Gear = Gear.COMPILED) -> Request:
    return request_on(generated(name), *LIVELY, gear=gear)


@pytest.mark.parametrize("gear", Gear)
@pytest.mark.parametrize("name", ["week", "24x7"])
@pytest.mark.parametrize("values", SETS)
def test_figures_are_those_of_a_backtests_summary_to_the_bit(
    gear: Gear, name: str, values: Values
) -> None:
    request = asked(name, gear)
    from_day = int(TradedSubject(request).days()[1])
    subject = TradedSubject(request)
    settings, risk = subject.settled(values)
    whole = replace(request, settings=settings, risk=risk, from_day=from_day)
    result = run(whole)
    summary = summary_of(whole, result)

    found = subject.evaluator(from_day, None).evaluate(values)

    assert list(found.metrics) == list(METRICS)
    for figure in ("sharpe", "trades", "win_rate", "profit_factor"):
        assert found.metrics[figure] == summary[figure]
    assert len(found.daily) == len(result.days)
    cash_paise = risk.initial_cash * 100
    assert round(found.daily.sum() * cash_paise) == summary["net_paise"]
    assert found.metrics["trades"] or values == {"timeframe": "15m"}


def test_round_trips_are_measured_as_counted_by_hand() -> None:
    hour = 60 * MINUTE_NS
    trips = RoundTrips(  # of 1,000 rupees: +20 - 2, -10 - 3 (held over night), +5 - 1
        entry_ns=np.array([NS_OF[WEEK[0]], NS_OF[WEEK[0]] + 2 * hour, NS_OF[WEEK[3]]]),
        exit_ns=np.array([NS_OF[WEEK[0]] + hour, NS_OF[WEEK[1]] + hour, NS_OF[WEEK[3]] + hour]),
        quantity=np.array([2, 1, 1]),
        entry_price=np.array([100.0, 100.0, 50.0]),
        exit_price=np.array([110.0, 90.0, 55.0]),
        gross_paise=np.array([2_000, -1_000, 500]),
        fees_paise=np.array([200, 300, 100]),
    )

    found = evaluated(trips, np.array(WEEK), 1_000.0, always_open=False)

    assert found.daily.tolist() == pytest.approx([0.018, -0.013, 0.0, 0.004, 0.0])
    told = found.metrics
    assert (told["trades"], told["days_in_market"], told["n_nans"]) == (3, 3, 0)
    assert told["win_rate"] == pytest.approx(2 / 3)
    assert told["profit_factor"] == pytest.approx(22 / 13)
    assert told["average_win"] == pytest.approx(0.011)
    assert told["average_loss"] == pytest.approx(-0.013)
    assert told["cost_share"] == pytest.approx(6 / 35)
    assert told["total_return"] == pytest.approx(0.009)
    assert told["turnover"] == pytest.approx((420 + 190 + 105) / 1_000 / 5 * 252)


def test_threads_share_an_evaluator_and_a_pickled_subject_answers_the_same() -> None:
    subject = TradedSubject(asked())
    shared = subject.evaluator(WEEK[1], WEEK[3])
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(shared.evaluate, SETS * 4))
    sent = pickle.dumps(subject)
    again = pickle.loads(sent).evaluator(WEEK[1], WEEK[3])  # noqa: S301 - our own bytes
    assert shared.days.tolist() == WEEK[1:4]
    for values, found in zip(SETS * 4, together, strict=True):
        alone = again.evaluate(values)
        assert dict(found.metrics) == dict(alone.metrics)
        assert found.daily.tobytes() == alone.daily.tobytes()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sl_molt": 1}, 'unknown key "sl_molt": did you mean "sl_mult"'),
        ({"sl_mult": -1}, "sl_mult = -1 is not allowed: a number > 0"),
        ({"leverage": "much"}, 'leverage = "much" is not allowed'),
        ({"timeframe": "7x"}, "timeframe"),
    ],
)
def test_values_that_are_not_allowed_are_one_line(values: Values, said: str) -> None:
    subject = TradedSubject(asked())
    with pytest.raises(ConfigError, match=said):
        subject.check(values)
    with pytest.raises(ConfigError, match=said):
        subject.evaluator(None, None).evaluate(values)


def test_a_span_without_bars_and_a_gear_that_does_not_fit_are_refused() -> None:
    last = day_text(WEEK[-1])
    with pytest.raises(DataError, match=f"no bars from .* to {last}"):
        TradedSubject(asked()).evaluator(WEEK[-1] + 1, None)
    with pytest.raises(ConfigError, match="runs with --gear event only"):
        TradedSubject(request_on(generated("week"), strategy="fusion"))


def test_the_identity_names_strategy_data_and_program() -> None:
    first, other = (TradedSubject(asked(name)).identity for name in ("week", "24x7"))
    assert (first["strategy"], first["gear"]) == ("pixity", "compiled")
    assert first["data_hash"] != other["data_hash"]
    assert first["parameters"] == asked().parameters
    assert first["code_digest"] != first["measured_by"]


@pytest.mark.parametrize("gear", Gear)
@pytest.mark.parametrize("name", ["week", "24x7"])
def test_listed_trades_are_those_of_the_span_and_measure_as_it_was_evaluated(
    gear: Gear, name: str
) -> None:
    subject = TradedSubject(asked(name, gear))
    day = int(subject.days()[1])
    evaluator = subject.evaluator(day, day)

    trades = subject.trades({"sl_mult": 2.0}, day, day)

    assert isinstance(subject, TradingSubject)
    assert trades.height
    found, own = subject.measured(trades, evaluator.days), evaluator.evaluate({"sl_mult": 2.0})
    assert found.metrics == own.metrics
    np.testing.assert_array_equal(found.daily, own.daily)
