"""What an executed order costs, to the paisa: rates by date as data, arithmetic in integers.

Source: market.md 6 (NSE circulars of 2024-10-01 and 2026-03-01, broker tariff). Never floats.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from core.errors import ConfigError
from core.jit import kernel
from core.types import DAY_RULES, Records, Row


class FeeProfile(StrEnum):
    UPSTOX = "upstox"
    FLAT20_STT = "flat20_stt"
    BPS = "bps"


@kernel
def value_paise(quantity: int, price: float) -> int:
    """`quantity` at `price` rupees in paise, half up; 1e-6 absorbs a decimal's last ulp."""
    return int(np.floor(quantity * price * 100.0 + 0.5 + 1e-6))


@kernel
def share_paise(value: int, num: int, den: int) -> int:
    """value * num / den rounded half up, exact: the split keeps products inside int64."""
    return (value // den) * num + ((value % den) * num + den // 2) // den


@kernel
def fees_paise(value: int, side: int, rules: Row) -> int:
    """Charges of one executed order of `value` paise; `side` +1 buys, -1 sells.

    Each component is rounded to the paisa; GST is taken on the sum of the rounded ones.
    """
    brokerage = share_paise(value, rules.brokerage_num, rules.brokerage_den)
    if rules.brokerage_flat_paise > 0 and (
        rules.brokerage_num == 0 or brokerage > rules.brokerage_flat_paise
    ):
        brokerage = rules.brokerage_flat_paise
    transaction = share_paise(value, rules.transaction_num, rules.transaction_den)
    sebi = share_paise(value, rules.sebi_num, rules.sebi_den)
    total = brokerage + transaction + sebi
    total += share_paise(total, rules.gst_percent, 100)
    total += share_paise(value, rules.ipft_num, rules.ipft_den)
    if side < 0:
        total += share_paise(value, rules.stt_num, rules.stt_den)
    else:
        total += share_paise(value, rules.stamp_num, rules.stamp_den)
    return int(total)


def days_since_1970(date: str) -> int:
    """The day number of an ISO date."""
    return int(np.datetime64(date, "D").astype(np.int64))


@dataclass(frozen=True, slots=True)
class DatedRate:
    """A rate as a fraction, in force from a session date on (ISO text, IST)."""

    first_date: str
    num: int
    den: int

    @property
    def first_day(self) -> int:
        return days_since_1970(self.first_date)


TRANSACTION = (
    DatedRate("1970-01-01", 345, 10_000_000),  # 0.00345 %
    DatedRate("2024-10-01", 297, 10_000_000),
    DatedRate("2026-03-01", 30_699, 1_000_000_000),
)
IPFT = (
    DatedRate("1970-01-01", 1, 1_000_000),
    DatedRate("2026-03-01", 1, 1_000_000_000),  # Rs 0.01 per crore
)
STAMP = (DatedRate("1970-01-01", 0, 1), DatedRate("2020-07-01", 3, 100_000))


def fill_fee_rules(row: Records, *, day: int, profile: FeeProfile, fee_bps: float) -> None:
    """Write the charges in force on `day` into one DAY_RULES row (a length-1 view)."""
    for name in DAY_RULES.names or ():
        if name.endswith("_den"):
            row[name] = 1
    if profile is FeeProfile.BPS:
        row["brokerage_num"], row["brokerage_den"] = _bps_fraction(fee_bps)
        return
    row["brokerage_flat_paise"] = 2_000
    row["stt_num"], row["stt_den"] = 1, 4_000  # 0.025 %
    if profile is FeeProfile.FLAT20_STT:
        return
    row["brokerage_num"], row["brokerage_den"] = 1, 1_000
    for name, table in (("transaction", TRANSACTION), ("ipft", IPFT), ("stamp", STAMP)):
        rate = _in_force(table, day)
        row[f"{name}_num"], row[f"{name}_den"] = rate.num, rate.den
    row["sebi_num"], row["sebi_den"] = 1, 1_000_000
    row["gst_percent"] = 18


def fee_change_days() -> set[int]:
    """Every day on which a rate begins."""
    return {rate.first_day for table in (TRANSACTION, IPFT, STAMP) for rate in table}


def _in_force(table: tuple[DatedRate, ...], day: int) -> DatedRate:
    return [rate for rate in table if rate.first_day <= day][-1]


def _bps_fraction(fee_bps: float) -> tuple[int, int]:
    """A fee in basis points as an exact fraction, to a hundred-thousandth of a basis point."""
    num = round(fee_bps * 100_000)
    if num < 0 or abs(num / 100_000 - fee_bps) > 1e-9:
        raise ConfigError(f"fee_bps {fee_bps} must be >= 0 with at most five decimals")
    return num, 1_000_000_000
