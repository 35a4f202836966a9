"""The morning over HTTP, at a local exchange that refuses its lists (F20) and its holidays (F7)."""

from pathlib import Path

import pytest

from core.errors import ConnectionLost
from core.session import MINUTE_NS
from core.types import Instrument
from daemon.doctor import Verdict
from daemon.upstox.checks import broker_checks
from daemon.upstox.morning import Morning
from providers.upstox.assets import UpstoxAssets
from providers.upstox.holidays import PATH
from providers.upstox.rest import UpstoxRest
from tests.sandbox.serving import NOON, Served, run

DAY_NS = 24 * 60 * MINUTE_NS
SYMBOLS = ("RELIANCE", "TATAPOWER=NSE_EQ|INE245A01021")


async def asked(here: Served, directory: Path) -> tuple[Instrument, ...]:
    """What the day at the exchange's time is traded by."""
    address = str(here.client.base_url)
    assets, rest = UpstoxAssets(address), UpstoxRest(lambda: "given", address=address)

    async def holidays() -> object:
        return await rest.get(PATH)

    try:
        morning = Morning(directory, "sandbox", assets.fetch, holidays, SYMBOLS, ("NIFTY 50",))
        return await morning.instruments(here.clock.now_ns())
    finally:
        await assets.close()
        await rest.close()


def verdicts(directory: Path, now_ns: int) -> dict[str, Verdict]:
    return {one.name: one.verdict for one in broker_checks(directory, now_ns, SYMBOLS)}


def test_a_forbidden_list_leaves_the_last_one_in_force_until_it_is_told_again(
    tmp_path: Path,
) -> None:
    async def test(here: Served) -> None:
        first = await asked(here, tmp_path)
        here.clock.move(NOON + DAY_NS)
        forbidden = await asked(here, tmp_path)
        warned = verdicts(tmp_path, here.clock.now_ns())
        here.clock.move(NOON + DAY_NS + MINUTE_NS)
        told = await asked(here, tmp_path)

        assert ["RELIANCE", "TATAPOWER", "NIFTY 50"] == [one.symbol for one in first]
        assert first == forbidden == told
        assert {"instruments": Verdict.WARN, "holidays": Verdict.OK} == warned
        assert Verdict.OK is verdicts(tmp_path, here.clock.now_ns())["instruments"]

    # The schedule is of every day; before its first minute is over the list has been told.
    run(test, NOON - MINUTE_NS, faults=["no-master@12:00-12:01"])


def test_without_any_list_a_first_start_is_one_clear_line(tmp_path: Path) -> None:
    async def test(here: Served) -> None:
        with pytest.raises(ConnectionLost, match="HTTP 403; no earlier list is kept"):
            await asked(here, tmp_path)

    run(test, faults=["no-master"])


def test_a_page_instead_of_holidays_stops_nothing(tmp_path: Path) -> None:
    async def test(here: Served) -> None:
        assert 3 == len(await asked(here, tmp_path))

    run(test, faults=["html=403"])
