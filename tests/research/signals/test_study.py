"""A planted edge is found, an idle signal is not, and bad input is one line."""

import numpy as np
import pytest

from core.errors import ConfigError, DataError
from research.panel.matrix import Panel
from research.signals.forward import Horizon
from research.signals.study import Asked, Studied
from tests.research.signals.panels import HORIZONS, SIGNALS, idle, known, study, walks


@pytest.fixture(scope="module")
def studied() -> Studied:
    return study(walks(), SIGNALS, Asked(horizons=HORIZONS, sheets=2))


def test_the_planted_edge_leads_and_luck_does_not(studied: Studied) -> None:
    board = studied.tables["leaderboard"]
    rows = {row["signal"]: row for row in board.iter_rows(named=True)}

    assert board["signal"].to_list() == ["known", "same", "idle", "void"]
    # rho of normal values is 0.004 / hypot(0.004, 0.02) = 0.196; Spearman's 6 / pi asin(rho / 2).
    assert rows["known"]["ic_mean"] == pytest.approx(6 / np.pi * np.arcsin(0.196 / 2), abs=0.02)
    assert rows["known"]["t_nw"] > 15
    assert rows["known"]["monotonicity"] > 0.9
    assert rows["known"]["p_bonferroni"] < 1e-6
    assert rows["idle"]["p"] > 0.05
    assert rows["void"]["icir"] is None
    assert ["void"] == studied.told["signals without a value"]


def test_the_edge_of_one_session_decays(studied: Studied) -> None:
    decay = studied.tables["decay"]
    own = {
        row["horizon"]: row["ic_mean"]
        for row in decay.iter_rows(named=True)
        if row["signal"] == "known"
    }

    assert own["5"] == pytest.approx(own["1"] / np.sqrt(5), abs=0.02)


def test_every_test_that_was_made_is_counted(studied: Studied) -> None:
    told = studied.told["tried"]
    assert isinstance(told, dict)

    assert (told["signals tried"], told["signals x horizons tested"]) == (4, 6)  # void has no t
    p, bonferroni = studied.tables["decay"].drop_nulls("p").select("p", "p_bonferroni")
    assert bonferroni.to_list() == pytest.approx((p * 6).clip(upper_bound=1).to_list())


def test_of_two_that_say_the_same_one_is_pruned(studied: Studied) -> None:
    pruned = studied.tables["pruned"]

    assert pruned.filter("kept")["signal"].to_list() == ["known", "idle", "void"]
    assert pruned.row(3) == ("same", False, "known", pytest.approx(-1.0))


def test_the_tables_fit_together(studied: Studied) -> None:
    tables = studied.tables

    assert list(tables) == [
        *("leaderboard", "decay", "ic", "quantiles", "growth", "regimes", "correlation", "pruned")
    ]
    assert tables["ic"].columns == ["date", "ts", *SIGNALS]
    assert tables["quantiles"].height == len(SIGNALS) * len(HORIZONS) * 10
    assert tables["growth"]["signal"].unique(maintain_order=True).to_list() == ["known", "same"]
    assert set(tables["regimes"]["regime"]) == {"bull", "bear", "high volatility", "low volatility"}
    assert tables["correlation"].height == len(SIGNALS)


def test_the_days_before_from_day_warm_up_and_are_not_judged(studied: Studied) -> None:
    panel = walks()
    later = study(panel, SIGNALS, Asked(horizons=HORIZONS, from_day=int(panel.days[300])))
    whole = studied.tables["ic"]["known"].to_list()

    assert later.tables["ic"]["known"].to_list() == whole[300:]
    bull = later.tables["regimes"].filter(signal="known", regime="bull")["dates"].item()
    bear = later.tables["regimes"].filter(signal="known", regime="bear")["dates"].item()
    assert bull + bear == 118  # all of them: the index is warm


def test_one_symbol_is_studied_over_time() -> None:
    panel = walks(2_000, 1)
    found = study(panel, {"known": known, "idle": idle}, Asked(horizons=HORIZONS))

    assert found.told["mode"] == "over time, one symbol"
    best = found.tables["leaderboard"].row(0, named=True)
    assert (best["signal"], best["t_nw"] > 3) == ("known", True)
    assert (5, 2) == (found.told["quantiles"], found.tables["correlation"].height)


def test_a_mask_of_ones_own_is_a_regime() -> None:
    panel = walks()
    monday = (panel.days + 3) % 7 == 0
    found = study(panel, {"known": known}, Asked(horizons=HORIZONS), Monday=monday)

    dates = found.tables["regimes"].filter(regime="Monday")["dates"].item()
    assert dates == np.isfinite(found.tables["ic"]["known"].to_numpy()[monday]).sum() == 84


def test_masked_and_missing_rows_are_counted_and_left_out() -> None:
    panel = walks()
    closes, opens = panel.fields["close"].copy(), panel.fields["open"].copy()
    masked = panel.masked.copy()
    masked[100, 3] = True
    for prices in (closes, opens):
        prices[100:, 3] *= 1_000.0
        prices[[100, 200, 201], 3] = np.nan
        prices[:50, 4] = np.nan  # not listed yet
    cut = Panel(
        panel.stamps_ns,
        panel.days,
        panel.symbols,
        {"open": opens, "close": closes, "known": panel.fields["known"]},
        masked,
    )

    found = study(cut, {"known": known}, Asked(horizons=HORIZONS))
    told = found.told

    assert found.tables["quantiles"]["mean"].abs().max() < 0.03  # nobody earned it
    assert (told["masked rows"], told["symbols with a masked row"], told["missing rows"]) == (
        1,
        1,
        2,
    )


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        (Asked(horizons=(Horizon(500),)), DataError, "horizon 500 is longer than the data: 420"),
        (Asked(horizons=()), ConfigError, "no signal or no horizon"),
        (Asked(quantiles=31), ConfigError, "31 quantiles of 30 symbols: 2 to 30 are possible"),
        (Asked(from_day=99_999), DataError, "no session from 2243-10-16 on: the data end 2027-08-"),
    ],
)
def test_what_cannot_be_is_one_line(asked: Asked, error: type[Exception], said: str) -> None:
    with pytest.raises(error) as raised:
        study(walks(), SIGNALS, asked)

    assert said in str(raised.value)
