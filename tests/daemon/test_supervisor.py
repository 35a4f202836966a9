"""The day's tasks end together, in order, and every failure is heard of."""

import asyncio
from collections.abc import Callable

import pytest
import structlog

from core.errors import StoreFailed
from daemon.supervisor import DayTasks, supervise, unless_stopped


class Day:
    """Three tasks as the daemon's: ingest hands numbers to trading, state runs until cancelled."""

    def __init__(self, numbers: int, *, fails: str = "", stop: asyncio.Event | None = None) -> None:
        self.queue: asyncio.Queue[int | None] = asyncio.Queue(2)
        self.handled: list[int] = []
        self.ended: list[str] = []
        self.stop = stop
        self._numbers = numbers
        self._fails = fails

    async def play(self) -> None:
        tasks = DayTasks(
            ingest=self.watched("ingest", self.ingest),
            trading=self.watched("trading", self.trading),
            state=self.watched("state", asyncio.Event().wait),
            end_intake=self.end_intake,
        )
        await supervise(tasks, self.stop)

    async def watched(self, name: str, work: Callable[[], object]) -> None:
        try:
            await work()  # type: ignore[misc]
        finally:
            self.ended.append(name)

    async def ingest(self) -> None:
        for number in range(self._numbers):
            await self.queue.put(number)
            if self._fails == "ingest" and number == 3:
                raise RuntimeError("no such instrument: 9")
        await self.end_intake()

    async def end_intake(self) -> None:
        await self.queue.put(None)

    async def trading(self) -> None:
        while (number := await self.queue.get()) is not None:
            if self._fails == "trading" and number == 3:
                raise StoreFailed("disk full")
            self.handled.append(number)
            if self.stop is not None and number == 5:
                self.stop.set()


def test_a_day_ends_when_everything_handed_over_is_handled() -> None:
    day = Day(10)
    asyncio.run(day.play())

    assert list(range(10)) == day.handled
    assert ["ingest", "trading", "state"] == day.ended


def test_a_stop_ends_intake_first_and_what_was_handed_over_is_handled() -> None:
    async def main() -> Day:
        day = Day(1_000_000, stop=asyncio.Event())
        await day.play()
        return day

    day = asyncio.run(main())

    assert list(range(len(day.handled))) == day.handled
    assert 6 < len(day.handled) < 20
    assert day.queue.empty()
    assert ["ingest", "trading", "state"] == day.ended


def test_a_stop_after_intake_has_ended_changes_nothing() -> None:
    async def main() -> Day:
        day = Day(6, stop=asyncio.Event())
        await day.play()
        return day

    assert list(range(6)) == asyncio.run(main()).handled


@pytest.mark.parametrize(
    ("task", "error"),
    [("ingest", RuntimeError), ("trading", StoreFailed)],
    ids=lambda one: str(one),
)
def test_a_task_that_fails_ends_the_others_and_is_told_by_name(
    task: str, error: type[Exception]
) -> None:
    day = Day(1_000_000, fails=task)
    with structlog.testing.capture_logs() as logs, pytest.raises(error) as failed:
        asyncio.run(day.play())

    assert {"ingest", "trading", "state"} == set(day.ended)
    assert [3] == [len(day.handled)] or task == "ingest"
    assert [(task, f"{error.__name__}: {failed.value}")] == [
        (log["task"], log["reason"]) for log in logs if log["event"] == "task_failed"
    ]


def test_the_first_failure_is_the_one_that_is_raised() -> None:
    """What breaks while the others are being ended is told too, but it is not the cause."""

    async def breaks() -> None:
        await asyncio.sleep(0)
        raise StoreFailed("disk full")

    async def breaks_in_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError("and the page too")

    async def waits() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        await supervise(
            DayTasks(ingest=waits(), trading=breaks(), state=breaks_in_the_end(), end_intake=waits)
        )

    with structlog.testing.capture_logs() as logs, pytest.raises(StoreFailed, match="disk full"):
        asyncio.run(main())

    assert ["trading", "state"] == [log["task"] for log in logs if log["event"] == "task_failed"]


def test_whoever_is_cancelled_takes_the_tasks_along() -> None:
    ended: list[str] = []

    async def waits(name: str, begun: asyncio.Event) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async def main() -> None:
        begun = asyncio.Event()
        tasks = DayTasks(
            ingest=waits("ingest", asyncio.Event()),
            trading=waits("trading", asyncio.Event()),
            state=waits("state", begun),
            end_intake=begun.wait,  # type: ignore[arg-type]
        )
        playing = asyncio.create_task(supervise(tasks))
        await begun.wait()
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing

    asyncio.run(main())

    assert ["ingest", "state", "trading"] == sorted(ended)


def test_work_before_the_day_is_left_when_the_stop_comes_first() -> None:
    ended: list[str] = []

    async def work(seconds: float | None) -> None:
        try:
            await (asyncio.Event().wait() if seconds is None else asyncio.sleep(seconds))
        finally:
            ended.append("left" if seconds is None else "done")

    async def main() -> list[bool]:
        stop = asyncio.Event()
        done = [await unless_stopped(work(0), None), await unless_stopped(work(0), stop)]
        stop.set()
        return [*done, await unless_stopped(work(None), stop)]

    assert [True, True, False] == asyncio.run(main())
    assert ["done", "done", "left"] == ended


def test_an_error_before_the_day_is_heard_of() -> None:
    async def work() -> None:
        raise StoreFailed("full")

    with pytest.raises(StoreFailed, match="full"):
        asyncio.run(unless_stopped(work(), asyncio.Event()))
