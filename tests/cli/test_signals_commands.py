"""`signals`: lines, files and a page; what cannot be is one line."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.session import DAY_NS, IST_OFFSET_NS, MINUTE_NS, parse_day
from tests.cli.command import call, tree

MONDAY = parse_day("2026-03-02")
DAILY = ("--data", "daily.parquet", "--out", "out")
OWN = """
import polars as pl
from research.signals.spec import SignalSpec


def mine():
    return SignalSpec(
        name="mine", family="own", source="mine", direction=1, lookback=1, expression=pl.col("edge")
    )


def ahead():
    later = pl.col("edge") + pl.col("open").shift(-3)
    return SignalSpec(
        name="ahead", family="own", source="mine", direction=1, lookback=1, expression=later
    )


def absent():
    return SignalSpec(
        name="absent", family="own", source="mine", direction=1, lookback=1, expression=pl.col("x")
    )
"""


def write_daily(path: Path, symbols: int = 8, sessions: int = 120) -> pl.DataFrame:
    """Walks of weekdays; `edge` knows a little of the next session. S1 splits by ten unexplained,
    S2 lacks two rows, the whole of one fortnight is missing."""
    random = np.random.default_rng(5)
    numbers = np.arange(sessions)
    days = MONDAY + numbers // 5 * 7 + numbers % 5 + 14 * (numbers >= 60)
    edge = random.normal(size=(sessions, symbols))
    moves = random.normal(0, 0.01, (sessions, symbols))
    moves[2:] += 0.004 * edge[:-2]
    opens = 500 * np.cumprod(1 + moves, axis=0)
    opens[80:, 1] /= 10
    closes = opens * (1 + random.normal(0, 0.002, opens.shape))
    columns = {
        "symbol": np.tile([f"S{number}" for number in range(symbols)], sessions),
        "date": pl.Series(np.repeat(days, symbols)).cast(pl.Int32).cast(pl.Date),
        "open": opens.ravel(),
        "high": np.maximum(opens, closes).ravel() * 1.003,
        "low": np.minimum(opens, closes).ravel() * 0.997,
        "close": closes.ravel(),
        "volume": random.integers(1_000, 9_000, opens.size),
        "edge": edge.ravel(),
        "hollow": np.full(opens.size, np.nan),
    }
    frame = pl.DataFrame(columns)
    missing = frame["date"].unique().sort()[40:42]
    gone = (pl.col("symbol") == "S2") & pl.col("date").is_between(*missing)
    frame = frame.filter(~gone)
    frame.write_parquet(path)
    return frame


def write_minutes(path: Path, symbols: int = 6, days: int = 4) -> None:
    random = np.random.default_rng(6)
    opens_ns = np.concatenate(
        [
            (MONDAY + day) * DAY_NS - IST_OFFSET_NS + (555 + np.arange(375)) * MINUTE_NS
            for day in range(days)
        ]
    )
    pieces = []
    for number in range(symbols):
        close = 200 * np.exp(np.cumsum(random.normal(0, 0.0006, len(opens_ns))))
        stamps = pl.Series(opens_ns // 1_000_000).cast(pl.Datetime("ms"))
        pieces.append(
            pl.DataFrame(
                {
                    "symbol": [f"M{number}"] * len(close),
                    "ts": stamps.dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Kolkata"),
                    "open": np.append(close[0], close[:-1]),
                    "high": np.maximum(close, np.append(close[0], close[:-1])) + 0.05,
                    "low": np.minimum(close, np.append(close[0], close[:-1])) - 0.05,
                    "close": close,
                    "volume": random.integers(1, 500, len(close)),
                }
            )
        )
    pl.concat(pieces).write_parquet(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with daily bars and a signal of one's own in it."""
    write_daily(tmp_path / "daily.parquet")
    (tmp_path / "own_signals.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_signals_are_ranked_written_and_shown(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    named = ("--signals", "rsi_2,own_signals:mine", "last_return", "--horizons", "1,5")

    answer = call(capfd, "signals", *DAILY, *named)

    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0].startswith("universe     8 symbols, across symbols; 2026-03-02 to ")
    assert lines[1] == "rows         1 masked, of 1 symbols; 2 missing"
    assert lines[2] == "missing      no session between 2026-05-22 and 2026-06-08"
    assert float(next(line for line in lines if line.startswith("mine")).split()[3]) > 5
    assert "signals x horizons tested            6" in lines
    run = json.loads((folder / "out/run.json").read_text())
    assert run["kind"] == "signals"
    board = pl.read_parquet(folder / "out/leaderboard.parquet")
    assert board["signal"][0] == "mine"
    assert board["ic_mean"][0] > 0.2
    assert pl.read_csv(folder / "out/signals.csv")["family"].to_list()[1] == "own"
    before = (folder / "out/report.html").read_bytes()
    assert call(capfd, "report", "out").code == 0
    assert before == (folder / "out/report.html").read_bytes()


def test_all_means_those_whose_columns_are_there(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    where = ("--where", "|t_nw|>=0.5", "dates>50", "--sort", "turnover", "--from", "2026-04-01")
    answer = call(capfd, "signals", *DAILY, "--horizons", "2", *where)

    assert answer.code == 0
    assert "no column    " in answer.out  # delivery, VWAP: the exchange's file has them
    assert pl.read_parquet(folder / "out/leaderboard.parquet").height > 40


def test_factors_put_the_prices_on_one_basis(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    split = pl.read_parquet(folder / "daily.parquet")["date"].unique().sort()[80]
    pl.DataFrame({"symbol": ["S1"], "date": [split], "factor": [10.0]}).write_csv("factors.csv")

    answer = call(capfd, "signals", *DAILY, "--signals", "rsi_2", "--factors", "factors.csv")

    assert "rows         0 masked, of 0 symbols; 2 missing" in answer.out


def test_one_symbol_is_said_to_be_studied_over_time(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = call(capfd, "signals", *DAILY, "--symbols", "S3", "--signals", "rsi_2")

    assert answer.code == 0
    assert "universe     1 symbols, over time, one symbol" in answer.out


def test_an_index_is_no_member(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = call(capfd, "signals", *DAILY, "--signals", "rsi_2", "--index", "S0")

    assert (answer.code, "universe     7 symbols" in answer.out) == (0, True)


def test_minutes_are_made_into_bars_and_held_within_the_session(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_minutes(folder / "minutes.parquet")
    line = ("signals", "--data", "minutes.parquet", "--out", "out", "--signals", "last_return")

    answer = call(capfd, *line, "--timeframe", "15m", "--horizons", "4b,1")

    assert answer.code == 0
    assert "4 sessions of 100 bars" in answer.out
    ic = pl.read_parquet(folder / "out/ic.parquet")
    per_day = ic.group_by("date").agg(pl.col("last_return").count()).sort("date")
    # Of 25 bars the last five buy too late to hold four; the very first has no return before it.
    assert per_day["last_return"].to_list() == [19, 20, 20, 20]


def test_a_column_of_nan_is_a_signal_without_a_value(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "own_hollow.py").write_text(OWN.replace('"edge"', '"hollow"'))

    answer = call(capfd, "signals", *DAILY, "--signals", "own_hollow:mine,rsi_2")

    assert (answer.code, "no value     mine" in answer.out) == (0, True)


def test_rows_without_a_price_are_counted_by_symbol(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """NaN, infinite and absent prices are no prices; nothing is filled."""
    frame = pl.read_parquet(folder / "daily.parquet")
    closes = frame["close"].to_list()
    places = [i for i, name in enumerate(frame["symbol"]) if name == "S4"][:3]
    for place, value in zip(places, (float("nan"), float("inf"), None), strict=True):
        closes[place] = value
    frame.with_columns(close=pl.Series(closes, dtype=pl.Float64)).write_parquet("daily.parquet")

    answer = call(capfd, "signals", *DAILY, "--signals", "rsi_2")

    assert (answer.code, answer.err) == (0, "")
    assert "no price     in rows of S4 3" in answer.out.splitlines()
    run = json.loads((folder / "out/run.json").read_text())
    assert {"S4": 3} == run["told"]["rows without a price"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--signals", "rsi2"), 2, 'unknown signal "rsi2": did you mean "rsi_2"?'),
        (("--signals", "nowhere:mine"), 2, '"nowhere:mine" cannot be imported'),
        (("--signals", "rsi_2", "--horizons", "500"), 3, "horizon 500 is longer than the data"),
        (("--horizons", "1,x"), 2, 'horizon "x" is neither sessions (5) nor bars (4b)'),
        (("--horizons", "1", "1"), 2, '--horizons "1 1" names one twice'),
        (("--signals", "rsi_2", "--quantiles", "9"), 2, "9 quantiles of 8 symbols"),
        (("--symbols", "S1,S2"), 3, "2 symbols are too few to rank, 5 are needed"),
        (("--symbols", "S1,S99"), 2, "not in the data: S99"),
        (("--index", "NIFTY"), 2, 'the index "NIFTY" is not in the data'),
        (("--where", "t_nv>1"), 2, 'no number "t_nv": did you mean "t_nw"?'),
        (("--sort", "ic"), 2, 'no column "ic"'),
        (("--signals", "own_signals:ahead"), 1, "signal ahead of S0, bar 2026-"),
        (("--signals", "own_signals:ahead"), 1, ": reads open of the bar 2026-"),
        (("--signals", "own_signals:absent"), 2, 'signal absent needs a column "x"; there are'),
        (("--entry", "next"), 2, '--entry "next" is not one of open, close'),
        (("--factors", "none.parquet"), 3, "none.parquet: no table of symbol, date, factor"),
        (("--timeframe", "15m"), 3, "no row lies in a session, so no bar of 15m can be made"),
        (("--from", "2031-01-01"), 3, "no session from 2031-01-01 on"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    folder: Path,
    capfd: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    before = tree(folder)
    answer = call(capfd, "signals", *DAILY, *words)

    assert (code, 1) == (answer.code, answer.err.count("\n")), answer.err
    assert said in answer.err
    assert tree(folder) == before
