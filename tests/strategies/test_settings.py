"""Risk and strategy settings: defaults of the paper, ranges, and refusals a person can read."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from core.errors import ConfigError
from core.rules.fees import FeeProfile
from core.types import Market
from strategies.pixity import PixitySettings
from strategies.settings import (
    Count,
    RiskSettings,
    StrategySettings,
    resolve,
    timeframe_ns,
)
from strategies.table import Table, allowed, table

MINUTE_NS = 60_000_000_000


class Sample(StrategySettings):
    ema_fast: Count = Field(20, description="bars")
    model_path: str | None = Field(None, description="file")


def refusal(*assignments: str) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(RiskSettings(), Sample(), assignments)
    return str(caught.value)


@pytest.mark.parametrize(
    ("market", "slippage_bps", "profile"),
    [(Market.NSE, 2.0, FeeProfile.UPSTOX), (Market.ALWAYS_OPEN, 5.0, FeeProfile.BPS)],
)
def test_a_market_has_its_own_slippage_and_charges(
    market: Market, slippage_bps: float, profile: FeeProfile
) -> None:
    risk = RiskSettings().for_market(market)

    assert (slippage_bps, profile) == (risk.slippage_bps, risk.fee_profile)


def test_what_the_user_said_outlives_the_market_default() -> None:
    risk = RiskSettings(slippage_bps=0.0, fee_profile="flat20_stt").for_market(Market.ALWAYS_OPEN)

    assert (0.0, FeeProfile.FLAT20_STT) == (risk.slippage_bps, risk.fee_profile)


def test_defaults_are_those_of_the_expected_results(shared: Path) -> None:
    text = (shared / "expected" / "bajajfinsv-2021" / "summary.json").read_text()
    expected = json.loads(text)["parameters"]
    ours = RiskSettings().for_market(Market.NSE).model_dump() | StrategySettings().model_dump()

    assert {"fee_bps", "gap_policy"} == ours.keys() - expected.keys()
    assert {key: expected[key] for key in ours.keys() & expected.keys()} == {
        key: ours[key] for key in ours.keys() & expected.keys()
    }


def test_assignments_reach_both_tables_and_the_last_one_counts() -> None:
    risk, strategy = resolve(
        RiskSettings(),
        Sample(),
        ["max_daily_loss=1500", "ema_fast=9", "timeframe=5m", "ema_fast=10", "max_quantity=7"],
    )

    assert (1500.0, 7) == (risk.max_daily_loss, risk.max_quantity)
    assert (10, 5 * MINUTE_NS) == (strategy.ema_fast, strategy.timeframe_ns)


def test_none_unsets_an_optional_key_only() -> None:
    risk, strategy = resolve(
        RiskSettings(max_quantity=5),
        Sample(model_path="m"),
        ["max_quantity=none", "model_path=none"],
    )

    assert (None, None) == (risk.max_quantity, strategy.model_path)
    assert 'initial_cash = "none" is not allowed' in refusal("initial_cash=none")


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("max_dayly_loss=5", 'unknown key "max_dayly_loss": did you mean "max_daily_loss"?'),
        ("ema_fasst=5", 'unknown key "ema_fasst": did you mean "ema_fast"?'),
        (
            "initial_cash=5,000",
            'initial_cash = "5,000" is not allowed: a number > 0 and <= 10000000000',
        ),
        (
            "max_quantity=0",
            'max_quantity = "0" is not allowed: a whole number >= 1 and <= 1000000 or none',
        ),
        ("fill_on=high", 'fill_on = "high" is not allowed: one of open, close'),
        (
            "fee_profile=free",
            'fee_profile = "free" is not allowed: one of upstox, flat20_stt, bps or none',
        ),
        ("max_daily_loss=200000", "max_daily_loss 200000 is over max_capital 100000"),
        (
            "square_off_minutes=46",
            "square_off_minutes 46 is over last_entry_minutes 45: "
            "entries would follow the square-off",
        ),
        ("ema_fast", '"ema_fast" is not key=value'),
        ("=5", '"=5" is not key=value'),
    ],
)
def test_a_bad_assignment_is_refused_in_one_clear_line(assignment: str, expected: str) -> None:
    assert expected == refusal(assignment)


NUMBERS = [
    (model, key)
    for model in (RiskSettings, StrategySettings)
    for key in model.model_fields
    if "number" in allowed(model, key)
]


@pytest.mark.parametrize(("model", "key"), NUMBERS)
@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, -1, 1e30, 10**400, True, "nan", "1e999999", "", [], {}]
)
def test_no_number_is_infinite_negative_huge_or_a_truth_value(
    model: type[Table], key: str, value: object
) -> None:
    with pytest.raises(ConfigError, match=rf"^{key} = .* is not allowed: a (whole )?number"):
        table(model, {key: value})


@pytest.mark.parametrize(
    "key",
    [
        *("initial_cash", "max_capital", "leverage", "max_daily_loss", "max_entries_per_day"),
        *("max_quantity", "max_notional_per_order"),
    ],
)
def test_a_limit_of_zero_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=f"^{key} = 0 is not allowed"):
        table(RiskSettings, {key: 0})


@pytest.mark.parametrize("bars", [0, 101])
def test_a_swing_reaches_no_further_than_pixity_remembers(bars: int) -> None:
    words = f"swing_period = {bars} is not allowed: a whole number >= 1 and <= 100"

    assert 100 == table(PixitySettings, {"swing_period": 100}).swing_period
    with pytest.raises(ConfigError, match=f"^{words}$"):
        table(PixitySettings, {"swing_period": bars})


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("1m", 1), ("15m", 15), ("75m", 75), ("1h", 60), ("4h", 240), ("1d", 1440), ("24h", 1440)],
)
def test_a_timeframe_is_minutes_hours_or_a_day(text: str, minutes: int) -> None:
    assert minutes * MINUTE_NS == StrategySettings(timeframe=text).timeframe_ns


@given(st.from_regex(r"[0-9]{1,5}[mhd]?", fullmatch=True))
def test_a_timeframe_has_a_length_of_a_day_at_most_or_is_refused(text: str) -> None:
    units = {"m": 1, "h": 60, "d": 1440}
    minutes = int(text.rstrip("mhd")) * units.get(text[-1], 0)
    good = not text.startswith("0") and 0 < minutes <= 1440

    if good:
        assert minutes * MINUTE_NS == timeframe_ns(text)
    else:
        with pytest.raises(ConfigError, match=f'timeframe "{text}" is not allowed'):
            timeframe_ns(text)


@pytest.mark.parametrize("text", ["", "0m", "25h", "1441m", "2d", "15", "m", "15 m", "-5m", "١m"])
def test_any_other_timeframe_is_refused(text: str) -> None:
    assert "like 1m, 15m, 4h or 1d" in refusal(f"timeframe={text}")


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RiskSettings().initial_cash = 1.0  # type: ignore[misc]
