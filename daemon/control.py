"""The control socket in the state directory: one line of JSON asks, one line of JSON answers.

Decides who may ask (who may open the file: the owner of the state directory) and writes down who
did, as the kernel tells it. It never touches the engine: commands go the way of `commands.py`, a
question in SQL that of `questions.py`.
"""

import asyncio
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog

from core.book import MAIN_BOOK
from core.errors import ConfigError, StoreFailed, TryAgain
from core.types import Command
from daemon.commands import Asked, NotObeyed, Operator, user_name

SOCKET_FILE = "control.sock"
STATUS = "status"
MAX_CLIENTS = 8
MAX_LINE_BYTES = 8192
REQUEST_WAIT_S = 5.0  # for a client's line; one that says nothing holds no place
ANSWER_WAIT_S = 10.0  # of a client: longer than the daemon lets a command wait
TOLD = (  # of what the page knows
    *("mode", "broker", "account", "consent"),
    *("feed", "feed_up", "day", "market_time", "trading_state"),
    *("minutes_done", "minutes_expected", "day_pnl_paise", "strategies_off"),
    *("breakers", "doubts", "evidence"),
)
PEER = struct.Struct("3i")  # pid, uid, gid of SO_PEERCRED

Json = dict[str, object]

log = structlog.get_logger()


class ControlServer:
    """Listens from `start` to `stop`. The caller holds the lock of the directory.

    Args:
        snapshot: what the page shows; `status` answers a part of it.
        answer_sql: the line that answers a question in SQL, of bounded length.
    """

    def __init__(
        self,
        directory: Path,
        operator: Operator,
        snapshot: Callable[[], Json],
        answer_sql: Callable[[str], Awaitable[bytes]],
    ) -> None:
        self._directory = directory
        self._operator = operator
        self._snapshot = snapshot
        self._answer_sql = answer_sql
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._held = ExitStack()

    async def start(self) -> None:
        """Raises StoreFailed where no socket can be made."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.fchmod(listener.fileno(), 0o600)  # before it has a name: open to nobody, ever
            (self._directory / SOCKET_FILE).unlink(missing_ok=True)  # left by a kill
            # Held as long as it listens: asyncio looks at the address again when it closes.
            listener.bind(self._held.enter_context(_address(self._directory)))
            self._server = await asyncio.start_unix_server(
                self._serve, sock=listener, limit=MAX_LINE_BYTES, backlog=MAX_CLIENTS
            )
        except OSError as error:
            listener.close()
            self._held.close()
            reason = error.strerror or error
            raise StoreFailed(f"{self._directory / SOCKET_FILE}: {reason}") from error

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        (self._directory / SOCKET_FILE).unlink(missing_ok=True)
        self._held.close()
        clients = tuple(self._clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if len(self._clients) > MAX_CLIENTS:
                full = f"{MAX_CLIENTS} clients are connected, that is the limit"
                answer: Json | bytes = refusal(full, True)
            else:
                answer = await self._answer(reader, _peer(writer))
            if not isinstance(answer, bytes):
                answer = json.dumps(answer).encode() + b"\n"
            writer.write(answer)
            with suppress(ConnectionError):  # it has gone; what it asked for has been done
                await asyncio.wait_for(writer.drain(), ANSWER_WAIT_S)
        except TimeoutError:
            writer.transport.abort()  # it does not read: what waits for it is given up
        finally:
            self._clients.discard(task)
            writer.close()

    def _standing(self) -> Json:
        shown: dict[str, Any] = self._snapshot()
        main = [row for row in shown["data"] if row["book"] == MAIN_BOOK]
        held = sum(row["position"] is not None for row in main)
        return {name: shown["daemon"][name] for name in TOLD} | {"ok": True, "positions": held}

    async def _answer(self, reader: asyncio.StreamReader, peer: tuple[str, int]) -> Json | bytes:
        """One request of one client."""
        try:
            line = await asyncio.wait_for(reader.readline(), REQUEST_WAIT_S)
            request = json.loads(line)
            sql = _sql_of(request)
            name = STATUS if sql is not None else _command_of(request)
        except (TimeoutError, ConnectionError, ValueError, RecursionError) as error:
            reason = str(error) or "no request"
            log.warning("control_request_refused", reason=reason, user=peer[0], pid=peer[1])
            return refusal(reason, try_again=False)
        if sql is not None:
            return await self._answer_sql(sql)
        if name != STATUS:
            obeyed = await self._operator.ask(Asked(Command[name.upper()], *peer))
            if isinstance(obeyed, NotObeyed):
                return refusal(obeyed.reason, obeyed.try_again)
            done: Json = {
                "exits": obeyed.exits,
                "cancelled": obeyed.cancelled,
                "released": list(obeyed.released),
            }
            return self._standing() | done | {"trading_state": obeyed.state.name}
        return self._standing()


def refusal(reason: str, try_again: bool) -> Json:
    return {"ok": False, "error": reason, "try_again": try_again}


def _sql_of(request: object) -> str | None:
    """The question of a request that is one."""
    match request:
        case {"sql": str(sql), **others} if not others:
            return sql
        case _:
            return None


def _command_of(request: object) -> str:
    """The command of a request. Raises ValueError."""
    known = [STATUS, *(command.name.lower() for command in Command)]
    name = request.get("command") if isinstance(request, dict) else None
    if name not in known:
        raise ValueError(
            f'a request is {{"sql": "..."}}, or {{"command": "..."}} with one of {", ".join(known)}'
        )
    return str(name)


def _peer(writer: asyncio.StreamWriter) -> tuple[str, int]:
    """User and pid of who is connected, from the kernel: not what it says of itself."""
    connection = writer.get_extra_info("socket")
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
    pid, uid, _ = PEER.unpack(told)
    return user_name(uid), pid


# --- the other side ------------------------------------------------------------------------------


def ask(directory: Path, name: str) -> Json:
    """Ask the daemon of `directory`; its answer. Raises TryAgain where there is none."""
    return _exchanged(directory, json.dumps({"command": name}).encode() + b"\n")


def ask_sql(directory: Path, sql: str) -> Json:
    """Ask the daemon of `directory` in SQL. Raises TryAgain, ConfigError for one too long."""
    line = json.dumps({"sql": sql}).encode() + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise ConfigError(f"a question to the daemon has at most {MAX_LINE_BYTES:,} bytes")
    return _exchanged(directory, line)


def _exchanged(directory: Path, request: bytes) -> Json:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_WAIT_S)
        try:
            with _address(directory) as address:
                connection.connect(address)
            connection.sendall(request)
            with connection.makefile("rb") as stream:
                line = stream.readline()
        except TimeoutError as error:
            raise TryAgain(
                f"the daemon on {directory} did not answer in {ANSWER_WAIT_S:g} s: outcome unknown"
            ) from error
        except OSError as error:
            raise TryAgain(
                f"no daemon answers on state directory {directory}: {error.strerror or error}"
            ) from error
    if not line:
        raise TryAgain(f"the daemon on {directory} stopped before it answered: outcome unknown")
    answer: Json = json.loads(line)
    return answer


@contextmanager
def _address(directory: Path) -> Iterator[str]:
    """The socket's address, short whatever the directory is called: the kernel takes 107 bytes."""
    opened = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{opened}/{SOCKET_FILE}"
    finally:
        os.close(opened)
