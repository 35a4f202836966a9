"""The stream over a whole market: everything once, then what changed."""

import json
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

from daemon.dashboard.stream import MOMENTS, Streams
from tests.daemon.scanned_market import MARKET, Market
from tests.virtual_loop import VirtualLoop, run_virtual

QUIET_EVENT_BYTES = 1_000


def told(market: Market, steps: Sequence[Callable[[], None]]) -> list[dict[str, Any]]:
    """The events of one client; each of `steps` happens after the event before."""

    async def main() -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = []
        left = list(steps)
        async with aclosing(Streams(market.source).events()) as events:
            async for event in events:
                if b"data: " not in event:
                    continue
                seen.append(parsed(event))
                if not left:
                    return seen
                left.pop(0)()
        raise AssertionError("the stream ended")

    answer: list[dict[str, Any]] = run_virtual(VirtualLoop(), main())
    return answer


def parsed(event: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event.partition(b"data: ")[2])
    return found


def names(event: dict[str, Any]) -> list[str]:
    return [row["instrument"] for row in event["data"]]


def test_the_first_event_has_every_row_and_the_next_what_changed() -> None:
    market = Market()

    def change() -> None:
        market.pass_second()
        market.close_bar("SHARE0007")
        market.close_bar("SHARE2399")

    first, second = told(market, [change])

    assert (True, MARKET) == (first["whole"], len(first["data"]))
    assert (False, ["SHARE0007", "SHARE2399"]) == (second["whole"], names(second))


def test_a_second_in_which_nothing_happens_costs_no_rows() -> None:
    market = Market()
    _, second = told(market, [market.pass_second])

    assert [] == second["data"]
    assert "2026-07-27T10:30:01+05:30" == second["daemon"]["market_time"]
    assert len(json.dumps(second)) < QUIET_EVENT_BYTES


def test_a_row_is_told_without_the_moment_of_asking() -> None:
    [first] = told(Market(1), [])

    assert not set(MOMENTS) & set(first["data"][0])


def test_a_client_that_missed_versions_hears_of_every_row_that_changed_since() -> None:
    market = Market(5)
    streams = Streams(market.source)
    slow, _ = streams.event_since(-1)
    market.pass_second()
    market.close_bar("SHARE0001")
    quick, _ = streams.event_since(slow)
    market.pass_second()
    market.close_bar("SHARE0003")

    assert ["SHARE0003"] == names(parsed(streams.event_since(quick)[1]))
    assert ["SHARE0001", "SHARE0003"] == names(parsed(streams.event_since(slow)[1]))


def test_clients_that_need_the_same_share_one_writing() -> None:
    market = Market(5)
    streams = Streams(market.source)
    sent, _ = streams.event_since(-1)
    market.pass_second()

    assert streams.event_since(sent)[1] is streams.event_since(sent)[1]
