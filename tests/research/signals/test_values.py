"""Values of signals against their formulas in plain Python, and against values by hand."""

import math
import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise

import polars as pl
import pytest

from research.signals.library import compute
from tests.research.signals.bars import daily_bars, minute_bars

BARS = daily_bars(1, 300, seed=4)
OPEN, H, L, C, V = (BARS[name].to_list() for name in ("open", "high", "low", "close", "volume"))
R = [math.nan, *(b / a - 1.0 for a, b in pairwise(C))]
TYPICAL = [(h + low + c) / 3.0 for h, low, c in zip(H, L, C, strict=True)]
TRUE_RANGE = [
    H[0] - L[0],
    *(max(h - lo, abs(h - c), abs(lo - c)) for h, lo, c in zip(H[1:], L[1:], C, strict=False)),
]


def ema(values: Sequence[float], alpha: float) -> list[float]:
    made = [values[0]]
    for value in values[1:]:
        made.append(made[-1] + alpha * (value - made[-1]))
    return made


def rsi_14(t: int) -> float:
    changes = [b - a for a, b in pairwise(C[: t + 1])]
    gain = ema([max(one, 0.0) for one in changes], 1 / 14)[-1]
    loss = ema([max(-one, 0.0) for one in changes], 1 / 14)[-1]
    return 100.0 - 100.0 / (1.0 + gain / loss)


def macd_histogram(t: int) -> float:
    fast, slow = ema(C[: t + 1], 2 / 13), ema(C[: t + 1], 2 / 27)
    line = [a - b for a, b in zip(fast, slow, strict=True)][25:]
    return (line[-1] - ema(line, 2 / 10)[-1]) / C[t]


def channel_index(t: int) -> float:
    window = TYPICAL[t - 19 : t + 1]
    mean = statistics.fmean(window)
    return (window[-1] - mean) / (0.015 * statistics.fmean(abs(one - mean) for one in window))


def aroon_oscillator(t: int) -> float:
    highs, lows = H[t - 25 : t + 1][::-1], L[t - 25 : t + 1][::-1]
    up = 100.0 * (25 - highs.index(max(highs))) / 25
    return up - 100.0 * (25 - lows.index(min(lows))) / 25


def chaikin_money_flow(t: int) -> float:
    days = range(t - 20, t + 1)
    flow = sum(((C[i] - L[i]) - (H[i] - C[i])) / (H[i] - L[i]) * V[i] for i in days)
    return flow / sum(V[i] for i in days)


def roll_spread(t: int) -> float:
    now, before = R[t - 20 : t + 1], R[t - 21 : t]
    return 2.0 * math.sqrt(max(0.0, -statistics.covariance(now, before)))


def corwin_schultz_spread(t: int) -> float:
    """Equations 14 and 18 of the paper, for each pair of the 21 days."""
    root, found = math.sqrt(2.0), []
    for i in range(t - 20, t + 1):
        beta = math.log(H[i] / L[i]) ** 2 + math.log(H[i - 1] / L[i - 1]) ** 2
        gamma = math.log(max(H[i], H[i - 1]) / min(L[i], L[i - 1])) ** 2
        alpha = (math.sqrt(2.0 * beta) - math.sqrt(beta)) / (3.0 - 2.0 * root)
        alpha -= math.sqrt(gamma / (3.0 - 2.0 * root))
        found.append(max(0.0, 2.0 * (math.exp(alpha) - 1.0) / (1.0 + math.exp(alpha))))
    return statistics.fmean(found)


def yang_zhang(t: int) -> float:
    days = range(t - 20, t + 1)
    night = statistics.variance(math.log(OPEN[i] / C[i - 1]) for i in days)
    day = statistics.variance(math.log(C[i] / OPEN[i]) for i in days)
    drift_free = statistics.fmean(
        math.log(H[i] / C[i]) * math.log(H[i] / OPEN[i])
        + math.log(L[i] / C[i]) * math.log(L[i] / OPEN[i])
        for i in days
    )
    k = 0.34 / (1.34 + 22 / 20)
    return math.sqrt(night + k * day + (1.0 - k) * drift_free)


def on_balance_slope(t: int) -> float:
    balance = [0.0]
    for i in range(1, t + 1):
        balance.append(balance[-1] + V[i] * ((C[i] > C[i - 1]) - (C[i] < C[i - 1])))
    line = statistics.linear_regression(range(21), balance[-21:])
    return line.slope / statistics.fmean(V[t - 20 : t + 1])


def trend_clarity(t: int) -> float:
    logs = [math.log(one) for one in C[t - 89 : t + 1]]
    fit = statistics.correlation(logs, list(range(90)))
    slope = statistics.linear_regression(range(90), logs).slope
    return (math.exp(250.0 * slope) - 1.0) * fit * fit


def alpha_009(t: int) -> float:
    changes = [C[i] - C[i - 1] for i in range(t - 4, t + 1)]
    return changes[-1] if min(changes) > 0 or max(changes) < 0 else -changes[-1]


REFERENCES: dict[str, Callable[[int], float]] = {
    "rsi_14": rsi_14,
    "macd_histogram": macd_histogram,
    "channel_index": channel_index,
    "aroon_oscillator": aroon_oscillator,
    "chaikin_money_flow": chaikin_money_flow,
    "roll_spread": roll_spread,
    "corwin_schultz_spread": corwin_schultz_spread,
    "yang_zhang": yang_zhang,
    "on_balance_slope": on_balance_slope,
    "trend_clarity": trend_clarity,
    "alpha_009": alpha_009,
    "momentum_12_1": lambda t: C[t - 21] / C[t - 252] - 1.0,
    "high_52_week": lambda t: C[t] / max(H[t - 251 : t + 1]),
    "maximum_return": lambda t: max(R[t - 20 : t + 1]),
    "volatility_21": lambda t: statistics.stdev(R[t - 20 : t + 1]),
    "parkinson": lambda t: math.sqrt(
        statistics.fmean(math.log(H[i] / L[i]) ** 2 for i in range(t - 20, t + 1))
        / (4.0 * math.log(2.0))
    ),
    "amihud_illiquidity": lambda t: statistics.fmean(
        abs(R[i]) / (TYPICAL[i] * V[i] / 1e7) for i in range(t - 20, t + 1)
    ),
    "true_range_share": lambda t: ema(TRUE_RANGE[: t + 1], 1 / 14)[-1] / C[t],
    "efficiency_ratio": lambda t: (
        (C[t] - C[t - 10]) / sum(abs(C[i] - C[i - 1]) for i in range(t - 9, t + 1))
    ),
    "same_weekday": lambda t: statistics.fmean(R[t + 1 - 5 * k] for k in range(1, 21)),
    "volume_rank": lambda t: sum(one <= V[t] for one in V[t - 49 : t + 1]) / 50.0,
    "alpha_006": lambda t: -statistics.correlation(OPEN[t - 9 : t + 1], V[t - 9 : t + 1]),
    "kyle_lambda": lambda t: (
        statistics.linear_regression(
            [math.copysign(V[i], R[i]) if R[i] else 0.0 for i in range(t - 62, t + 1)],
            R[t - 62 : t + 1],
        ).slope
        * statistics.fmean(V[t - 62 : t + 1])
    ),
}


@pytest.fixture(scope="module")
def computed() -> pl.DataFrame:
    return compute(BARS.lazy(), list(REFERENCES)).collect()


@pytest.mark.parametrize("name", REFERENCES)
def test_a_signal_is_its_formula_in_plain_python(computed: pl.DataFrame, name: str) -> None:
    for t in (252, 271, 299):
        assert computed[name][t] == pytest.approx(REFERENCES[name](t), rel=1e-9, abs=1e-12), t


def test_the_market_is_the_mean_of_the_symbols() -> None:
    bars = daily_bars(3, 60)
    found = compute(bars.lazy(), ["idiosyncratic_volatility"]).collect()
    returns = bars.with_columns(
        r=pl.col("close") / pl.col("close").shift(1).over("symbol") - 1.0
    ).partition_by("symbol")
    mine, *_ = columns = [one["r"].to_list()[-21:] for one in returns]
    market = [statistics.fmean(day) for day in zip(*columns, strict=True)]

    line = statistics.linear_regression(market, mine)
    left = [r - line.slope * m - line.intercept for r, m in zip(mine, market, strict=True)]

    assert found["idiosyncratic_volatility"][59] == pytest.approx(statistics.stdev(left))


def three(*rows: tuple[float, float, float, float, float]) -> pl.LazyFrame:
    columns = ["open", "high", "low", "close", "volume"]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    stamps = pl.int_range(pl.len(), dtype=pl.Int64) * 86_400_000
    return frame.lazy().with_columns(symbol=pl.lit("X"), ts=stamps.cast(pl.Datetime("ms")))


def test_values_by_hand() -> None:
    bars = three((10.0, 12.0, 8.0, 10.0, 100.0), (11.0, 14.0, 9.0, 12.0, 300.0))
    names = ["close_location", "overnight_gap", "last_return", "shadow_balance", "alpha_012"]

    last = compute(bars, [*names, "alpha_101", "alpha_054"]).collect().row(1, named=True)

    assert last["close_location"] == pytest.approx((24 - 14 - 9) / 5)
    assert last["overnight_gap"] == pytest.approx(0.1)
    assert last["last_return"] == pytest.approx(0.2)
    assert last["shadow_balance"] == pytest.approx((2 - 2) / 5)
    assert last["alpha_012"] == -2.0
    assert last["alpha_101"] == pytest.approx(1 / 5.001)
    assert last["alpha_054"] == pytest.approx(3 * 11**5 / (-5 * 12**5))


# --- within the session -----------------------------------------------------------------------


MINUTES = minute_bars(1, seed=6)
SESSIONS = [
    part.rows(named=True)
    for part in MINUTES.with_columns(day=pl.col("ts").dt.offset_by("330m").dt.date()).partition_by(
        "day"
    )
]


def minute_of(session: int, bar: int) -> int:
    opened = SESSIONS[session][0]["ts"]
    return int((SESSIONS[session][bar]["ts"] - opened).total_seconds()) // 60


def test_intraday_values_are_those_of_their_session() -> None:
    names = ["session_return", "day_return", "vwap_distance", "opening_range_position"]
    names += ["first_half_hour", "prior_range_position", "relative_volume", "same_time_return"]
    found = compute(MINUTES.lazy(), names).collect()
    today, before = SESSIONS[2], SESSIONS[1]
    bar = 40
    now = found.row(len(SESSIONS[0]) + len(before) + bar, named=True)
    close, so_far = today[bar]["close"], today[: bar + 1]
    traded = sum((b["high"] + b["low"] + b["close"]) / 3.0 * b["volume"] for b in so_far)
    opening = [b for i, b in enumerate(so_far) if minute_of(2, i) < 15]
    low, high = min(b["low"] for b in opening), max(b["high"] for b in opening)
    half_hour = [b for i, b in enumerate(so_far) if minute_of(2, i) < 30]
    low_before, high_before = min(b["low"] for b in before), max(b["high"] for b in before)

    assert now["session_return"] == pytest.approx(close / today[0]["open"] - 1.0)
    assert now["day_return"] == pytest.approx(close / before[-1]["close"] - 1.0)
    assert now["vwap_distance"] == pytest.approx(
        close / (traded / sum(b["volume"] for b in so_far)) - 1.0
    )
    assert now["opening_range_position"] == pytest.approx((close - low) / (high - low))
    assert now["first_half_hour"] == pytest.approx(
        half_hour[-1]["close"] / before[-1]["close"] - 1.0
    )
    assert now["prior_range_position"] == pytest.approx(
        (close - low_before) / (high_before - low_before)
    )


def test_the_same_time_is_that_of_the_five_sessions_before() -> None:
    """Of the last session's bar; the evening session has its own clock, from its own opening."""
    found = compute(MINUTES.lazy(), ["relative_volume", "same_time_return"]).collect()
    last, bar = SESSIONS[-1], 12
    minute = minute_of(-1, bar)
    volumes, returns = [], []
    for session in reversed(range(len(SESSIONS) - 1)):
        for i, b in enumerate(SESSIONS[session]):
            if minute_of(session, i) == minute and len(volumes) < 5:
                volumes.append(sum(one["volume"] for one in SESSIONS[session][: i + 1]))
                returns.append(SESSIONS[session][i + 1]["close"] / b["close"] - 1.0)
    row = found.row(len(MINUTES) - len(last) + bar, named=True)

    assert len(volumes) == 5
    assert row["relative_volume"] == pytest.approx(
        sum(b["volume"] for b in last[: bar + 1]) / statistics.fmean(volumes)
    )
    assert row["same_time_return"] == pytest.approx(statistics.fmean(returns))
