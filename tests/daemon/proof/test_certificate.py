"""A day that is what it was is green; whatever was altered is named, its first cause first."""

import json
import shutil
import sqlite3
from contextlib import closing
from copy import deepcopy
from pathlib import Path

import duckdb
import numpy as np
import pytest

from core.errors import DataError
from core.session import MINUTE_NS
from daemon.bootstrap import OpenStore
from daemon.commands import HALT_FILE
from daemon.plan import Plan
from daemon.proof.certificate import FOLDER, Certificate, certify_day
from daemon.proof.evidence import start_of
from daemon.proof.recipe import instruments_of
from stores.ledger_reader import LEDGER_FILE, open_read_only
from stores.market import MARKET_FILE, DuckMarketStore
from stores.market_tables import STORED_TICK, tick_checksums
from stores.memory import MemoryMarketStore
from tests.daemon.days import (
    copy_of_a_kill,
    play,
    play_to,
    replay_plan,
    rows,
    synthetic_plan,
    told,
)
from tests.daemon.live_like import live_plan
from tests.datasets import LIVELY, ROUND_THE_CLOCK, WEEK, generated, request_on

PLAN = synthetic_plan(*LIVELY)
DAY = PLAN.source.next_day(-1)
PROJECTIONS = (
    "DELETE FROM fills",
    "DELETE FROM orders",
    "DELETE FROM signals",
    "DELETE FROM trades",
    "DELETE FROM runner_state",
)
RECORDED_BARS = (
    "DELETE FROM decisions",
    "DELETE FROM bar_rows WHERE day = (SELECT max(day) FROM bar_rows)",
)


def kept_in(store: MemoryMarketStore) -> OpenStore:
    """A market store that outlives its processes; a durable one takes a second a day longer."""
    return lambda path, instruments: store


def memory(plan: Plan = PLAN) -> MemoryMarketStore:
    return MemoryMarketStore(plan.source.instruments)


def certify(directory: Path, day: int = DAY) -> Certificate:
    """As the command does."""
    with closing(open_read_only(directory)) as ledger:
        instruments = instruments_of(start_of(ledger, day))
    market = directory / MARKET_FILE
    with closing(DuckMarketStore(market, instruments, read_only=True)) as store:
        return certify_day(directory, day, store)


def file_of(directory: Path) -> bytes:
    [path] = (directory / FOLDER).iterdir()
    return path.read_bytes()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day from ticks, certified."""
    directory = tmp_path_factory.mktemp("sound")
    play(PLAN, directory, open_store=DuckMarketStore)
    assert certify(directory).difference is None
    return directory


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    """Of the sound day, to be altered; without its certificate."""
    shutil.copytree(sound, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / FOLDER)
    return tmp_path / "copy"


def in_ledger(directory: Path, *statements: str) -> None:
    """Alter the ledger as somebody with the file could."""
    with closing(sqlite3.connect(directory / LEDGER_FILE)) as db:
        db.execute("DROP TRIGGER events_are_not_updated")
        db.execute("DROP TRIGGER events_are_not_deleted")
        for statement in statements:
            assert db.execute(statement).rowcount != 0, statement
        db.commit()


def in_market(directory: Path, *statements: str) -> None:
    with duckdb.connect(str(directory / MARKET_FILE)) as db:
        for statement in statements:
            db.execute(statement)


# --- green ---------------------------------------------------------------------------------------


def test_a_day_from_ticks_is_green_and_says_what_was_given(sound: Path) -> None:
    told_of = json.loads(file_of(sound))

    assert (told_of["verdict"], told_of["difference"]) == ("green", None)
    assert told_of["given"]["ticks"] > 5_000
    assert told_of["given"]["publication marks"] > 375
    assert told_of["given"]["opening states"] == "computed"
    assert told_of["computed"]["minute"]["rows"] == 375
    assert told_of["computed"]["trade"]["rows"] == len(rows(sound, "trades")) > 0
    assert set(told_of["computed"]) == {
        "tick", "minute", "opening", "bar", "state", "signal", "refusal",
        "breaker", "order", "fill", "trade", "closing", "cash",
    }  # fmt: skip


def test_a_certificate_is_its_owners_and_the_same_bytes_again(sound: Path, copy: Path) -> None:
    certify(copy)
    certify(copy)

    assert file_of(copy) == file_of(sound)


def test_without_its_projections_a_day_has_the_same_certificate(sound: Path, copy: Path) -> None:
    in_ledger(copy, *PROJECTIONS)
    in_market(copy, *RECORDED_BARS)

    assert certify(copy).difference is None
    assert file_of(copy) == file_of(sound)


def test_without_anything_recorded_the_same_is_computed_and_nothing_confirms_it(
    sound: Path, copy: Path
) -> None:
    in_ledger(
        copy,
        "DELETE FROM blobs WHERE seq IN (SELECT seq FROM events WHERE kind IN"
        " ('MINUTE', 'DAY_CLOSED'))",
        "DELETE FROM events WHERE kind IN ('SIGNAL', 'ORDER', 'FILL', 'TRADE', 'DAY_CLOSED')",
    )
    in_market(copy, *RECORDED_BARS)
    certificate = certify(copy)
    ours, theirs = json.loads(file_of(copy)), json.loads(file_of(sound))

    assert certificate.verdict == "red"
    assert certificate.difference is not None
    assert certificate.difference.row == "no result of the day is recorded"
    for part in ("identity", "given", "computed", "certificate"):
        assert ours[part] == theirs[part], part


def test_a_day_of_imported_bars_is_green(tmp_path: Path) -> None:
    plan = replay_plan(request_on(generated("week", seed=2), *LIVELY))
    store = memory(plan)
    play(plan, tmp_path, *WEEK[1:3], open_store=kept_in(store))
    first, second = (certify_day(tmp_path, day, store) for day in WEEK[1:3])

    assert first.difference is second.difference is None
    assert first.given["opening states"] == "given"  # of bars that are not in the directory
    assert 300 < int(str(first.given["imported bars"])) <= 375
    assert second.computed["trade"] != first.computed["trade"]


@pytest.mark.slow
def test_days_round_the_clock_are_green_to_their_forced_end(tmp_path: Path) -> None:
    plan = replay_plan(request_on(generated("24x7", seed=3), *LIVELY))
    store = memory(plan)
    play(plan, tmp_path, *ROUND_THE_CLOCK, open_store=kept_in(store))

    for day in ROUND_THE_CLOCK:
        assert certify_day(tmp_path, day, store).difference is None


def test_a_day_begun_again_is_green(tmp_path: Path, sound: Path) -> None:
    store = memory()
    play_to(PLAN, tmp_path, minutes=100, open_store=kept_in(store))
    play_to(PLAN, tmp_path, minutes=230, open_store=kept_in(store))
    play(PLAN, tmp_path, open_store=kept_in(store))
    certificate = certify_day(tmp_path, DAY, store)

    assert certificate.difference is None
    assert certificate.given["runs"] == 3
    assert told(tmp_path) == told(sound)


def test_a_day_killed_at_any_commit_is_green(tmp_path: Path) -> None:
    """All as a kill would have left it, ticks of Minutes that nobody has handled included."""
    store, whole = memory(), tmp_path / "whole"
    kept: dict[Path, MemoryMarketStore] = {}

    def keep(number: int) -> None:
        if number in (2, 151, 333):
            place = tmp_path / f"after-{number}"
            copy_of_a_kill(whole, place)
            kept[place] = deepcopy(store)

    play(PLAN, whole, after_append=keep, open_store=kept_in(store))
    for directory, left in kept.items():
        play(PLAN, directory, open_store=kept_in(left))
        certificate = certify_day(directory, DAY, left)

        assert certificate.difference is None, directory.name
        assert certificate.given["runs"] == 2


def test_a_halted_day_is_green_with_its_command(tmp_path: Path) -> None:
    def halt(number: int) -> None:
        if number == 120:
            (tmp_path / HALT_FILE).touch()

    store = memory()
    play(PLAN, tmp_path, after_append=halt, open_store=kept_in(store))
    certificate = certify_day(tmp_path, DAY, store)

    assert certificate.difference is None
    assert certificate.given["commands"] == 1


def test_a_day_that_another_setup_took_over_is_green_from_there_on(tmp_path: Path) -> None:
    store = memory()
    left = play_to(PLAN, tmp_path, minutes=120, open_store=kept_in(store))
    play(synthetic_plan(*LIVELY, "ema_fast=4"), tmp_path, open_store=kept_in(store))
    certificate = certify_day(tmp_path, DAY, store)

    assert certificate.difference is None
    assert certificate.given["Minutes before a takeover"] == left.minutes
    assert certificate.computed["minute"]["rows"] == 375 - left.minutes


def test_a_day_with_late_minutes_is_green(tmp_path: Path) -> None:
    store, half_an_hour_ns = memory(), 30 * MINUTE_NS
    late = live_plan(*LIVELY, starts=lambda frame, after_ns: after_ns + half_an_hour_ns)
    play_to(live_plan(*LIVELY), tmp_path, minutes=100, open_store=kept_in(store))
    play(late, tmp_path, open_store=kept_in(store))
    certificate = certify_day(tmp_path, DAY, store)

    assert certificate.difference is None
    assert int(str(certificate.given["late Minutes"])) > 20


# --- red -----------------------------------------------------------------------------------------


def test_an_altered_tick_is_named(copy: Path) -> None:
    in_market(copy, "UPDATE ticks SET price = price + 0.05 WHERE seq = 4000")
    with duckdb.connect(str(copy / MARKET_FILE)) as db:
        [(place, price)] = db.execute(
            "SELECT (SELECT count(*) FROM ticks b WHERE b.rowid <= a.rowid), price"
            " FROM ticks a WHERE seq = 4000"
        ).fetchall()
    difference = certify(copy).difference

    assert difference is not None
    assert difference.layer == "tick"
    assert difference.row.startswith("RELIANCE 2026-07-27T")
    assert difference.row.endswith(f"seq 4000, tick {place} of the day")
    assert f"price {price}" in str(difference.ours)


def test_an_altered_tick_with_its_checksum_altered_too_is_found_by_its_minute(copy: Path) -> None:
    with duckdb.connect(str(copy / MARKET_FILE)) as db:
        db.execute("UPDATE ticks SET price = price + 0.05 WHERE seq = 4000")
        [row] = db.execute("SELECT * FROM ticks WHERE seq = 4000").fetchall()
        [checksum] = tick_checksums(np.array([row], STORED_TICK)).tolist()
        db.execute("UPDATE ticks SET checksum = ? WHERE seq = 4000", [checksum])
    difference = certify(copy).difference

    assert difference is not None
    assert (difference.layer, difference.field) == ("tick", "sha256")


def test_a_tick_that_is_gone_is_noticed(copy: Path) -> None:
    in_market(copy, "DELETE FROM ticks WHERE seq = 4000")
    difference = certify(copy).difference

    assert difference is not None
    assert difference.layer == "tick"


@pytest.mark.parametrize(
    ("statement", "layer", "field"),
    [
        ("UPDATE decisions SET close = close + 1 WHERE rowid = 30", "bar", "close"),
        ("UPDATE decisions SET vwap = 1 WHERE rowid = 30", "state", "vwap"),
    ],
)
def test_an_altered_strategy_bar_is_named(
    copy: Path, statement: str, layer: str, field: str
) -> None:
    in_market(copy, statement)
    difference = certify(copy).difference

    assert difference is not None
    assert (difference.layer, difference.field) == (layer, field)
    assert difference.row.startswith("pixity RELIANCE 2026-07-27T")


@pytest.mark.parametrize(
    ("layer", "field", "statement"),
    [
        (
            "signal",
            "side",
            "UPDATE events SET payload = json_replace(payload, '$.rows[0][3]', 'NONE')"
            " WHERE seq = (SELECT min(seq) FROM events WHERE kind = 'SIGNAL')",
        ),
        (
            "refusal",
            "status",
            "UPDATE events SET payload = json_replace(payload, '$.rows[0][9]', 'NONE')"
            " WHERE seq = (SELECT min(seq) FROM events WHERE kind = 'SIGNAL')",
        ),
        (
            "order",
            "quantity",
            "UPDATE events SET payload = json_replace(payload, '$.quantity', 1)"
            " WHERE seq = (SELECT min(seq) FROM events WHERE kind = 'ORDER')",
        ),
        (
            "fill",
            "fees_paise",
            "UPDATE events SET payload = json_replace(payload, '$.fees_paise', 1)"
            " WHERE seq = (SELECT min(seq) FROM events WHERE kind = 'FILL')",
        ),
        (
            "trade",
            "net_paise",
            "UPDATE events SET payload = json_replace(payload, '$.net_paise', 1)"
            " WHERE seq = (SELECT min(seq) FROM events WHERE kind = 'TRADE')",
        ),
        (
            "cash",
            "entries",
            "UPDATE events SET payload = json_replace(payload, '$.books.main.entries', 99)"
            " WHERE kind = 'DAY_CLOSED'",
        ),
    ],
)
def test_an_altered_result_is_named_by_its_layer(
    copy: Path, layer: str, field: str, statement: str
) -> None:
    in_ledger(copy, statement)
    difference = certify(copy).difference

    assert difference is not None
    assert (difference.layer, difference.field) == (layer, field)
    assert difference.ours != difference.theirs


def test_a_chain_that_is_broken_is_told_when_nothing_else_is(copy: Path) -> None:
    in_ledger(copy, "UPDATE events SET ts_ns = ts_ns + 1 WHERE kind = 'TRADE'")
    difference = certify(copy).difference

    assert difference is not None
    assert difference.layer == "ledger"
    assert "chain broken at event" in difference.row


def test_an_altered_bar_of_an_imported_day_is_named(tmp_path: Path) -> None:
    plan = replay_plan(request_on(generated("week", seed=2), *LIVELY))
    play(plan, tmp_path, WEEK[1], open_store=DuckMarketStore)
    in_market(tmp_path, "UPDATE bar_rows SET high = high + 1 WHERE rowid = 200")
    difference = certify(tmp_path, WEEK[1]).difference

    assert difference is not None
    assert (difference.layer, difference.field) == ("minute", "high")
    assert difference.row.startswith("A 2026-07-21T12:")


# --- what cannot be certified --------------------------------------------------------------------


def test_a_day_that_is_not_there_or_not_closed_is_refused(tmp_path: Path) -> None:
    store = memory()
    play_to(PLAN, tmp_path, minutes=20, open_store=kept_in(store))

    with pytest.raises(DataError, match=r"2026-07-27 is not closed: 2\d of 375 Minutes"):
        certify_day(tmp_path, DAY, store)
    with pytest.raises(DataError, match="no day 2026-07-28: none is closed"):
        certify_day(tmp_path, DAY + 1, store)


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("DELETE FROM blobs", "the opening snapshot of 2026-07-27 has left the ledger"),
        (
            "UPDATE events SET payload = json_remove(payload, '$.recipe') WHERE kind = 'RUN_START'",
            "did not record what it ran with",
        ),
    ],
)
def test_a_day_of_which_too_little_is_left_is_refused(copy: Path, lost: str, message: str) -> None:
    in_ledger(copy, lost)

    with pytest.raises(DataError, match=message):
        certify(copy)


def test_a_day_whose_ticks_were_dropped_is_refused(copy: Path) -> None:
    in_market(copy, "DELETE FROM ticks")

    with pytest.raises(DataError, match="the ticks of 2026-07-27 are not kept any more"):
        certify(copy)
