"""Configuration and environment: each is missed by name, whichever exchange is meant."""

from pathlib import Path
from typing import Any

import pytest

from cli.config_commands import configuration
from core.errors import ConfigError
from daemon.config import ALLOW_LIVE, Configuration
from daemon.consent.acts import exchange_identity, exchange_of, require_acts

LOCAL = "http://127.0.0.1:9000"


def configured(folder: Path, text: str = "", **options: Any) -> Configuration:
    """`mode` live and feed upstox unless said otherwise."""
    file = folder / "tradingd.toml"
    file.write_text(text)
    options = {"mode": "live", "feed": {"kind": "upstox"}} | options
    return configuration(file, options.pop("sets", ()), options)


@pytest.mark.parametrize("feed", ["sandbox", "upstox", "upstox here"])
@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("allowed", ["AB1234", "", "CD5678"])
def test_each_act_that_is_missing_is_named_at_every_exchange(
    feed: str, written: bool, allowed: str, tmp_path: Path
) -> None:
    kind, _, here = feed.partition(" ")
    text = '[live]\naccount = "AB1234"\n' if written else ""
    text += f'[upstox]\napi = "{LOCAL}"\n' if here else ""
    given = configured(tmp_path, text, feed={"kind": kind})
    environ = {ALLOW_LIVE: allowed} if allowed else {}
    if written and allowed == "AB1234":
        require_acts(given, environ)
        return
    with pytest.raises(ConfigError) as missed:
        require_acts(given, environ)
    if not written:
        assert "account under [live] in the configuration file" in str(missed.value)
    else:
        assert "TRADINGD_ALLOW_LIVE=AB1234 in the environment" in str(missed.value)
    assert ("'CD5678'" in str(missed.value)) == (written and allowed == "CD5678")


@pytest.mark.parametrize("mode", ["paper", "observe"])
def test_any_other_mode_needs_none_of_it(mode: str, tmp_path: Path) -> None:
    require_acts(configured(tmp_path, mode=mode, feed={"kind": "synthetic"}), {})


def test_one_variable_cannot_be_two_acts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account comes from the file alone: not from where the second act is."""
    environ = {ALLOW_LIVE: "AB1234"}
    typed = configured(tmp_path, sets=["live.account=AB1234"])
    with pytest.raises(ConfigError, match="must stand in the configuration file"):
        require_acts(typed, environ)
    monkeypatch.setenv("TRADINGD_LIVE__ACCOUNT", "AB1234")
    with pytest.raises(ConfigError, match="must stand in the configuration file"):
        require_acts(configured(tmp_path), environ)


@pytest.mark.parametrize("kind", ["synthetic", "replay"])
def test_a_feed_without_an_exchange_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    feed = {"kind": kind, "data": ["bars.csv"], "day": "2026-07-22"}
    given = configured(tmp_path, '[live]\naccount = "AB1234"\n', feed=feed)

    with pytest.raises(ConfigError, match=f"feed {kind} has no exchange that takes orders"):
        require_acts(given, {ALLOW_LIVE: "AB1234"})


# --- one exchange --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "upstox", "said"),
    [
        ("upstox", {}, ""),
        ("upstox", {"api": LOCAL}, ""),
        ("upstox", {"api": LOCAL, "orders": LOCAL, "assets": LOCAL}, ""),
        ("upstox", {"api": LOCAL, "orders": "https://api-hft.upstox.com/"}, "orders go to"),
        ("upstox", {"api": LOCAL, "orders": "http://127.0.0.1:9001"}, "orders go to"),
        ("upstox", {"orders": LOCAL}, "orders go to"),
        ("upstox", {"orders": "https://api-hft.example.com"}, "orders go to"),
        ("upstox", {"api": LOCAL, "assets": "https://lists.example.com"}, "lists are of"),
        ("upstox", {"assets": LOCAL}, "lists are of"),
        ("sandbox", {}, ""),
        ("sandbox", {"orders": "https://api-hft2.upstox.com"}, "is another exchange's"),
    ],
)
def test_prices_lists_and_orders_are_of_one_exchange(
    kind: str, upstox: dict[str, str], said: str, tmp_path: Path
) -> None:
    text = '[live]\naccount = "AB1234"\n[upstox]\n'
    text += "".join(f'{name} = "{value}"\n' for name, value in upstox.items())
    text = text.replace("api-hft.upstox.com/", "api-hft2.upstox.com")
    given = configured(tmp_path, text, feed={"kind": kind})
    if not said:
        require_acts(given, {ALLOW_LIVE: "AB1234"})
        return
    with pytest.raises(ConfigError, match=said):
        require_acts(given, {ALLOW_LIVE: "AB1234"})


def test_an_exchange_is_a_port_of_this_machine_or_a_registered_name() -> None:
    assert exchange_of("https://api.upstox.com") == exchange_of("wss://feeder.upstox.com/x?code=1")
    assert exchange_of("https://api.upstox.com") != exchange_of("https://api.upstox.com.evil.org")
    assert exchange_of("http://127.0.0.1:9000") == exchange_of("ws://127.0.0.1:9000/feed")
    assert exchange_of("http://127.0.0.1:9000") != exchange_of("http://127.0.0.1:9001")


@pytest.mark.parametrize(
    ("kind", "text", "named"),
    [
        ("sandbox", "", "sandbox seed 1"),
        ("upstox", "", "upstox"),
        ("upstox", f'[upstox]\napi = "{LOCAL}"\n', "upstox of this machine"),
    ],
)
def test_an_exchange_has_the_name_that_a_ledger_gives_it(
    kind: str, text: str, named: str, tmp_path: Path
) -> None:
    given = configured(tmp_path, text, feed={"kind": kind})

    assert named == exchange_identity(given.settings)
