"""The day's tasks under one roof: none dies unseen, and a stop ends them in order.

Decides what ends with what: a task that fails ends the others and then the process (crash-only:
the next start goes on from the ledger). Never retries, and never lets an error pass for an end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass

import structlog

Work = Coroutine[object, object, None]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTasks:
    """What runs while a day is played.

    Args:
        ingest: brings Minutes until the feed's day is over.
        trading: handles them until there are no more; with it the day ends.
        state: shows how it goes, until cancelled.
        orders: between trading and a broker that tells its fills, until cancelled.
        end_intake: tells trading that no further Minute comes, where ingest was cut off.
    """

    ingest: Work
    trading: Work
    state: Work
    end_intake: Callable[[], Awaitable[None]]
    orders: Work | None = None


async def supervise(tasks: DayTasks, stop: asyncio.Event | None = None) -> None:
    """Run them to the day's end, or until `stop`: then intake ends first, and what was handed
    over is decided.

    Raises: the first task's error; what fails after it is logged only.
    """
    try:
        async with asyncio.TaskGroup() as group:
            ingest = group.create_task(_watched("ingest", tasks.ingest), name="ingest")
            trading = group.create_task(_watched("trading", tasks.trading), name="trading")
            beside = [group.create_task(_watched("state", tasks.state), name="state")]
            if tasks.orders is not None:
                beside.append(group.create_task(_watched("orders", tasks.orders), name="orders"))
            if stop is not None:
                ending = _stopped(stop, ingest, tasks.end_intake)
                beside.append(group.create_task(_watched("stop", ending), name="stop"))
            await asyncio.wait([trading])
            for task in beside:
                task.cancel()
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def unless_stopped(work: Work, stop: asyncio.Event | None) -> bool:
    """Do `work` to its end; False: `stop` came first, and it was left."""
    if stop is None:
        await work
        return True
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        return working.done()
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def _stopped(
    stop: asyncio.Event, ingest: asyncio.Task[None], end_intake: Callable[[], Awaitable[None]]
) -> None:
    await stop.wait()
    if not ingest.done():
        ingest.cancel()
        await asyncio.wait([ingest])
        await end_intake()


async def _watched(name: str, work: Work) -> None:
    try:
        await work
    except Exception as error:
        log.error("task_failed", task=name, reason=f"{type(error).__name__}: {error}")
        raise
