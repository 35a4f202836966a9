"""Faults of the REST side, seen by a client of it."""

import pytest

from tests.sandbox.serving import AUTHORIZE, BEARER, NOON, RELIANCE, SECOND_NS, Served, run

KEY = RELIANCE.replace("|", "%7C")
INTRADAY = f"/v3/historical-candle/intraday/{KEY}/minutes/1"
HISTORICAL = f"/v3/historical-candle/{KEY}/minutes/1/2026-08-05/2026-08-05"
MASTER = "/market-quote/instruments/exchange/NSE.json.gz"


@pytest.mark.parametrize("status", [403, 429, 502])
def test_a_page_comes_instead_of_json_until_it_is_over(status: int) -> None:
    async def test(here: Served) -> None:
        page = await here.client.get(AUTHORIZE, headers=BEARER)
        here.clock.move(NOON + 60 * SECOND_NS)
        after = await here.client.get(AUTHORIZE, headers=BEARER)

        assert (status, 200) == (page.status_code, after.status_code)
        assert page.headers["content-type"].startswith("text/html")
        assert page.text.startswith("<!DOCTYPE html>")

    run(test, faults=[f"html={status}@12:00-12:01"])


def test_every_question_may_be_one_too_many() -> None:
    async def test(here: Served) -> None:
        answer = await here.client.get(INTRADAY)

        assert (429, "UDAPI10005") == (answer.status_code, answer.json()["errors"][0]["error_code"])

    run(test, faults=["throttle"])


def test_intraday_candles_may_be_those_of_the_last_working_day() -> None:
    async def test(here: Served) -> None:
        rows = (await here.client.get(INTRADAY)).json()["data"]["candles"]

        assert {"2026-08-04"} == {row[0][:10] for row in rows}
        assert len(rows) == 360  # the whole of it

    run(test, faults=["stale-intraday"])


def test_intraday_candles_may_differ_from_those_of_history() -> None:
    async def test(here: Served) -> None:
        first, again = [
            (await here.client.get(INTRADAY)).json()["data"]["candles"] for _ in range(2)
        ]
        here.clock.move(NOON + 86_400 * SECOND_NS)
        known = (await here.client.get(HISTORICAL)).json()["data"]["candles"][-len(first) :]
        different = [row for row, true in zip(first, known, strict=True) if row != true]

        assert first == again
        assert 5 < len(different) < 40  # of 165
        assert all(row[2] >= max(row[1], row[4]) for row in different)

    run(test, faults=["perturb=0.1"])


def test_the_list_of_instruments_may_be_forbidden() -> None:
    async def test(here: Served) -> None:
        forbidden = await here.client.get(MASTER)
        here.clock.move(NOON + 60 * SECOND_NS)
        after = await here.client.get(MASTER)

        assert [403, 200] == [forbidden.status_code, after.status_code]

    run(test, faults=["no-master@12:00-12:01"])
