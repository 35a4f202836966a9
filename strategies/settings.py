"""What a user may set for risk and strategies: names, defaults and ranges (pixity.md 1 and 5).

No value that is out of range, not finite or of another kind gets through, and no key is unknown:
what a strategy or a rule reads has been checked here.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, model_validator

from core.errors import ConfigError
from core.rules.fees import FeeProfile
from core.session import DAY_NS, MINUTE_NS
from core.types import Market
from strategies.table import Table, table, unknown_key

GapPolicy = Literal["refuse", "accept"]
FillOn = Literal["open", "close"]

TIMEFRAME_WORDS = "like 1m, 15m, 4h or 1d, and no longer than 1d"
TIMEFRAME = re.compile(r"([1-9][0-9]{0,3})(m|h)|1d")


def timeframe_ns(text: str) -> int:
    """Nanoseconds of "15m", "4h" or "1d". Raises ConfigError; no timeframe exceeds a day."""
    match = TIMEFRAME.fullmatch(text)
    if match is None:
        raise ConfigError(f'timeframe "{text}" is not allowed: {TIMEFRAME_WORDS}')
    unit_ns = {"m": MINUTE_NS, "h": 60 * MINUTE_NS, None: DAY_NS}[match[2]]
    span_ns = int(match[1] or 1) * unit_ns
    if span_ns > DAY_NS:
        raise ConfigError(f'timeframe "{text}" is not allowed: {TIMEFRAME_WORDS}')
    return span_ns


def _known_timeframe(text: str) -> str:
    try:
        timeframe_ns(text)
    except ConfigError as error:
        raise ValueError(TIMEFRAME_WORDS) from error
    return text


# Wide enough for research, narrow enough that no sum in paise leaves 64 bits.
Rupees = Annotated[float, Field(gt=0, le=1e10, allow_inf_nan=False)]
Multiple = Annotated[float, Field(gt=0, le=1_000, allow_inf_nan=False)]
BasisPoints = Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)]
AdxLevel = Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)]  # over 100: always
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
CountFromZero = Annotated[int, Field(ge=0, le=1_000_000)]
MinutesOfDay = Annotated[int, Field(ge=0, le=1_440)]
Timeframe = Annotated[
    str, AfterValidator(_known_timeframe), Field(examples=["1m", "15m", "4h", "1d"])
]


class RiskSettings(Table):
    """Account, costs and limits (pixity.md 5). None in the first two: by market, `for_market`."""

    slippage_bps: BasisPoints | None = Field(
        None, description="slippage of market and stop orders; 2.0, 24x7 5.0"
    )
    fee_profile: FeeProfile | None = Field(None, description="table of charges; upstox, 24x7 bps")
    fee_bps: BasisPoints = Field(10.0, description="charges per order under fee_profile bps")
    fill_on: FillOn = Field("open", description="close: only to compare with older results")
    initial_cash: Rupees = Field(100_000.0, description="rupees")
    max_capital: Rupees = Field(100_000.0, description="rupees; times leverage: gross exposure")
    leverage: Multiple = Field(5.0, description="exposure per rupee of equity and of max_capital")
    max_daily_loss: Rupees = Field(5_000.0, description="rupees; reached, no entry until tomorrow")
    max_entries_per_day: Count = Field(10, description="over all instruments")
    last_entry_minutes: MinutesOfDay = Field(45, description="before the day's last close")
    square_off_minutes: MinutesOfDay = Field(20, description="before the day's last close")
    max_quantity: Count | None = Field(None, description="shares per order")
    max_notional_per_order: Rupees | None = Field(None, description="rupees per order")

    @model_validator(mode="after")
    def _limits_agree(self) -> "RiskSettings":
        if self.max_daily_loss > self.max_capital:
            raise ValueError(
                f"max_daily_loss {self.max_daily_loss:.12g} is over"
                f" max_capital {self.max_capital:.12g}"
            )
        if self.square_off_minutes > self.last_entry_minutes:
            raise ValueError(
                f"square_off_minutes {self.square_off_minutes} is over last_entry_minutes"
                f" {self.last_entry_minutes}: entries would follow the square-off"
            )
        return self

    def for_market(self, market: Market) -> "MarketRisk":
        """These settings with the market's own defaults where the user said nothing."""
        defaults = _MARKET_DEFAULTS[market]
        said = self.model_dump(exclude_none=True)
        return MarketRisk(**{**defaults, **said})


class MarketRisk(RiskSettings):
    """RiskSettings with nothing left to the market."""

    slippage_bps: BasisPoints
    fee_profile: FeeProfile


_MARKET_DEFAULTS: dict[Market, dict[str, object]] = {
    Market.NSE: {"slippage_bps": 2.0, "fee_profile": FeeProfile.UPSTOX},
    Market.ALWAYS_OPEN: {"slippage_bps": 5.0, "fee_profile": FeeProfile.BPS},
}


class StrategySettings(Table):
    """What every strategy has; each adds its own keys in a subclass beside its code."""

    timeframe: Timeframe = Field("15m", description="decision bar: 1m ... 4h, 1d")
    warmup_bars: CountFromZero = Field(
        50, description="signals from this strategy bar on, included"
    )
    risk_per_trade: Rupees = Field(500.0, description="rupees lost if the stop is hit at its price")
    sl_mult: Multiple = Field(1.0, description="stop distance in ATR")
    tp_mult: Multiple = Field(2.0, description="target distance in ATR")
    time_stop_bars: Count = Field(12, description="strategy bars until a market exit")
    cooldown_bars: CountFromZero = Field(3, description="strategy bars between exit and next entry")
    gap_policy: GapPolicy = Field("refuse", description="what to do with a bar that has a gap")

    @property
    def timeframe_ns(self) -> int:
        return timeframe_ns(self.timeframe)


S = TypeVar("S", bound=StrategySettings)


def resolve(risk: RiskSettings, strategy: S, assignments: Sequence[str]) -> tuple[RiskSettings, S]:
    """Both tables after the flat `key=value` assignments; of two for one key the last counts."""
    risk_values: dict[str, object] = risk.model_dump()
    strategy_values: dict[str, object] = strategy.model_dump()
    for key, value in map(split_assignment, assignments):
        if key in risk_values:
            risk_values[key] = value
        elif key in strategy_values:
            strategy_values[key] = value
        else:
            raise ConfigError(unknown_key(key, [*risk_values, *strategy_values]))
    return table(type(risk), risk_values), table(type(strategy), strategy_values)


def split_assignment(assignment: str) -> tuple[str, str]:
    """Key and value of "key=value"."""
    key, sign, value = (part.strip() for part in assignment.partition("="))
    if not sign or not key:
        raise ConfigError(f'"{assignment}" is not key=value')
    return key, value
