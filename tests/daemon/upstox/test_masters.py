"""The broker's lists in a state directory: by day, the last good one when the broker is mute."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core.errors import ConfigError, ConnectionLost, ProtocolViolation
from core.session import at_ist, parse_day
from daemon.upstox.masters import ASKED, KeptMasters
from providers.upstox.assets import INTRADAY, MASTER, Fetched
from tests.providers.upstox.masters import ROWS, TATAPOWER, intraday, packed, share

DAY = parse_day("2026-08-05")
OTHER_TICK = [share(TATAPOWER, "TATAPOWER", tick_size=10.0), *ROWS[1:]]
MANY = [share(f"NSE_EQ|INE{number:06}01", f"SYM{number}") for number in range(1_200)]


class Assets:
    """Files at the broker; None: HTTP 403."""

    def __init__(self, rows: object = ROWS) -> None:
        self.files: dict[str, bytes] | None = {
            MASTER: packed(rows),
            INTRADAY: intraday([TATAPOWER]),
        }
        self.asked: list[tuple[str, str]] = []

    async def fetch(self, name: str, tag: str) -> Fetched | None:
        self.asked.append((name, tag))
        if self.files is None:
            raise ConnectionLost(f"{name}: HTTP 403")
        file = self.files[name]
        version = f'"{hash(file)}"'
        return None if tag == version else Fetched(file, version)


def refreshed(masters: KeptMasters, assets: Assets, clock: str, day: int = DAY) -> str:
    """The tick of TATAPOWER by the list in force, and since when it is."""
    kept = asyncio.run(masters.refresh(assets.fetch, at_ist(day, clock)))
    return f"{kept.master.resolve(['TATAPOWER']).listed[0].tick_paise} {kept.since_day - DAY:+}"


def test_a_list_is_fetched_once_a_morning_and_kept_when_it_has_changed(tmp_path: Path) -> None:
    masters, assets = KeptMasters(tmp_path), Assets()

    first = refreshed(masters, assets, "08:30")
    again = refreshed(masters, assets, "11:00")  # a restart
    unchanged = refreshed(masters, assets, "08:30", DAY + 1)
    assets.files = {**(assets.files or {}), MASTER: packed(OTHER_TICK)}
    changed = refreshed(masters, assets, "08:30", DAY + 2)

    assert ["5 +0", "5 +0", "5 +0", "10 +2"] == [first, again, unchanged, changed]
    assert [DAY, DAY + 2] == masters.days()
    assert 6 == len(assets.asked)  # two lists on three mornings
    assert ("", True) == (assets.asked[0][1], bool(assets.asked[2][1]))


def test_a_list_fetched_before_it_is_made_anew_is_asked_for_again(tmp_path: Path) -> None:
    masters, assets = KeptMasters(tmp_path), Assets()

    refreshed(masters, assets, "00:10")
    assets.files = {**(assets.files or {}), MASTER: packed(OTHER_TICK)}

    assert "5 +0" == refreshed(masters, assets, "06:14")
    assert "10 +0" == refreshed(masters, assets, "06:15")


def test_a_mute_broker_leaves_the_last_good_list_in_force_and_is_told_of_loudly(
    tmp_path: Path,
) -> None:
    masters, assets = KeptMasters(tmp_path), Assets()
    refreshed(masters, assets, "08:30")
    assets.files = None

    with capture_logs() as logs:
        next_day = refreshed(masters, assets, "08:30", DAY + 1)

    [told] = [one for one in logs if one["event"] == "instruments_not_fetched"]
    assert "5 +0" == next_day
    assert ("error", "2026-08-05") == (told["log_level"], told["in_use"])
    assert "403" in told["reason"]


@pytest.mark.parametrize(
    "file",
    [
        b"<html>error code: 1010</html>",
        packed(ROWS)[:-9],
        packed([]),
        packed([*OTHER_TICK, share(TATAPOWER, "TATAPOWER")]),
    ],
)
def test_a_bad_list_never_replaces_a_good_one(tmp_path: Path, file: bytes) -> None:
    masters, assets = KeptMasters(tmp_path), Assets()
    refreshed(masters, assets, "08:30")
    assets.files = {MASTER: file, INTRADAY: intraday([])}

    assert "5 +0" == refreshed(masters, assets, "08:30", DAY + 1)
    assert [DAY] == masters.days()


def test_a_list_that_has_lost_half_of_its_rows_is_a_bad_one(tmp_path: Path) -> None:
    masters, assets = KeptMasters(tmp_path), Assets([*ROWS, *MANY])
    refreshed(masters, assets, "08:30")
    assets.files = {**(assets.files or {}), MASTER: packed([*OTHER_TICK, *MANY[:500]])}
    stump = refreshed(masters, assets, "08:30", DAY + 1)
    assets.files = {**assets.files, MASTER: packed([*OTHER_TICK, *MANY[:700]])}

    assert ("5 +0", "10 +1") == (stump, refreshed(masters, assets, "09:00", DAY + 1))


def test_without_any_list_there_is_one_clear_line(tmp_path: Path) -> None:
    assets = Assets()
    assets.files = None

    with pytest.raises(ConnectionLost, match="HTTP 403; no earlier list is kept in") as refused:
        refreshed(KeptMasters(tmp_path), assets, "08:30")

    assert "\n" not in str(refused.value)


def test_the_lists_of_a_local_exchange_never_pass_for_the_brokers(tmp_path: Path) -> None:
    masters, assets = KeptMasters(tmp_path), Assets()
    now_ns = at_ist(DAY, "08:30")
    asyncio.run(masters.refresh(assets.fetch, now_ns, "sandbox seed 1"))

    with pytest.raises(ConfigError, match="of sandbox seed 1, not of upstox: give another"):
        asyncio.run(masters.refresh(assets.fetch, now_ns, "upstox"))


def test_a_damaged_list_of_ours_is_fetched_anew(tmp_path: Path) -> None:
    masters, assets = KeptMasters(tmp_path), Assets()
    refreshed(masters, assets, "08:30")
    [path] = masters.folder.glob(f"{MASTER}-*.json.gz")
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(ProtocolViolation, match="damaged or cut off"):
        masters.in_force(DAY)
    assert "5 +0" == refreshed(masters, assets, "09:00")
    assert masters.in_force(DAY) is not None


def test_a_note_that_cannot_be_read_asks_for_everything_again(tmp_path: Path) -> None:
    masters, assets = KeptMasters(tmp_path), Assets()
    refreshed(masters, assets, "08:30")
    (masters.folder / ASKED).write_bytes(b'{"asked_ns": "soon"}')

    assert "5 +0" == refreshed(masters, assets, "09:00")
    assert ("", "") == (assets.asked[-1][1], assets.asked[-2][1])


def test_pruning_keeps_what_was_in_force_on_the_days_that_are_kept(tmp_path: Path) -> None:
    masters, assets = KeptMasters(tmp_path), Assets()
    for number in range(4):
        rows = [share(TATAPOWER, "TATAPOWER", tick_size=1.0 + number), *ROWS[1:]]
        assets.files = {**(assets.files or {}), MASTER: packed(rows)}
        refreshed(masters, assets, "08:30", DAY + number)

    dropped = masters.prune(DAY + 2)

    kept = masters.in_force(DAY + 2)
    assert kept is not None
    assert (2, [DAY, DAY + 2, DAY + 3]) == (dropped, masters.days())  # the intraday list is DAY's
    assert 3 == kept.master.resolve(["TATAPOWER"]).listed[0].tick_paise
