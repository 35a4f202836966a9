"""The audit: it passes the honest and names what a planted strategy knew too early."""

from dataclasses import replace

import numpy as np
import pytest

from backtest.audit import Check, audit, check_batch, first_difference
from backtest.run import run, session_terms
from core.bars import Resampler
from core.session import MINUTE_NS
from core.types import Records
from providers.replay import ReplayProvider
from strategies import ema_cross, pixity
from strategies.kernel import Drive
from strategies.registry import KERNELS
from tests.datasets import LIVELY, dataset_of, generated, request_on
from tests.market import flat
from tests.strategies.hours import hours

QUICK = ("timeframe=5m", "ema_fast=2", "ema_slow=3", "atr_period=2", "warmup_bars=10")


def checks(
    *assignments: str, strategy: str = "pixity", history_sessions: int = 60
) -> dict[str, Check]:
    request = request_on(generated("mixed auction"), *assignments, strategy=strategy)
    return {check.name: check for check in audit(request, history_sessions)}


def planted(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> Check:
    """What the audit says of causality when ema_cross is driven so."""
    monkeypatch.setitem(KERNELS, "ema_cross", replace(ema_cross.SPEC, drive=drive))
    return checks(*QUICK, strategy="ema_cross")["causality"]


def test_a_batch_that_trades_otherwise_is_caught() -> None:
    """Here its events are those of other settings."""
    request = request_on(generated("week"), *LIVELY)
    other = request_on(generated("week"), *LIVELY, "swing_period=3")
    provider = ReplayProvider(request.dataset, session_terms(request.risk))
    resampler = Resampler([request.settings.timeframe_ns], MINUTE_NS, provider.groups)
    bars = np.concatenate([resampler.resample(one).strategy_bars for one in provider.day_spans()])

    assert check_batch(request, ["A"], bars, run(request)).ok
    check = check_batch(request, ["A"], bars, run(other))
    assert check.ok is False
    assert check.text.endswith("differs from the strategy run bar by bar")


def test_our_own_strategies_are_honest() -> None:
    for strategy, assignments in (("pixity", LIVELY), ("ema_cross", QUICK)):
        found = checks(*assignments, strategy=strategy)

        assert ["bars", "causality", "warm-up", "gears", "batch"] == list(found)
        assert [True, True, None, True, True] == [check.ok for check in found.values()]
        assert "events in one pass" in found["batch"].text


def test_too_little_data_for_the_warm_up_is_said_and_no_failure() -> None:
    check = checks(*LIVELY)["warm-up"]

    assert (None, "3 sessions in the data, 61 needed to tell") == (check.ok, check.text)


def test_the_smallest_sufficient_warm_up_is_named() -> None:
    check = checks(*QUICK, strategy="ema_cross", history_sessions=1)["warm-up"]

    assert check.ok is True
    needed, given = (int(word) for word in check.text.split() if word.isdigit())
    assert 10 < needed < 75  # alpha 1/2: 1e-9 after some thirty bars
    assert 1 == given


def test_an_insufficient_warm_up_is_named_with_bar_and_column() -> None:
    check = checks(*QUICK, "ema_slow=500", strategy="ema_cross", history_sessions=1)["warm-up"]

    assert check.ok is False
    assert "bar 2026-08-04T09:15:00+05:30 of instrument 0: gate_threshold[1]" in check.text
    assert check.text.endswith("still differs after 1 sessions")


def peeking(params: Records, states: Records, bars: Records, signals: Records) -> None:
    """Looks at the close of the bar after it, where there is one."""
    ema_cross.drive(params, states, bars, signals)
    for i in range(len(bars) - 1):
        signals[i].gate_value[1] = bars[i + 1].close


def rewriting(params: Records, states: Records, bars: Records, signals: Records) -> None:
    """Takes back the event of the bar before once the price has fallen."""
    ema_cross.drive(params, states, bars, signals)
    for i in range(1, len(bars)):
        if bars[i].close < bars[i - 1].close:
            signals[i - 1].count = 0


@pytest.mark.parametrize(("drive", "column"), [(peeking, "gate_value[1]"), (rewriting, "count")])
def test_a_strategy_that_knows_a_later_bar_is_caught(
    drive: Drive, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = planted(drive, monkeypatch)

    assert check.ok is False
    assert check.text.endswith(f": {column} knew a later bar")


def test_a_peek_at_the_very_next_bar_is_named_at_the_first_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check = planted(peeking, monkeypatch)

    assert check.text.startswith("bar 2026-07-31T09:15:00+05:30 of instrument 0: gate_value[1]")


def test_a_value_taken_over_the_whole_array_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def normalised(params: Records, states: Records, bars: Records, signals: Records) -> None:
        ema_cross.drive(params, states, bars, signals)
        signals["vwap"] = bars["close"].max()

    check = planted(normalised, monkeypatch)

    assert check.ok is False
    assert "vwap knew a later bar" in check.text


@pytest.mark.slow
def test_fusion_is_causal_and_warm_and_has_one_gear() -> None:
    request = request_on(hours(75), strategy="fusion")
    found = {check.name: check for check in audit(request)}

    assert [True, True, True, None, None] == [check.ok for check in found.values()]
    assert "the event gear only" in found["gears"].text
    assert "60 sessions are given" in found["warm-up"].text


PLAIN = """
from strategies.plain import Proposal
from strategies.settings import StrategySettings

class Anything:
    settings = StrategySettings
    kinds = ("X",)
    def __init__(self, settings, instruments): ...
    def on_bar(self, bar, account):
        return None
"""


def test_a_plain_strategy_that_cannot_be_judged_is_said_so(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain_for_audit.py").write_text(PLAIN)  # type: ignore[operator]
    monkeypatch.syspath_prepend(str(tmp_path))
    found = list(
        audit(request_on(dataset_of(flat("09:15", "15:30")), strategy="plain_for_audit:Anything"))
    )

    assert [True, *[None] * (len(found) - 1)] == [check.ok for check in found]
    assert "plain Python strategy" in found[-1].text


# --- comparing signals ---------------------------------------------------------------------------


def two() -> tuple[Records, Records]:
    rows: Records = np.zeros(4, pixity.SPEC.signal)
    return rows, rows.copy()


def test_equal_signals_do_not_differ_and_nan_equals_nan() -> None:
    one, other = two()
    one["atr"] = other["atr"] = np.nan

    assert None is first_difference(one, other)


def test_the_first_row_that_differs_is_named_with_its_column() -> None:
    one, other = two()
    one["close"][3], one["gate_value"][2, 4] = 1.0, 7.0

    assert (2, "gate_value[4]") == first_difference(one, other)


def test_what_was_not_raised_or_is_decided_later_is_not_compared() -> None:
    one, other = two()
    one["kind"][1, 0], one["status"][0], one["quantity"][2] = 5, 1, 99

    assert None is first_difference(one, other)
    one["count"][1] = other["count"][1] = 1
    assert (1, "kind[0]") == first_difference(one, other)


def test_a_tolerance_is_relative() -> None:
    one, other = two()
    one["close"], other["close"] = 1e6, 1e6 + 1e-4

    assert (0, "close") == first_difference(one, other)
    assert None is first_difference(one, other, 1e-9)
