"""Upstox's REST side, as far as data needs it: asked within its limits, answered by values.

Decides what an answer is worth: no token, too fast, not JSON, not there. Never shows a token, and
never takes an error page for data.
"""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import structlog

from core.errors import (
    AuthExpired,
    BrokerError,
    ConnectionLost,
    NeverSent,
    ProtocolViolation,
    TooFast,
)
from core.ports import Clock
from core.session import MINUTE_NS, day_text, ist_day, ist_ns
from core.types import BAR, Records
from providers.upstox.auth import LOGIN

API = "https://api.upstox.com"
TIMEOUT_S = 10.0
MAX_BODY_BYTES = 64 << 20
MAX_KEYS = 500  # in one question for quotes
MAX_TOLD = 300  # characters of what the broker says about a refusal
REFUSED_S = 30.0  # a token that was refused is not sent again before
PUBLIC = ("/v3/historical-candle/", "/v2/market/holidays", "/v2/market/timings/")  # SDK 2.30.0
GATE = (403, 423)  # without JSON: turned away before the broker was asked; worth a retry
# What a person has to do, by the broker's code, whatever the number of the answer.
REMEDIES = {
    "UDAPI100016": LOGIN,  # invalid credentials
    "UDAPI100050": LOGIN,  # invalid or expired token
    "UDAPI100067": f"the token is read-only and not for this: {LOGIN}",
    "UDAPI100073": "the broker calls this client inactive: its support has to say why",
}
# Requests by window in seconds; the half hour binds whoever asks steadily. One in ten is left to
# other programs of the same user.
WINDOWS: Mapping[int, int] = {1: 45, 60: 450, 1_800: 1_800}

Token = Callable[[], str]
Sleep = Callable[[float], Awaitable[None]]
Held = Callable[[], AbstractContextManager[None]]


log = structlog.get_logger()


class RateWindows:
    """Waits until one more request fits into every window.

    Args:
        now_s: real time; None: that of the running loop.
    """

    def __init__(
        self,
        allowed: Mapping[int, int] = WINDOWS,
        now_s: Callable[[], float] | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._allowed = dict(allowed)
        self._now_s = now_s or (lambda: asyncio.get_running_loop().time())
        self._sleep = sleep
        self._asked: deque[float] = deque(maxlen=max(allowed.values()))

    async def take(
        self, allowed: Mapping[int, int] | None = None, patience_s: float = float("inf")
    ) -> bool:
        """Wait for room and take it; False: that would be longer than `patience_s`, nothing taken.

        Args:
            allowed: narrower windows than those of all requests.
        """
        began_s = self._now_s()
        while (wait_s := self._wait_s(allowed or self._allowed)) > 0:
            if self._now_s() + wait_s - began_s > patience_s:
                return False
            await self._sleep(wait_s)
        self._asked.append(self._now_s())
        return True

    def _wait_s(self, allowed: Mapping[int, int]) -> float:
        asked, now_s = self._asked, self._now_s()
        waits = [
            asked[-count] + window_s - now_s
            for window_s, count in allowed.items()
            if len(asked) >= count
        ]
        return max(waits, default=0.0)


class UpstoxRest:
    """The broker's answers.

    Args:
        token: asked before every request, so that a new token is used without a restart.
        address: of the broker, or of a local exchange.
        held: time that waits for its readers does so while an answer is on its way.
        transport: for tests; None: the network.
    """

    def __init__(
        self,
        token: Token,
        *,
        address: str = API,
        windows: RateWindows | None = None,
        held: Held = nullcontext,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.token = token
        self._held = held
        self._refused: dict[str, tuple[float, AuthExpired]] = {}  # until when and why, by token
        self._windows = windows or RateWindows()
        # A request without a User-Agent is turned away at the broker's gate.
        self._client = httpx.AsyncClient(
            base_url=address,
            timeout=TIMEOUT_S,
            headers={"user-agent": "tradingd"},
            transport=transport,
            trust_env=proxied(address),
        )

    def beside(self, address: str) -> "UpstoxRest":
        """The same caller at another host of the broker's, to be closed on its own."""
        return UpstoxRest(self.token, address=address, held=self._held)

    async def close(self) -> None:
        await self._client.aclose()

    async def feed_address(self) -> str:
        """An authorised address of the market feed; good for one connection."""
        return await self._authorised("/v3/feed/market-data-feed/authorize")

    async def updates_address(self) -> str:
        """The same of the stream of order updates."""
        return await self._authorised("/v2/feed/portfolio-stream-feed/authorize")

    async def _authorised(self, path: str) -> str:
        data = await self.get(path)
        if not isinstance(data, dict):
            raise ProtocolViolation("the authorised address of the feed is missing")
        address = data.get("authorized_redirect_uri") or data.get("authorizedRedirectUri")
        if not isinstance(address, str):
            raise ProtocolViolation("the authorised address of the feed is missing")
        return address

    async def intraday(self, key: str) -> Records:
        """Completed 1m candles of the running day: BAR rows in order of time, instrument 0."""
        data = await self.get(f"/v3/historical-candle/intraday/{quote(key, safe='')}/minutes/1")
        return candle_rows(data)

    async def historical(self, key: str, from_day: int, to_day: int) -> tuple[Records, int]:
        """1m candles from one day to another, both included, at most a month; and how many rows
        were left out because they cannot be true."""
        days = f"{day_text(to_day)}/{day_text(from_day)}"
        data = await self.get(f"/v3/historical-candle/{quote(key, safe='')}/minutes/1/{days}")
        return sound_candles(data)

    async def last_minutes(self, keys: Sequence[str]) -> dict[str, Records]:
        """The last completed minute by key; a key that is not told has none."""
        asked = {"instrument_key": ",".join(keys), "interval": "I1"}
        data = await self.get("/v3/market-quote/ohlc", asked)
        found = {}
        for told in data.values():  # named by symbol, which is not unique: the key is inside
            one = told.get("prev_ohlc") if isinstance(told, dict) else None
            if isinstance(one, dict):
                row = [one.get(name) for name in ("ts", "open", "high", "low", "close", "volume")]
                found[str(told.get("instrument_token"))] = _bars([_checked(row, 1_000_000)])
        return found

    async def get(self, path: str, asked: Mapping[str, str] | None = None) -> Any:
        """`data` of a success. Raises BrokerError, by its kinds."""
        self._sendable(path)  # before a place in the windows is taken for nothing
        await self._windows.take()
        token = self._sendable(path)
        status, body = await self._answered("GET", path, token, asked)
        try:
            return data_of(path, status, body)
        except AuthExpired as error:
            if status == 401:
                now_s = _now_s()
                held = {one: why for one, why in self._refused.items() if now_s < why[0]}
                self._refused = held | {token: (now_s + REFUSED_S, error)}
            raise

    async def call(
        self,
        method: str,
        path: str,
        asked: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> tuple[int, bytes]:
        """Status and body of the answer to an order call, which is sent once: what it is worth is
        for the caller to say, who has also taken a place in the windows of order calls.

        Raises:
            NeverSent: nothing was asked. AuthExpired: neither, without a token.
            ConnectionLost: no answer; whether it was taken is unknown.
        """
        return await self._answered(method, path, self.token(), asked, body)

    async def _answered(
        self,
        method: str,
        path: str,
        token: str,
        asked: Mapping[str, str] | None,
        body: Mapping[str, object] | None = None,
    ) -> tuple[int, bytes]:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        try:
            with self._held():
                answer = await self._client.request(
                    method,
                    path,
                    params=asked,
                    json=body,
                    headers={"accept": "application/json"} | headers,
                )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NeverSent(f"{path}: {type(error).__name__}") from error
        except httpx.HTTPError as error:
            raise ConnectionLost(f"{path}: {type(error).__name__}") from error
        content = answer.content
        if token and answer.status_code != 200:  # a refusal is told on: log, page and ledger
            content = content.replace(token.encode(), b"**********")
        return answer.status_code, content

    def _sendable(self, path: str) -> str:
        """The token, unless it was refused a moment ago: a hundred reads are not a hundred 401.
        What is public is asked without one then, so that a morning warms up before the login."""
        try:
            return self._unrefused(self.token())
        except AuthExpired:
            if path.startswith(PUBLIC):
                return self._unrefused("")
            raise

    def _unrefused(self, token: str) -> str:
        until_s, error = self._refused.get(token, (0.0, None))
        if _now_s() < until_s:
            raise AuthExpired(str(error)) from error
        return token


def proxied(address: str) -> bool:
    """Whether a proxy of the environment may stand between: it sees what is not enciphered."""
    return address.startswith("https://")


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def data_of(path: str, status: int, body: bytes) -> Any:
    """What an answer says; a page of HTML is no answer, whatever its number."""
    if len(body) > MAX_BODY_BYTES:
        raise ProtocolViolation(f"{path}: {len(body)} bytes")
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if status == 200 and isinstance(told, dict) and told.get("status") == "success":
        return told.get("data")
    code, message = problem_of(told)
    said = " ".join([f"{path}: HTTP {status}", code, *message.split()])[:MAX_TOLD].strip()
    if code in REMEDIES:
        raise AuthExpired(f"{said}; {REMEDIES[code]}")
    if status == 401:
        raise AuthExpired(f"{said}; {LOGIN}")
    if told is None:
        said += ", and no JSON"
    if status == 429:
        raise TooFast(said)
    if status >= 500 or (told is None and status in GATE):
        raise ConnectionLost(said)
    raise ProtocolViolation(said) if told is None else BrokerError(said)


Row = tuple[int, float, float, float, float, int]


def candle_rows(data: Any) -> Records:
    """`[time, open, high, low, close, volume, ...]` as BAR rows in order of time, each once."""
    return _in_order([_checked(_timed(row), 1) for row in _told_rows(data)])


def sound_candles(data: Any) -> tuple[Records, int]:
    """The same of a stretch of history, in which one bad row is no reason to have none: it is left
    out and counted. Raises ProtocolViolation if no row is sound."""
    told = _told_rows(data)
    checked: list[Row] = []
    refused: ProtocolViolation | None = None
    for row in told:
        try:
            checked.append(_checked(_timed(row), 1))
        except ProtocolViolation as error:
            refused = error
    if refused is not None and not checked:
        raise refused
    return _in_order(checked), len(told) - len(checked)


def _told_rows(data: Any) -> list[Any]:
    rows = data.get("candles") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise ProtocolViolation("candles are missing")
    return rows


def _in_order(rows: Sequence[Row]) -> Records:
    by_time = {row[0]: row for row in rows}
    return _bars([by_time[open_ns] for open_ns in sorted(by_time)])


def _timed(row: Any) -> Sequence[Any]:
    try:
        return [ist_ns(row[0]), *row[1:6]]
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise ProtocolViolation(f"no candle: {row!r:.80}") from error


def _checked(row: Sequence[Any], scale: int) -> Row:
    """A candle that can be true. Raises ProtocolViolation."""
    try:
        open_ns = int(row[0]) * scale
        first, high, low, last = (float(value) for value in row[1:5])
        volume = int(row[5] or 0)
    except (TypeError, ValueError, IndexError) as error:
        raise ProtocolViolation(f"no candle: {row!r:.80}") from error
    sound = 0 < low <= min(first, last) and max(first, last) <= high < float("inf")
    if not sound or volume < 0 or open_ns % MINUTE_NS:
        raise ProtocolViolation(f"no candle: {row!r:.80}")
    return open_ns, first, high, low, last, volume


def _bars(rows: Sequence[Row]) -> Records:
    bars: Records = np.zeros(len(rows), BAR)
    for name, column in zip(
        ("open_ns", "open", "high", "low", "close", "volume"), zip(*rows, strict=True), strict=False
    ):
        bars[name] = column
    return bars


def problem_of(told: Any) -> tuple[str, str]:
    """Code and message of an error, whichever spelling it has."""
    problems = told.get("errors") if isinstance(told, dict) else None
    first = problems[0] if isinstance(problems, list) and problems else {}
    if not isinstance(first, dict):
        return "", ""
    return str(first.get("error_code") or first.get("errorCode") or ""), str(
        first.get("message") or ""
    )


class UpstoxCandles:
    """The broker's candles of today, for repair (core.ports.Candles).

    Args:
        keys: of the instruments, by their numbers.
        clock: of the market; where its time waits for its readers, it does so for the answer.
    """

    def __init__(self, rest: UpstoxRest, keys: Sequence[str], clock: Clock) -> None:
        self._rest = rest
        self._keys = list(keys)
        self._clock = clock
        self.strangers = 0  # rows of another day than was asked for

    async def last_minute(self, instruments: Sequence[int]) -> Records:
        if len(instruments) > MAX_KEYS:
            raise ValueError(f"{len(instruments)} instruments in one request over {MAX_KEYS}")
        with self._clock.held():
            told = await self._rest.last_minutes([self._keys[number] for number in instruments])
        found = [_of(told[self._keys[n]], n) for n in instruments if self._keys[n] in told]
        return np.concatenate([*found, np.zeros(0, BAR)]).view(BAR)

    async def day(self, instrument: int) -> Records:
        """Rows of another day are none of ours: the broker is known to answer with those of the
        last one. Then nothing is known yet, and it is asked again."""
        with self._clock.held():
            bars = await self._rest.intraday(self._keys[instrument])
        today = ist_day(self._clock.now_ns())
        days = np.array([ist_day(int(open_ns)) for open_ns in bars["open_ns"]], np.int64)
        if (strangers := int((days != today).sum())) > 0:
            self.strangers += strangers
            log.warning(
                "candles_of_another_day",
                instrument=self._keys[instrument],
                day=day_text(int(days[days != today][0])),
                rows=strangers,
            )
        return _of(bars[days == today], instrument)


def _of(bars: Records, instrument: int) -> Records:
    bars["instrument"] = instrument
    return bars
