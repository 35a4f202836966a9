"""Strategies by name: kernels, precomputed signals, and classes of the user's own."""

import pytest

from core.errors import ConfigError
from strategies.ema_cross import EmaCrossSettings
from strategies.fusion import FusionSettings
from strategies.pixity import PixitySettings
from strategies.precomputed import PrecomputedSettings
from strategies.registry import NAMES, build, settings_of
from strategies.settings import StrategySettings

PLAIN = """
from strategies.plain import Proposal
from strategies.settings import StrategySettings

class Quiet:
    settings = StrategySettings
    kinds = ("NEVER",)
    def __init__(self, settings, instruments):
        self.instruments = instruments
    def on_bar(self, bar, account):
        return None

class Half:
    settings = StrategySettings
"""


@pytest.fixture
def own_module(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_strategies.py").write_text(PLAIN)  # type: ignore[operator]
    (tmp_path / "broken_strategies.py").write_text("1 / 0\n")  # type: ignore[operator]
    monkeypatch.syspath_prepend(str(tmp_path))


def test_the_names_are_those_of_the_kernels_fusion_and_precomputed() -> None:
    assert ("pixity", "ema_cross", "fusion", "precomputed") == NAMES


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("pixity", PixitySettings),
        ("ema_cross", EmaCrossSettings),
        ("fusion", FusionSettings),
        ("precomputed", PrecomputedSettings),
    ],
)
def test_a_name_has_its_own_settings(name: str, settings: type[StrategySettings]) -> None:
    assert settings is settings_of(name)


def test_a_strategy_carries_the_name_of_its_instance() -> None:
    names = [build("pixity", PixitySettings(), ["A"], n).name for n in ("", "morning")]

    assert ["pixity", "morning"] == names


@pytest.mark.parametrize(("wrong", "nearest"), [("pixty", "pixity"), ("ema-cross", "ema_cross")])
def test_a_name_that_is_not_known_is_answered_with_the_nearest(wrong: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=f'unknown strategy "{wrong}": did you mean "{nearest}"'):
        settings_of(wrong)


def test_a_name_like_none_is_answered_with_all() -> None:
    with pytest.raises(ConfigError, match="known are pixity, ema_cross, fusion, precomputed"):
        build("zzz", PixitySettings(), ["A"])


@pytest.mark.usefixtures("own_module")
def test_module_and_class_name_a_plain_strategy() -> None:
    assert StrategySettings is settings_of("own_strategies:Quiet")
    strategy = build("own_strategies:Quiet", StrategySettings(), ["A"])
    assert ("Quiet", True) == (strategy.name, strategy.sees_account)
    assert "night" == build("own_strategies:Quiet", StrategySettings(), ["A"], "night").name


@pytest.mark.usefixtures("own_module")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_strategies:Half", "is not a class with settings, kinds and on_bar"),
        ("own_strategies:Missing", "is not a class with settings, kinds and on_bar"),
        ("broken_strategies:Any", "cannot be imported: ZeroDivisionError"),
        ("no_such_module:Any", "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_what_is_no_strategy_is_refused_in_one_line(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"strategy {name} {message}"):
        settings_of(name)
