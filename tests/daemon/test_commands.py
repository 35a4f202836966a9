"""An operator's commands: taken between two Minutes, in the ledger, and latched until `resume`."""

import asyncio
import getpass
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.errors import StoreFailed
from core.ports import EventKind
from core.types import Command, TradingState
from daemon.bootstrap import Daemon
from daemon.commands import HALT_FILE, MAX_WAITING_COMMANDS, Asked, NotObeyed, Obeyed, Operator
from daemon.lock import StateLock
from daemon.plan import DayOutcome, Plan
from stores.owner import InlineOwner
from tests.daemon.days import (
    WatchedOwner,
    copy_of_a_kill,
    in_memory,
    play,
    play_to,
    recorded,
    replay_plan,
    rows,
    told,
)
from tests.daemon.test_rerun import rewrite
from tests.datasets import LIVELY, MARKETS, generated, request_on

FIRST, SECOND = MARKETS["week"][0][1:3]
Answers = list[Obeyed | NotObeyed]
KILLS = 3
Orders = Mapping[int, Command]


def lively() -> Plan:
    return replay_plan(request_on(generated("week", seed=2), *LIVELY, "max_daily_loss=90000"))


def commanded(
    directory: Path,
    orders: Orders,
    day: int = FIRST,
    copies: Path | None = None,
    plan: Plan | None = None,
) -> tuple[DayOutcome, Answers]:
    """Play `day`; after the Minute of each number the command is given.

    `copies`: where the first kills go, the first of them when the command has just become durable.
    """
    kills: list[int] = []

    async def main() -> tuple[DayOutcome, Answers]:
        asking: dict[int, asyncio.Task[Obeyed | NotObeyed]] = {}

        def after_append(number: int) -> None:
            done = len(recorded(directory, [EventKind.MINUTE]))
            if done in orders and done not in asking:
                asked = Asked(orders[done], "asha", 4711)
                asking[done] = asyncio.ensure_future(daemon.operator.ask(asked))
            if copies is not None and recorded(directory, [EventKind.COMMAND]):
                kills.append(number)
                if len(kills) <= KILLS:
                    copy_of_a_kill(directory, copies / f"after-{number}")

        daemon = Daemon(
            plan or lively(),
            directory,
            ledger_owner=WatchedOwner(after_append),
            store_owner=InlineOwner(),
            open_store=in_memory,
        )
        with StateLock(directory):
            try:
                await daemon.open()
                outcome = await daemon.play(day)
            finally:
                await daemon.close()
        return outcome, [await one for one in asking.values()]

    return asyncio.run(main())


def commands(directory: Path) -> list[tuple[int, str, dict[str, object]]]:
    return [
        (event.ts_ns, event.key, event.payload)
        for event in recorded(directory, [EventKind.COMMAND])
    ]


def sent(directory: Path, role: str = "ENTRY", after_ns: int = 0) -> list[dict[str, object]]:
    return [
        row
        for row in rows(directory, "orders")
        if row["role"] == role and int(str(row["created_ns"])) >= after_ns
    ]


def closes(directory: Path) -> list[int]:
    return [event.ts_ns for event in recorded(directory, [EventKind.MINUTE])]


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The day nobody commanded anything on."""
    directory = tmp_path_factory.mktemp("free")
    play(lively(), directory, FIRST)
    return directory


@pytest.fixture(scope="module")
def held(free: Path) -> int:
    """How many Minutes have passed when the day's first entry has just been filled."""
    entry = next(row for row in rows(free, "fills"))
    return 1 + next(n for n, close_ns in enumerate(closes(free)) if close_ns > entry["ts_ns"])  # type: ignore[operator]


@pytest.fixture(scope="module")
def halted(tmp_path_factory: pytest.TempPathFactory, held: int) -> Path:
    directory = tmp_path_factory.mktemp("halted")
    _, [answer] = commanded(directory, {held: Command.HALT})
    assert answer == Obeyed(TradingState.HALTED, exits=0, cancelled=0)
    return directory


# --- halt ----------------------------------------------------------------------------------------


def test_after_a_halt_no_entry_leaves_and_exits_still_do(
    halted: Path, free: Path, held: int
) -> None:
    halt_ns = closes(halted)[held - 1]
    refused = [
        row["refusal"]
        for row in rows(halted, "signals")
        if int(str(row["bar_close_ns"])) > halt_ns and row["status"] == "REFUSED"
    ]

    assert sent(free, after_ns=halt_ns) != []
    assert sent(halted, after_ns=halt_ns) == []
    assert set(refused) == {"state"}
    assert len(rows(halted, "trades")) == 1


def test_a_command_is_in_the_ledger_with_who_and_when(halted: Path, held: int) -> None:
    payload: dict[str, object] = {"command": "halt", "user": "asha", "pid": 4711}

    assert commands(halted) == [(closes(halted)[held - 1], "halt", payload)]


def test_a_halted_day_killed_after_its_halt_ends_like_the_uninterrupted_one(
    halted: Path, held: int, tmp_path: Path
) -> None:
    commanded(tmp_path / "day", {held: Command.HALT}, copies=tmp_path / "kills")
    kills = sorted((tmp_path / "kills").iterdir())

    assert len(kills) == KILLS
    for directory in kills:
        play(lively(), directory, FIRST)

        assert told(directory) == told(halted), directory.name


def test_a_halt_holds_on_other_days_until_an_operator_resumes(halted: Path, tmp_path: Path) -> None:
    copy_of_a_kill(halted, tmp_path / "state")
    _, [answer] = commanded(tmp_path / "state", {375 + 200: Command.RESUME}, SECOND)
    day = rows(tmp_path / "state", "signals", SECOND)
    resume_ns = commands(tmp_path / "state")[-1][0]
    before = [row for row in day if int(str(row["bar_close_ns"])) <= resume_ns]

    assert answer == Obeyed(TradingState.ACTIVE, exits=0, cancelled=0)
    assert {row["refusal"] for row in before if row["status"] == "REFUSED"} == {"state"}
    assert not any(row["status"] == "ACTED" for row in before)
    assert any(row["status"] == "ACTED" for row in day if row not in before)


def test_a_command_that_was_taken_away_stops_the_start(held: int, tmp_path: Path) -> None:
    (tmp_path / HALT_FILE).touch()
    play_to(lively(), tmp_path, FIRST, minutes=held + 150)
    (tmp_path / HALT_FILE).unlink()
    rewrite(tmp_path, EventKind.COMMAND, "", None)

    with pytest.raises(StoreFailed, match="'A re-run differs'"):
        play(lively(), tmp_path, FIRST)


# --- flatten -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flattened(tmp_path_factory: pytest.TempPathFactory, held: int) -> Path:
    directory = tmp_path_factory.mktemp("flattened")
    _, [answer] = commanded(directory, {held: Command.FLATTEN})
    assert answer == Obeyed(TradingState.REDUCING, exits=1, cancelled=0)
    return directory


def test_flatten_exits_at_the_next_open_and_nothing_enters_after(
    flattened: Path, held: int
) -> None:
    flatten_ns = closes(flattened)[held - 1]
    [order] = sent(flattened, "FLATTEN")
    [trade] = rows(flattened, "trades")
    bars = generated("week", seed=2).bars
    next_open_ns = int(bars["open_ns"][bars["open_ns"] >= flatten_ns][0])

    assert str(order["order_id"]).endswith("-K")
    assert (order["created_ns"], order["state"]) == (flatten_ns, "FILLED")
    assert (trade["exit_reason"], trade["exit_ns"]) == ("FLATTEN", next_open_ns)
    assert sent(flattened, after_ns=flatten_ns) == []


def test_flatten_takes_a_pending_entry_back(free: Path, tmp_path: Path) -> None:
    entry_ns = sent(free)[0]["created_ns"]
    _, [answer] = commanded(tmp_path, {closes(free).index(entry_ns) + 1: Command.FLATTEN})  # type: ignore[arg-type]

    assert answer == Obeyed(TradingState.REDUCING, exits=0, cancelled=1)
    assert [row["state"] for row in sent(tmp_path)] == ["CANCELLED"]
    assert rows(tmp_path, "trades") == []


def test_a_flattened_day_killed_before_its_exits_are_acknowledged_ends_the_same(
    flattened: Path, held: int, tmp_path: Path
) -> None:
    commanded(tmp_path / "day", {held: Command.FLATTEN}, copies=tmp_path / "kills")
    kills = sorted((tmp_path / "kills").iterdir())

    assert len(kills) == KILLS
    for directory in kills:
        play(lively(), directory, FIRST)

        assert told(directory) == told(flattened), directory.name
        assert len({row["order_id"] for row in sent(directory, "FLATTEN")}) == 1


# --- the HALT file -------------------------------------------------------------------------------


def test_a_halt_file_halts_the_day_before_its_first_minute_and_once(tmp_path: Path) -> None:
    (tmp_path / HALT_FILE).touch()
    play(lively(), tmp_path, FIRST)
    kinds = [event.kind for event in recorded(tmp_path)][:4]
    [(ts_ns, key, payload)] = commands(tmp_path)

    assert kinds[2:] == [EventKind.COMMAND, EventKind.MINUTE]
    assert ts_ns == closes(tmp_path)[0] - 60_000_000_000
    assert (key, payload) == ("halt", {"command": "halt", "user": getpass.getuser(), "pid": 0})
    assert sent(tmp_path) == []


def test_a_halt_outlives_its_file(tmp_path: Path) -> None:
    (tmp_path / HALT_FILE).touch()
    play(lively(), tmp_path, FIRST)
    (tmp_path / HALT_FILE).unlink()
    play(lively(), tmp_path, SECOND)

    assert len(commands(tmp_path)) == 1
    assert sent(tmp_path) == []


def test_a_halt_file_put_there_in_the_middle_of_a_day_holds_from_the_next_minute_on(
    held: int, halted: Path, tmp_path: Path
) -> None:
    def put(number: int) -> None:
        if len(recorded(tmp_path, [EventKind.MINUTE])) == held:
            (tmp_path / HALT_FILE).touch()

    play(lively(), tmp_path, FIRST, after_append=put)

    assert [key for _, key, _ in commands(tmp_path)] == ["halt"]
    assert rows(tmp_path, "signals") == rows(halted, "signals")


# --- the queue -----------------------------------------------------------------------------------

HALT = Asked(Command.HALT, "asha", 1)


def test_a_halt_nobody_takes_becomes_the_file_that_halts_the_next_day(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    answer = asyncio.run(operator.ask(HALT, within_s=0.0))

    assert answer == Obeyed(state=TradingState.HALTED, exits=0, cancelled=0)
    assert (tmp_path / "HALT").read_text() == f"{HALT.user} {HALT.pid}\n"
    assert operator.halted_by() is not None
    assert operator.take() is None


def test_a_halt_that_cannot_be_latched_is_not_promised(tmp_path: Path) -> None:
    answer = asyncio.run(Operator(tmp_path / "gone").ask(HALT, within_s=0.0))

    assert isinstance(answer, NotObeyed)
    assert answer.try_again
    assert "HALT cannot be written" in answer.reason


def test_a_command_nobody_takes_is_withdrawn() -> None:
    async def main() -> tuple[object, object]:
        operator = Operator()
        return await operator.ask(HALT, within_s=0.0), operator.take()

    answer, left = asyncio.run(main())

    assert isinstance(answer, NotObeyed)
    assert (answer.try_again, left) == (True, None)
    assert "nothing was done" in answer.reason


def test_waiting_commands_are_bounded() -> None:
    async def main() -> object:
        operator = Operator()
        waiting = [asyncio.ensure_future(operator.ask(HALT)) for _ in range(MAX_WAITING_COMMANDS)]
        await asyncio.sleep(0)
        refused = await operator.ask(HALT)
        for one in waiting:
            one.cancel()
        return refused

    answer = asyncio.run(main())

    assert isinstance(answer, NotObeyed)
    assert answer.reason == "16 commands are waiting, that is the limit"


def test_resume_beside_a_halt_file_is_declined(tmp_path: Path) -> None:
    (tmp_path / HALT_FILE).touch()
    answer = asyncio.run(Operator(tmp_path).ask(Asked(Command.RESUME, "asha", 1)))

    assert answer == NotObeyed(
        f"{tmp_path / HALT_FILE} halts the daemon: remove it first", try_again=False
    )


def test_a_command_the_ledger_did_not_take_is_not_acknowledged(tmp_path: Path, held: int) -> None:
    async def main() -> tuple[object, BaseException | None]:
        answers: list[asyncio.Task[Obeyed | NotObeyed]] = []

        class Full(InlineOwner):
            async def run(self, function, *args):  # type: ignore[no-untyped-def]
                given = args[0] if args and isinstance(args[0], list) else []
                kinds = {getattr(event, "kind", None) for event in given}
                if EventKind.COMMAND in kinds:
                    raise StoreFailed("disk full")
                if EventKind.MINUTE in kinds and not answers:
                    answers.append(asyncio.ensure_future(daemon.operator.ask(HALT)))
                return await super().run(function, *args)

        daemon = Daemon(
            lively(),
            tmp_path,
            ledger_owner=Full(),
            store_owner=InlineOwner(),
            open_store=in_memory,
        )
        failed: BaseException | None = None
        try:
            await daemon.open()
            await daemon.play(FIRST)
        except StoreFailed as error:
            failed = error
        finally:
            await daemon.close()
        return await answers[0], failed

    answer, failed = asyncio.run(main())

    assert answer == NotObeyed("the daemon stops: outcome unknown", try_again=True)
    assert str(failed) == "disk full"
    assert commands(tmp_path) == []
