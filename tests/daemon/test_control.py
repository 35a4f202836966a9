"""The control socket: one request, one answer, its owner's alone, bounded in every direction."""

import asyncio
import getpass
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from core.errors import ConfigError, StoreFailed, TryAgain
from core.types import TradingState
from daemon.commands import Asked, NotObeyed, Obeyed, Operator
from daemon.control import MAX_CLIENTS, MAX_LINE_BYTES, SOCKET_FILE, ControlServer, ask, ask_sql

SHOWN = {
    "data": [
        {"book": "main", "position": None},
        {"book": "main", "position": {"side": "BUY"}},
        {"book": "trial", "position": {"side": "SELL"}},
    ],
    "daemon": {
        "mode": "paper",
        "broker": None,
        "account": None,
        "consent": None,
        "feed": "synthetic",
        "feed_up": True,
        "day": "2026-07-27",
        "market_time": "2026-07-27T10:00:00+05:30",
        "trading_state": "ACTIVE",
        "minutes_done": 45,
        "minutes_expected": 375,
        "day_pnl_paise": 12_345,
        "strategies_off": [],
        "evidence": [{"strategy": "pixity", "origin": "none", "told": "no evidence"}],
        "doubts": ["feed all: it was closed"],
        "breakers": ["rejects since 2026-07-27T09:31:00: 3 rejects in a row"],
        "ticks_seen": 1,
    },
}


class ObedientOperator(Operator):
    """Answers at once, and remembers who asked what."""

    def __init__(self, answer: Obeyed | NotObeyed) -> None:
        super().__init__()
        self.asked: list[Asked] = []
        self._answer = answer

    async def ask(self, asked: Asked, within_s: float = 0.0) -> Obeyed | NotObeyed:
        self.asked.append(asked)
        return self._answer


HALTED = Obeyed(TradingState.HALTED, exits=0, cancelled=0)


async def repeated(sql: str) -> bytes:
    """Answers with the question."""
    return json.dumps({"ok": True, "sql": sql}).encode() + b"\n"


def served(
    directory: Path,
    question: Callable[[], Awaitable[object]],
    operator: Operator | None = None,
    answer_sql: Callable[[str], Awaitable[bytes]] = repeated,
) -> object:
    """The answer to `question` while a server listens."""

    async def main() -> object:
        server = ControlServer(
            directory, operator or ObedientOperator(HALTED), lambda: SHOWN, answer_sql
        )
        await server.start()
        try:
            return await question()
        finally:
            await server.stop()

    return asyncio.run(main())


def asking(directory: Path, name: str) -> Callable[[], Awaitable[object]]:
    return lambda: asyncio.to_thread(ask, directory, name)


async def spoken(directory: Path, line: bytes) -> dict[str, object]:
    """The answer to a raw line."""
    reader, writer = await asyncio.open_unix_connection(directory / SOCKET_FILE)
    writer.write(line)
    answer = await reader.readline()
    assert await reader.read() == b""  # one answer, then the end
    writer.close()
    told: dict[str, object] = json.loads(answer)
    return told


def test_status_tells_how_the_daemon_stands(tmp_path: Path) -> None:
    expected = {k: v for k, v in SHOWN["daemon"].items() if k != "ticks_seen"}  # type: ignore[attr-defined]

    assert served(tmp_path, asking(tmp_path, "status")) == expected | {"ok": True, "positions": 1}


def test_a_command_is_passed_on_with_user_and_pid_as_the_kernel_tells_them(tmp_path: Path) -> None:
    operator = ObedientOperator(HALTED)
    answer = served(tmp_path, asking(tmp_path, "halt"), operator)

    assert isinstance(answer, dict)
    assert (answer["ok"], answer["trading_state"]) == (True, "HALTED")
    [asked] = operator.asked
    assert (asked.command.name, asked.user, asked.pid) == ("HALT", getpass.getuser(), os.getpid())


def test_a_command_that_is_not_obeyed_says_why(tmp_path: Path) -> None:
    operator = ObedientOperator(NotObeyed("the file is there", try_again=False))

    assert served(tmp_path, asking(tmp_path, "resume"), operator) == {
        "ok": False,
        "error": "the file is there",
        "try_again": False,
    }


@pytest.mark.parametrize(
    "line",
    [
        b"halt\n",
        b"\xff\xfe\n",
        b"[]\n",
        b"{}\n",
        b'{"command": "HALT"}\n',
        b'{"command": ["halt"]}\n',
        b'{"command": "sell everything"}\n',
        b'{"sql": ["SELECT 1"]}\n',
        b'{"sql": "SELECT 1", "command": "sell"}\n',
        b"x" * (MAX_LINE_BYTES + 1) + b"\n",
        b"[" * (MAX_LINE_BYTES + 1),
        b"[" * (MAX_LINE_BYTES - 1) + b"\n",
    ],
    ids=[
        "word",
        "bytes",
        "list",
        "empty",
        "case",
        "type",
        "unknown",
        "sql",
        "both",
        "long",
        "endless",
        "deep",
    ],
)
def test_what_is_no_request_is_refused_and_reaches_nobody(line: bytes, tmp_path: Path) -> None:
    operator = ObedientOperator(HALTED)
    answer = served(tmp_path, lambda: spoken(tmp_path, line), operator)

    assert isinstance(answer, dict)
    assert (answer["ok"], answer["try_again"]) == (False, False)
    assert operator.asked == []


def test_a_question_in_sql_is_passed_on_and_commands_nothing(tmp_path: Path) -> None:
    operator = ObedientOperator(HALTED)

    async def question() -> object:
        return await asyncio.to_thread(ask_sql, tmp_path, "SELECT 'é'\n")

    assert served(tmp_path, question, operator) == {"ok": True, "sql": "SELECT 'é'\n"}
    assert operator.asked == []


def test_a_question_longer_than_a_line_may_be_is_not_sent(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at most 8,192 bytes"):
        ask_sql(tmp_path, "x" * MAX_LINE_BYTES)


def test_clients_are_bounded_and_one_that_leaves_makes_room(tmp_path: Path) -> None:
    async def crowd() -> tuple[object, object]:
        silent = [
            await asyncio.open_unix_connection(tmp_path / SOCKET_FILE) for _ in range(MAX_CLIENTS)
        ]
        refused = await spoken(tmp_path, b"")
        for _, writer in silent:
            writer.write_eof()
        for reader, writer in silent:
            await reader.read()
            writer.close()
        return refused, await asyncio.to_thread(ask, tmp_path, "status")

    refused, taken = served(tmp_path, crowd)  # type: ignore[misc]

    assert refused == {
        "ok": False,
        "error": "8 clients are connected, that is the limit",
        "try_again": True,
    }
    assert taken["ok"]


def test_the_socket_is_its_owners_alone_and_gone_after_the_end(tmp_path: Path) -> None:
    async def mode() -> object:
        return (tmp_path / SOCKET_FILE).stat().st_mode & 0o777

    assert served(tmp_path, mode) == 0o600
    assert not (tmp_path / SOCKET_FILE).exists()


def test_a_socket_left_by_a_kill_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / SOCKET_FILE))

    with pytest.raises(TryAgain, match="no daemon answers"):
        ask(tmp_path, "status")
    assert served(tmp_path, asking(tmp_path, "status"))


def test_a_directory_with_a_long_name_has_a_socket_too(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 100) / ("e" * 100)
    directory.mkdir(parents=True)

    assert served(directory, asking(directory, "status"))


def test_without_a_daemon_there_is_one_clear_answer(tmp_path: Path) -> None:
    with pytest.raises(TryAgain, match="no daemon answers on state directory") as told:
        ask(tmp_path, "halt")

    assert told.value.exit_code == 75


def test_a_socket_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / SOCKET_FILE).mkdir()

    with pytest.raises(StoreFailed, match=SOCKET_FILE):
        served(tmp_path, asking(tmp_path, "status"))
