"""The layers of the configuration, and every way a user can get it wrong."""

import tomllib
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from cli import config_commands
from core.errors import ConfigError
from daemon.config import Configuration, load
from strategies.fusion import FusionSettings
from strategies.settings import Count, StrategySettings


class Cross(StrategySettings):
    ema_fast: Count = Field(9, description="bars")


class Band(StrategySettings):
    width: Count = Field(2, description="in ATR")


MODELS: dict[str, type[StrategySettings]] = {"cross": Cross, "band": Band}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(toml: str = "", **given: object) -> Configuration:
    Path("tradingd.toml").write_text(toml)
    return load(MODELS, **{"environ": {}, **given})  # type: ignore[arg-type]


def refusal(toml: str = "", **given: object) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(toml, **given)
    return str(caught.value)


def test_without_any_layer_the_first_strategy_trades_on_paper() -> None:
    configuration = load(MODELS, environ={})

    assert ("paper", 60) == (
        configuration.settings.mode,
        configuration.settings.history_sessions,
    )
    assert {"cross": Cross()} == {k: v.settings for k, v in configuration.strategies.items()}
    assert {} == configuration.origins


def test_later_layers_win_and_every_value_knows_its_layer() -> None:
    toml = (
        "[risk]\nmax_capital = 7000\nleverage = 2\nmax_daily_loss = 10\n[feed]\nseed = 4\n"
        "[strategies.cross]\nema_fast = 3"
    )
    environ = {"TRADINGD_RISK__LEVERAGE": "3", "TRADINGD_RISK__MAX_DAILY_LOSS": "20"}
    configuration = loaded(
        toml,
        environ=environ,
        options={"risk": {"max_daily_loss": 30}},
        assignments=["feed.seed=5", "ema_fast=8"],
    )
    risk = configuration.settings.risk

    assert (7000, 3, 30) == (risk.max_capital, risk.leverage, risk.max_daily_loss)
    assert 5 == configuration.settings.feed.seed
    assert Cross(ema_fast=8) == configuration.strategies["cross"].settings
    assert {
        "risk.max_capital": "tradingd.toml",
        "risk.leverage": "environment TRADINGD_RISK__LEVERAGE",
        "risk.max_daily_loss": "command line",
        "feed.seed": "command line",
        "strategies.cross.ema_fast": "command line",
    } == configuration.origins


def test_a_secret_in_the_environment_is_no_part_of_the_configuration() -> None:
    environ = {"TRADINGD_UPSTOX_TOKEN": "planted", "TRADINGD_MODE": "observe"}
    configuration = load(MODELS, environ=environ)

    assert "observe" == configuration.settings.mode
    assert "planted" not in f"{configuration}"


def test_the_environment_is_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADINGD_SYMBOLS", "RELIANCE, NSE_EQ|INE245A01021")
    monkeypatch.setenv("TRADINGD_STRATEGIES__CROSS__TIMEFRAME", "5m")
    configuration = load(MODELS)

    assert ("RELIANCE", "NSE_EQ|INE245A01021") == configuration.settings.symbols
    assert "5m" == configuration.strategies["cross"].settings.timeframe


def test_nothing_outside_the_named_layers_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADINGD_MODE", "observe")
    Path(".env").write_text("TRADINGD_MODE=observe\n")

    assert "paper" == load(MODELS, environ={}).settings.mode


def test_instances_are_named_tables_of_a_strategy() -> None:
    toml = '[strategies.slow]\nstrategy = "cross"\ntimeframe = "1h"\n[strategies.band]\n'
    all_of_them = loaded(toml).strategies
    chosen = loaded(toml, strategies=["cross", "slow"]).strategies

    assert [("slow", "cross"), ("band", "band")] == [
        (k, v.strategy) for k, v in all_of_them.items()
    ]
    assert ["cross", "slow"] == list(chosen)
    assert "1h" == chosen["slow"].settings.timeframe


def test_a_strategy_is_in_the_main_book_unless_it_names_a_shadow() -> None:
    toml = '[strategies.cross]\n[strategies.slow]\nstrategy = "cross"\nbook = "trial"\n'
    books = {name: one.book for name, one in loaded(toml).strategies.items()}

    assert {"cross": "main", "slow": "trial"} == books
    assert {"cross": "trial-2", "slow": "trial"} == {
        name: one.book
        for name, one in loaded(
            toml + "[strategies.band]\n",
            assignments=["strategies.cross.book=trial-2"],
        ).strategies.items()
        if name != "band"
    }


def test_evidence_stands_beside_the_settings_and_is_no_setting() -> None:
    named = f"found/x.evidence.json@{'ab' * 32}"
    toml = f'[strategies.cross]\nevidence = "{named}"\n[strategies.band]\nevidence = "none"\n'
    configured = loaded(toml).strategies

    assert [named, None] == [one.evidence for one in configured.values()]
    assert Cross() == configured["cross"].settings
    for bad in ('"x.json"', '"x.json@12"', "3"):
        with pytest.raises(ConfigError, match=r"strategies.cross.evidence = .* must be FILE@SHA"):
            loaded(f"[strategies.cross]\nevidence = {bad}\n")


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('[strategies.cross]\nbook = "trial"', "no strategy is in book main: cross are shadows"),
        ('[strategies.cross]\nbook = "Trial 2"', "must be like main or trial-2"),
        ("[strategies.cross]\nbook = 3", "must be like main or trial-2"),
    ],
)
def test_a_book_that_cannot_be_is_refused(toml: str, words: str) -> None:
    assert words in refusal(toml)


def test_a_table_may_run_a_plain_strategy_by_its_module_and_class() -> None:
    toml = '[strategies.cross]\n[strategies.mine]\nstrategy = "tests.daemon.shaky:Shaky"\n'
    mine = loaded(toml + 'timeframe = "5m"', assignments=["sl_mult=3"]).strategies["mine"]

    assert ("tests.daemon.shaky:Shaky", "5m", 3.0) == (
        *(mine.strategy, mine.settings.timeframe),
        mine.settings.sl_mult,
    )
    assert "strategies.mine.kind" in refusal(toml + "kind = 1")
    assert "cannot be imported" in refusal('[strategies.mine]\nstrategy = "no.such:Thing"')


def test_a_table_that_is_not_chosen_is_checked_all_the_same() -> None:
    toml = "[strategies.cross]\nema_fsat = 2\n[strategies.band]"

    assert "strategies.cross.ema_fsat" in refusal(toml, strategies=["band"])


def test_what_screen_says_holds_for_strategies_behind_the_screener_unless_they_say_other() -> None:
    models = {**MODELS, "fusion": FusionSettings}
    toml = """
        [screen]
        min_score = 0.5
        min_adx = 30.0
        [strategies.cross]
        [strategies.fusion]
        min_adx = 25.0
    """
    Path("tradingd.toml").write_text(toml)
    said = load(models, environ={}, assignments=["min_score=0.6"])
    own = said.strategies["fusion"].settings

    assert isinstance(own, FusionSettings)
    assert (0.6, 25.0) == (own.min_score, own.min_adx)
    assert "command line" == said.origins["strategies.fusion.min_score"]
    assert "tradingd.toml" == said.origins["strategies.fusion.min_adx"]


def test_a_flat_strategy_key_is_set_in_every_instance_that_has_it() -> None:
    toml = '[strategies.slow]\nstrategy = "cross"\n[strategies.band]\n'
    strategies = loaded(toml, assignments=["ema_fast=5", "time_stop_bars=7"]).strategies

    assert Cross(ema_fast=5, time_stop_bars=7) == strategies["slow"].settings
    assert Band(time_stop_bars=7) == strategies["band"].settings


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        (
            "Symbols = ['A']\nsymbols = ['B']",
            'unknown key "Symbols": did you mean "symbols"?',
        ),
        ("modee = 'paper'", 'unknown key "modee": did you mean "mode"?'),
        ("[risc]\nleverage = 2", 'unknown key "risc": did you mean "risk"?'),
        ("[risk]\nlevrage = 2", 'unknown key "risk.levrage": did you mean "leverage"?'),
        (
            "[strategies.cross]\nema_fsat = 2",
            'unknown key "strategies.cross.ema_fsat": did you mean "ema_fast"?',
        ),
        (
            "[strategies.a]\nstrategy = 'crosss'",
            'strategies.a.strategy: unknown strategy "crosss": did you mean "cross"?',
        ),
        ("strategies = 3", "strategies must be tables: [strategies.NAME]"),
        ("risk = 3", "risk = 3 is not allowed: a table"),
        (
            "[risk]\nmax_capital = nan",
            "risk.max_capital = nan is not allowed: a number > 0 and <= 10000000000",
        ),
        (
            "[risk]\nmax_entries_per_day = true",
            'risk.max_entries_per_day = "true" is not allowed: a whole number >= 1 and <= 1000000',
        ),
        ("[risk]\nmax_capital = 10", "risk: max_daily_loss 5000 is over max_capital 10"),
        ("mode = 'lively'", 'mode = "lively" is not allowed: one of paper, observe, live'),
        ("symbols = ['A', 'B', 'A']", "symbols = ['A', 'B', 'A'] is not allowed: named twice: A"),
        ("symbols = ['A;']", "symbols = ['A;'] is not allowed: not a symbol or key: 'A;'"),
        (
            "accept_session = 20261207",
            "accept_session = 20261207 is not allowed: a date like 2026-07-27",
        ),
        ("[feed]\nkind = 'replay'", "feed: kind replay needs data and day"),
        (
            "[dashboard]\nhost = '0.0.0.0'",
            "dashboard: host 0.0.0.0 is not loopback: the page is for this machine"
            " unless allow_remote = true",
        ),
        (
            "[dashboard]\nhost = 'desk'\nallow_remote = true",
            "dashboard: host desk is no address",
        ),
        (
            "[dashboard]\nnames = ['Desk:80']",
            "dashboard.names = ['Desk:80'] is not allowed:"
            " not a host name in lower case, without port: 'Desk:80'",
        ),
        ("[paths]\nstate_dir = ''", 'paths.state_dir = "" is not allowed: text'),
    ],
)
def test_a_bad_file_is_refused_in_one_clear_line(toml: str, expected: str) -> None:
    assert expected == refusal(toml)


@pytest.mark.parametrize("allow_remote", [False, True])
@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.0.0.53", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.10", False),
        ("::ffff:192.168.1.10", False),
    ],
)
def test_another_address_than_loopback_has_to_be_allowed(
    host: str, local: bool, allow_remote: bool
) -> None:
    flag = str(allow_remote).lower()
    toml = f"[dashboard]\nhost = '{host}'\nallow_remote = {flag}"

    if local or allow_remote:
        assert host == loaded(toml).settings.dashboard.host
    else:
        assert "is not loopback" in refusal(toml)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TRADINGD_MODEE": "x"}, 'unknown key "modee": did you mean "mode"?'),
        (
            {"TRADINGD_RISK__MAX_DAYLY_LOSS": "5"},
            'unknown key "risk.max_dayly_loss": did you mean "max_daily_loss"?',
        ),
        (
            {"tradingd_risk__leverage": "5,0"},
            'risk.leverage = "5,0" is not allowed: a number > 0 and <= 1000',
        ),
        (
            {"TRADINGD_RISK__LEVERAGE": ""},
            'risk.leverage = "" is not allowed: a number > 0 and <= 1000',
        ),
        (
            {"TRADINGD_STRATEGIES__CROSS": '{"ema_fast": 3}'},
            "strategies.cross must be a table: [strategies.cross]",
        ),
        (
            {"TRADINGD_SYMBOLS": '["A"]'},
            "symbols = ['[\"A\"]'] is not allowed: not a symbol or key: '[\"A\"]'",
        ),
        ({"TRADINGD_RISK": "5"}, 'risk = "5" is not allowed: a table'),
        (
            {"TRADINGD_RISK": "5", "TRADINGD_RISK__LEVERAGE": "2"},
            "risk.leverage: risk has a value already, it is no table",
        ),
        (
            {"TRADINGD_MODE__X": "paper"},
            "mode = {'x': 'paper'} is not allowed: one of paper, observe, live",
        ),
    ],
)
def test_a_bad_variable_with_our_prefix_is_never_ignored(
    environ: dict[str, str], expected: str
) -> None:
    assert expected == refusal(environ=environ)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"assignments": ["ema_fsat=3"]}, 'unknown key "ema_fsat": did you mean "ema_fast"?'),
        (
            {"assignments": ["risk.levrage=3"]},
            'unknown key "risk.levrage": did you mean "leverage"?',
        ),
        (
            {"assignments": ["strategies.cross=3"]},
            "strategies.cross must be a table: [strategies.cross]",
        ),
        (
            {"toml": "risk = 3", "assignments": ["leverage=2"]},
            "risk.leverage: risk has a value already, it is no table",
        ),
        (
            {"assignments": ["_env_file.x=1"]},
            'unknown key "_env_file": known are mode, symbols, watch, history_sessions, grace_s,'
            " price_band_percent, repair_wait_s, late_s, accept_session, risk, brakes, feed,"
            " dashboard, paths, upstox, screen, live, strategies",
        ),
        ({"strategies": ["bnad"]}, 'unknown strategy "bnad": did you mean "band"?'),
        ({"strategies": ["band", "band"]}, 'strategy "band" is named twice'),
        (
            {"options": {"strategies": {"a|b": {"strategy": "band"}}}},
            'strategy name "a|b" must be like pixity or pixity-5m',
        ),
        ({"file": Path("missing.toml")}, "missing.toml: no such file"),
        ({"file": Path()}, ".: cannot be read: Is a directory"),
        ({"file": Path("/dev/null")}, "/dev/null: cannot be read: not a regular file"),
    ],
)
def test_a_bad_command_line_is_refused_in_one_clear_line(
    given: dict[str, object], expected: str
) -> None:
    assert expected == refusal(**given)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"mode = 'paper'\n[risk\n", r"tradingd\.toml: .*line 2"),
        (b"mode = 'paper'\nx = '\xff'\n", r"tradingd\.toml: not UTF-8 \(at line 2\)"),
        (b"mode = 'paper'\nmode = 'paper'\n", r"tradingd\.toml: .*line 2"),
    ],
)
def test_a_broken_file_is_named_with_its_line(data: bytes, expected: str) -> None:
    Path("tradingd.toml").write_bytes(data)

    with pytest.raises(ConfigError, match=expected):
        load(MODELS, environ={})


# --- the verbs ---------------------------------------------------------------------------------


def test_the_template_loads_back_to_the_defaults_with_every_line_in_use() -> None:
    template = config_commands.new(MODELS)
    used = "\n".join(
        line.removeprefix("#") if line[:1] == "#" and line[1:2] != " " else line
        for line in template.splitlines()
    )
    default = load(MODELS, environ={}, strategies=list(MODELS))

    assert default.settings == loaded(used).settings == loaded(template).settings
    assert default.strategies == loaded(used).strategies
    assert {"cross"} == loaded(template).strategies.keys()
    assert len(loaded(used).origins) == len(config_commands.show(default).splitlines())


def test_show_names_the_layer_of_each_value_and_resolves_the_market() -> None:
    shown = config_commands.show(loaded("[feed]\nsession = '24x7'"))
    lines = [" ".join(line.split()) for line in shown.splitlines()]

    assert 'feed.session = "24x7" # tradingd.toml' in lines
    assert "risk.slippage_bps = 5.0 # default" in lines
    assert "cross" in tomllib.loads(shown)["strategies"]


def test_secrets_are_shown_as_stars() -> None:
    assert '"**********"' == config_commands.toml_value(SecretStr("token"))


def test_check_counts_what_was_set() -> None:
    said = config_commands.check(loaded("[risk]\nleverage = 2"))

    assert "configuration is good: 1 values set, strategies cross\n" == said
