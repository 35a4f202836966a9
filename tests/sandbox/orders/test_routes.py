"""Order calls and reads on the wire: shapes, refusals, who may trade and how often."""

import httpx

from core.session import at_ist
from sandbox.accounts import Grant
from tests.sandbox.markets import DAY
from tests.sandbox.order_market import SHARE
from tests.sandbox.order_serving import BEARER, Served, limit, order, run

FILLED = (100, 101.0, 50)  # a trade of the tape soon after 12:00
NOON = at_ist(DAY, "12:00")


def test_an_order_is_placed_and_read_back_in_every_place() -> None:
    async def test(here: Served) -> None:
        placed = await here.client.post("/v3/order/place", json=order(tag="T-E"), headers=BEARER)
        order_id = placed.json()["data"]["order_ids"][0]
        assert isinstance(placed.json()["metadata"]["latency"], int)
        here.at(1_000)
        details = await here.ask("GET", "/v2/order/details", order_id=order_id)
        book = await here.ask("GET", "/v2/order/retrieve-all")
        history = await here.ask("GET", "/v2/order/history", tag="T-E")
        trades = await here.ask("GET", "/v2/order/trades", order_id=order_id)
        of_the_day = await here.ask("GET", "/v2/order/trades/get-trades-for-day")
        [held] = await here.ask("GET", "/v2/portfolio/short-term-positions")

        assert [details] == book
        assert ("complete", 10, 0, 101.0, "T-E") == (
            details["status"],
            details["filled_quantity"],
            details["pending_quantity"],
            details["average_price"],
            details["tag"],
        )
        assert "2026-08-05 12:00:00" == details["order_timestamp"] == details["exchange_timestamp"]
        assert "put order req received" == history[0]["status"]
        assert ("", None) == (history[0]["exchange_order_id"], history[0]["exchange_timestamp"])
        assert details == history[-1]
        assert trades == of_the_day
        assert (10, 101.0) == (trades[0]["quantity"], trades[0]["average_price"])
        assert (10, 101.0, 0.0) == (held["quantity"], held["average_price"], held["pnl"])

    run(test, FILLED)


def test_a_modify_and_a_cancel_answer_with_the_id() -> None:
    async def test(here: Served) -> None:
        order_id = await here.place(**limit(90.0))
        here.at(50)
        body = {"order_id": order_id, "validity": "DAY", "price": 91.0, "order_type": "LIMIT"}
        changed = await here.ask("PUT", "/v3/order/modify", body | {"trigger_price": 0})
        here.at(100)
        details = await here.ask("GET", "/v2/order/details", order_id=order_id)
        cancelled = await here.ask("DELETE", "/v3/order/cancel", {}, order_id=order_id)
        here.at(150)
        after = await here.ask("GET", "/v2/order/details", order_id=order_id)

        assert {"order_id": order_id} == changed == cancelled
        assert ("open", 91.0, 10) == (details["status"], details["price"], details["quantity"])
        assert ("cancelled", "3") == (after["status"], after["order_request_id"])

    run(test)


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"instrument_token": None}, "UDAPI1026"),
    ({"instrument_token": "NSE_EQ|NOBODY"}, "UDAPI100011"),
    ({"quantity": 0}, "UDAPI1052"),
    ({"quantity": 1.5}, "UDAPI100036"),
    ({"order_type": None}, "UDAPI1004"),
    ({"order_type": "BRACKET"}, "UDAPI1056"),
    ({"validity": None}, "UDAPI1007"),
    ({"validity": "GTC"}, "UDAPI1055"),
    ({"order_type": "LIMIT"}, "UDAPI1043"),
    ({"order_type": "SL-M"}, "UDAPI100036"),
    ({"price": "ten"}, "UDAPI100036"),
    (limit(90.001), "UDAPI100036"),
    ({"product": "CO"}, "UDAPI100036"),
    ({"transaction_type": "HOLD"}, "UDAPI100036"),
    ({"tag": "x" * 41}, "UDAPI1119"),
    ({"market_protection": 26}, "UDAPI100036"),
    (limit(90.0, market_protection=1), "UDAPI100036"),
    ({"quantity": 2_500_001, "slice": True}, "UDAPI1118"),
]


def test_what_is_no_order_is_refused_by_its_code() -> None:
    async def test(here: Served) -> None:
        for asked, code in REFUSED:
            assert (400, code) == await here.place(**asked), asked
        assert [] == await here.ask("GET", "/v2/order/retrieve-all")

    run(test)


def test_an_id_is_asked_for_judged_and_looked_up() -> None:
    async def test(here: Served) -> None:
        for order_id, code in (("", "UDAPI1023"), ("a b", "UDAPI1010"), ("1", "UDAPI100010")):
            asked = {"order_id": order_id}
            assert (400, code) == await here.ask("GET", "/v2/order/details", **asked)
            assert (400, code) == await here.ask("DELETE", "/v3/order/cancel", **asked)
            assert (400, code) == await here.ask("PUT", "/v3/order/modify", asked)

    run(test)


def test_what_a_modify_leaves_out_stays_as_it_was() -> None:
    async def test(here: Served) -> None:
        asked = limit(90.0, validity="DAY", disclosed_quantity=4)
        order_id = await here.place(**asked)
        here.at(50)
        body = {"order_id": order_id, "validity": "DAY", "price": 91.0, "order_type": "LIMIT"}
        await here.ask("PUT", "/v3/order/modify", body)
        here.at(100)
        details = await here.ask("GET", "/v2/order/details", order_id=order_id)

        assert (10, 4, 91.0) == (
            details["quantity"],
            details["disclosed_quantity"],
            details["price"],
        )

    run(test)


def test_the_quote_tells_the_band_that_orders_keep_to() -> None:
    async def test(here: Served) -> None:
        told = await here.ask("GET", "/v3/market-quote/quotes", instrument_key=SHARE.key)
        quote = told["NSE_EQ:RELIANCE"]
        low, high = quote["lower_circuit_limit"], quote["upper_circuit_limit"]
        prices = (low - 0.1, low, high, high + 0.1)
        ids = [await here.place(**limit(round(price, 2))) for price in prices]
        here.at(100)
        book = await here.ask("GET", "/v2/order/retrieve-all")

        assert ids == [one["order_id"] for one in book]
        assert ["rejected", "open", "open", "rejected"] == [one["status"] for one in book]

    run(test)


def test_a_body_that_is_no_json_is_invalid_input() -> None:
    async def test(here: Served) -> None:
        answer = await here.client.post("/v3/order/place", content=b"{", headers=BEARER)

        assert (400, "UDAPI100036") == (
            answer.status_code,
            answer.json()["errors"][0]["error_code"],
        )

    run(test)


def test_a_slice_is_an_order_for_each_freeze_quantity() -> None:
    async def test(here: Served) -> None:
        body = order(quantity=250_000, slice=True, **limit(0.1))
        told = await here.ask("POST", "/v3/order/place", body)
        book = await here.ask("GET", "/v2/order/retrieve-all")

        assert told["order_ids"] == [one["order_id"] for one in book]
        assert [100_000, 100_000, 50_000] == [one["quantity"] for one in book]

    run(test)


def test_a_read_only_token_reads_orders_and_places_none() -> None:
    async def test(here: Served) -> None:
        token = here.accounts.issue(Grant.EXTENDED, NOON)
        bearer = {"authorization": f"Bearer {token}"}
        placed = await here.client.post("/v3/order/place", json=order(), headers=bearer)
        book = await here.client.get("/v2/order/retrieve-all", headers=bearer)
        none = await here.client.post("/v3/order/place", json=order())

        assert (403, "UDAPI100067") == _refusal(placed)
        assert (401, "UDAPI100050") == _refusal(none)
        assert [] == book.json()["data"]

    run(test)


def test_orders_come_from_the_registered_address_and_reads_from_any() -> None:
    async def test(here: Served) -> None:
        elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx.AsyncClient(
            transport=elsewhere, base_url=here.client.base_url, headers=BEARER
        ) as other:
            placed = await other.post("/v3/order/place", json=order())
            book = await other.get("/v2/order/retrieve-all")

        assert (403, "UDAPI1154") == _refusal(placed)
        assert [] == book.json()["data"]

    run(test)


def test_the_eleventh_order_call_of_a_second_is_refused_and_reads_are_not() -> None:
    async def test(here: Served) -> None:
        told = [await here.place(**limit(90.0)) for _ in range(11)]
        book = await here.ask("GET", "/v2/order/retrieve-all")

        assert (429, "UDAPI10005") == told[-1]
        assert told[:10] == [one["order_id"] for one in book]

    run(test, seconds=lambda: 7.0)


def test_funds_tell_what_positions_and_orders_take() -> None:
    async def test(here: Served) -> None:
        await here.place()
        here.at(1_000)
        await here.place(**limit(90.0, quantity=100))
        v2 = (await here.ask("GET", "/v2/user/get-funds-and-margin"))["equity"]
        v3 = (await here.ask("GET", "/v3/user/get-funds-and-margin"))["available_to_trade"]

        assert (202.0 + 1_800.0, 1_000_000.0 - 2_002.0) == (
            v2["used_margin"],
            v2["available_margin"],
        )
        assert v2["available_margin"] == v3["total"]
        assert v2["used_margin"] == v3["cash_available_to_trade"]["margin_used"]["total"]

    run(test, FILLED)


def test_holdings_are_none() -> None:
    async def test(here: Served) -> None:
        assert [] == await here.ask("GET", "/v2/portfolio/long-term-holdings")

    run(test)


def _refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["error_code"]
