"""`data instruments`: a symbol's key, tick and permission, without asking anybody."""

import asyncio
from pathlib import Path

import pytest

from core.session import at_ist, parse_day
from daemon.upstox.masters import KeptMasters
from providers.upstox.assets import INTRADAY, MASTER, Fetched
from tests.cli.command import call
from tests.providers.upstox.masters import NIFTY, ROWS, TATAPOWER, intraday, packed, share

DAY_NS = 86_400_000_000_000


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A state directory with the lists of yesterday and of today."""
    masters, now_ns = KeptMasters(tmp_path), at_ist(parse_day("2026-08-05"), "08:30")
    today = [share(TATAPOWER, "TATAPOWER", tick_size=10.0), *ROWS[1:]]
    for rows, asked_ns in ((ROWS, now_ns - DAY_NS), (today, now_ns)):
        files = {MASTER: packed(rows), INTRADAY: intraday([TATAPOWER])}

        async def fetch(name: str, tag: str, files: dict[str, bytes] = files) -> Fetched:
            return Fetched(files[name], "")

        asyncio.run(masters.refresh(fetch, asked_ns))
    return tmp_path


def test_a_symbol_is_told_with_its_key_and_what_may_be_done(
    kept: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = call(
        capfd, "data", "instruments", "TATAPOWER,BSE", "NIFTY 50", "--state-dir", str(kept)
    )

    summary, tatapower, bse, nifty = answer.out.splitlines()
    assert summary.startswith("9 instruments of NSE, 1 may be traded intraday, as of 2026-08-05")
    assert tatapower == (
        f"TATAPOWER    {TATAPOWER}    EQ NORMAL, tick 0.10, lot 1, freeze 100,000,"
        " closing auction, intraday 20 % (5x); TATAPOWER LTD"
    )
    assert "no closing auction, watch only: the broker does not allow it intraday" in bse
    assert f"NIFTY 50     {NIFTY}     watch only: an index is not traded; NIFTY 50" == nifty


def test_a_key_is_told_with_its_symbol_and_what_is_configured_needs_no_name(
    kept: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    by_key = call(capfd, "data", "instruments", TATAPOWER, "--state-dir", str(kept))
    configured = call(
        capfd, "data", "instruments", "--set", "symbols=TATAPOWER", "--state-dir", str(kept)
    )

    assert by_key.out == configured.out
    assert "TATAPOWER " in by_key.out


def test_what_has_changed_is_told(kept: Path, capfd: pytest.CaptureFixture[str]) -> None:
    changed = call(capfd, "data", "instruments", "TATAPOWER", "--changed", "--state-dir", str(kept))
    same = call(capfd, "data", "instruments", "BSE", "--changed", "--state-dir", str(kept))

    assert f"TATAPOWER ({TATAPOWER}): tick, paise 5 -> 10" == changed.out.splitlines()[-1]
    assert same.out.splitlines()[-1].endswith(": no change")


def test_an_unknown_name_and_a_directory_without_a_list_are_one_line(
    kept: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    unknown = call(capfd, "data", "instruments", "TATAPOWR", "--state-dir", str(kept))
    nothing = call(capfd, "data", "instruments", "TCS", "--state-dir", str(tmp_path / "empty"))

    assert (2, True) == (unknown.code, "did you mean TATAPOWER" in unknown.err)
    assert (3, True) == (nothing.code, "no instrument master is kept" in nothing.err)
    assert 1 == len(nothing.err.splitlines())
