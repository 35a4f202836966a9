"""A feature that knows the bar after its own is found by the audit, whoever wrote it."""

from dataclasses import replace

import pytest

from backtest.audit import audit
from core.types import Records
from strategies import pixity
from strategies.registry import KERNELS
from tests.datasets import LIVELY, generated, request_on


def knowing_drive(params: Records, states: Records, bars: Records, signals: Records) -> None:
    """PixityAI whose third feature is the move of the bar to come, where there is one."""
    pixity.drive(params, states, bars, signals)
    raised = signals["count"][:-1] > 0
    signals["features"][:-1, 2][raised] = (bars["close"][1:] / bars["close"][:-1] - 1.0)[raised]


def test_a_feature_from_the_next_bar_is_caught_by_the_audit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = request_on(generated("week", seed=2), *LIVELY)
    honest = {check.name: check for check in audit(request)}["causality"]
    monkeypatch.setitem(KERNELS, "pixity", replace(pixity.SPEC, drive=knowing_drive))
    found = next(check for check in audit(request) if check.name == "causality")

    assert honest.ok
    assert found.ok is False
    assert found.text.endswith("features[2] knew a later bar")
