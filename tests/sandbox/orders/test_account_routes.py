"""Many orders at once, the kill switch, the registered address and margins, on the wire."""

from tests.sandbox.order_market import SHARE
from tests.sandbox.order_serving import BEARER, Served, limit, order, run

FILLED = (100, 101.0, 50)
DISABLE = [{"segment": "NSE_EQ", "action": "DISABLE"}]
ENABLE = [{"segment": "NSE_EQ", "action": "ENABLE"}]
TWELVE_HOURS_MS = 12 * 3_600_000


def line(name: str, **asked: object) -> dict[str, object]:
    return {"correlation_id": name} | order(**asked)


async def book(here: Served) -> dict[str, str]:
    rows = await here.ask("GET", "/v2/order/retrieve-all")
    return {row["order_id"]: row["status"] for row in rows}


def test_lines_are_placed_one_by_one_and_say_which_failed() -> None:
    async def test(here: Served) -> None:
        lines = [line("a"), line("b", quantity=0), line("c", quantity=150_000, slice=True)]
        answer = await here.client.post("/v2/order/multi/place", json=lines, headers=BEARER)
        told = answer.json()

        assert (207, "partial_success") == (answer.status_code, told["status"])
        assert ["a", "c", "c"] == [one["correlation_id"] for one in told["data"]]
        assert [("b", "UDAPI1052")] == [
            (one["correlation_id"], one["errorCode"]) for one in told["errors"]
        ]
        assert {"total": 3, "success": 2, "error": 0, "payload_error": 1} == told["summary"]
        assert {one["order_id"] for one in told["data"]} == set(await book(here))

    run(test)


def test_a_list_is_refused_whole_where_its_lines_cannot_be_told_apart() -> None:
    async def test(here: Served) -> None:
        for lines in ([], {}, [order()], [line("a"), line("a")], [line(str(n)) for n in range(26)]):
            told = await here.ask("POST", "/v2/order/multi/place", lines)
            assert (400, "UDAPI100036") == told, lines
        assert {} == await book(here)

    run(test)


def test_open_orders_are_cancelled_by_tag_and_by_segment() -> None:
    async def test(here: Served) -> None:
        mine = await here.place(tag="mine", **limit(90.0))
        other = await here.place(**limit(90.0))
        told = await here.ask("DELETE", "/v2/order/multi/cancel", tag="mine")
        here.at(100)
        after = await book(here)
        await here.ask("DELETE", "/v2/order/multi/cancel", segment="NSE_EQ")
        here.at(200)

        assert {"order_ids": [mine]} == told
        assert {mine: "cancelled", other: "open"} == after
        assert {mine: "cancelled", other: "cancelled"} == await book(here)
        nothing = await here.ask("DELETE", "/v2/order/multi/cancel")
        assert (400, "UDAPI1108") == nothing
        nowhere = await here.ask("DELETE", "/v2/order/multi/cancel", segment="NYSE")
        assert (400, "UDAPI1105") == nowhere

    run(test)


def test_positions_are_exited_at_the_market() -> None:
    async def test(here: Served) -> None:
        await here.place(tag="mine")
        here.at(200)
        other = await here.ask("POST", "/v2/order/positions/exit", tag="other")
        told = await here.ask("POST", "/v2/order/positions/exit", tag="mine")
        here.at(1_000)
        [held] = await here.ask("GET", "/v2/portfolio/short-term-positions")

        assert (400, "UDAPI1108") == other
        assert 1 == len(told["order_ids"])
        assert (0, 10.0, None) == (held["quantity"], held["pnl"], held["average_price"])

    run(test, FILLED, (500, 102.0, 50))


def test_the_kill_switch_cancels_blocks_and_holds_for_twelve_hours() -> None:
    async def test(here: Served) -> None:
        resting = await here.place(**limit(90.0))
        here.at(50)
        rows = await here.ask("POST", "/v2/user/kill-switch", DISABLE)
        blocked = await here.place(**limit(90.0))
        early = await here.ask("POST", "/v2/user/kill-switch", ENABLE)

        assert ("INACTIVE", True) == (rows[0]["segment_status"], rows[0]["kill_switch_enabled"])
        assert {resting: "cancelled", blocked: "rejected"} == await book(here)
        assert (400, "UDAPI1185") == early
        here.at(TWELVE_HOURS_MS + 50)
        await here.ask("POST", "/v2/user/kill-switch", ENABLE)
        [row, *_] = await here.ask("GET", "/v2/user/kill-switch")
        assert ("ACTIVE", False) == (row["segment_status"], row["kill_switch_enabled"])

    run(test)


def test_the_kill_switch_wants_flat_positions_and_known_segments() -> None:
    async def test(here: Served) -> None:
        await here.place()
        here.at(200)
        held = await here.ask("POST", "/v2/user/kill-switch", DISABLE)
        wrong = [
            await here.ask("POST", "/v2/user/kill-switch", body)
            for body in ({}, [{"segment": "NYSE", "action": "DISABLE"}], [{"segment": "NSE_EQ"}])
        ]

        assert (400, "UDAPI1184") == held
        assert [(400, "UDAPI1186")] * 3 == wrong

    run(test, FILLED)


def test_another_registered_address_ends_every_token() -> None:
    async def test(here: Served) -> None:
        before = await here.ask("GET", "/v2/user/ip")
        wrong = await here.ask("PUT", "/v2/user/ip", {"primary_ip": "here"})
        told = await here.ask("PUT", "/v2/user/ip", {"primary_ip": "10.0.0.1"})

        assert ("127.0.0.1", None) == (before["primary_ip"], before["secondary_ip"])
        assert (400, "UDAPI100036") == wrong
        assert ("10.0.0.1", True) == (told["primary_ip"], told["access_tokens_invalidated"])
        assert (401, "UDAPI100050") == await here.ask("GET", "/v2/user/profile")

    run(test)


def test_margins_are_told_before_an_order_is_placed() -> None:
    async def test(here: Served) -> None:
        asked = {"instrument_key": SHARE.key, "quantity": 10, "transaction_type": "BUY"}
        told = await here.ask(
            "POST",
            "/v2/charges/margin",
            {"instruments": [asked | {"product": "I"}, asked | {"product": "D", "price": 90.0}]},
        )
        wrong = await here.ask("POST", "/v2/charges/margin", {"instruments": []})

        assert [200.0, 900.0] == [one["equity_margin"] for one in told["margins"]]
        assert 1_100.0 == told["required_margin"] == told["final_margin"]
        assert (400, "UDAPI100036") == wrong

    run(test)
