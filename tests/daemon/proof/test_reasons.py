"""Each difference between paper and backtest has its cause, and what nothing explains says so."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from core.session import MINUTE_NS
from daemon.proof.reasons import Cause, Difference, Doubtful, Given, Row, differences, tally
from tests.market import at

BAR_NS, CLOSE_NS = at("10:00"), at("10:15")
FILL_NS, EXIT_NS = at("10:16"), at("11:00")


def signal(clock: str = "10:15", **changes: object) -> Row:
    close_ns = at(clock)
    return {
        "strategy": "pixity",
        "instrument": "INFY",
        "kind": "TREND",
        "side": "BUY",
        "bar_open_ns": close_ns - 15 * MINUTE_NS,
        "bar_close_ns": close_ns,
        "close": 100.0,
        "atr": 1.0,
        "vwap": 99.5,
        "status": "ACTED",
        "refusal": None,
    } | changes


def refused(reason: str, clock: str = "10:15", **changes: object) -> Row:
    return {**signal(clock), "status": "REFUSED", "refusal": reason} | changes


def trade(clock: str = "10:15", **changes: object) -> Row:
    said = signal(clock)
    entry_ns = int(str(said["bar_close_ns"]))
    return {
        **{name: said[name] for name in ("strategy", "instrument", "kind", "side")},
        "signal_bar_open_ns": said["bar_open_ns"],
        "quantity": 10,
        "entry_ns": entry_ns,
        "entry_price": 100.0,
        "exit_ns": entry_ns + 30 * MINUTE_NS,
        "exit_price": 101.0,
        "exit_reason": "TARGET",
        "bars_held": 2,
        "gross_paise": 1_000,
        "fees_paise": 100,
        "net_paise": 900,
        "mae": 0.1,
        "mfe": 1.1,
    } | changes


def side(signals: list[Row] = [], trades: list[Row] = []) -> Mapping[str, list[Row]]:  # noqa: B006
    return {"signals": signals, "trades": trades}


def causes(paper: object, backtest: object, given: Given) -> list[Cause]:
    return [one.cause for one in differences(paper, backtest, given)]  # type: ignore[arg-type]


NOON = Given(open_ns=at("09:15"))


# --- signals -------------------------------------------------------------------------------------


def test_equal_days_have_no_difference() -> None:
    day = side([signal(), refused("position", "11:15")], [trade()])

    assert differences(day, day, NOON) == []


@pytest.mark.parametrize(
    ("refusal", "given", "cause"),
    [
        ("late", NOON, Cause.LATE),
        ("gap", NOON, Cause.GAP),
        ("observe", NOON, Cause.OBSERVE),
        ("state", Given(commands_ns=[at("10:15")]), Cause.OPERATOR),
        ("state", Given(commands_ns=[at("10:16")]), Cause.UNEXPLAINED),  # it came later
        ("state", Given(doubts=[Doubtful(at("10:00"), at("10:15"), None)]), Cause.DOUBT),
        ("state", Given(doubts=[Doubtful(at("10:00"), at("10:15"), "INFY")]), Cause.DOUBT),
        ("state", Given(doubts=[Doubtful(at("10:00"), at("10:15"), "SBIN")]), Cause.UNEXPLAINED),
        ("state", Given(doubts=[Doubtful(at("10:00"), at("10:14"), None)]), Cause.UNEXPLAINED),
        ("state", Given(doubts=[Doubtful(at("10:15"), at("11:00"), None)]), Cause.UNEXPLAINED),
        ("state", NOON, Cause.UNEXPLAINED),
        ("position", Given(off=frozenset({"pixity"})), Cause.OFF),
        ("cooldown", Given(off=frozenset({"other"})), Cause.UNEXPLAINED),
        ("cooldown", NOON, Cause.UNEXPLAINED),
        ("cooldown", Given(carries=True), Cause.CARRIED),
    ],
)
def test_a_refusal_is_explained_by_what_the_day_was_given(
    refusal: str, given: Given, cause: Cause
) -> None:
    assert causes(side([refused(refusal)]), side([signal()]), given) == [cause]


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (Given(gaps_ns={"INFY": at("10:14")}), Cause.GAP),
        (Given(gaps_ns={"INFY": at("10:15")}), Cause.UNEXPLAINED),  # after the bar
        (Given(gaps_ns={"SBIN": at("09:20")}), Cause.UNEXPLAINED),
        (Given(other_history=True), Cause.WARM_UP),
        (Given(other_hours=True), Cause.HOURS),
        (Given(other_setup=True), Cause.SETUP),
        (Given(commands_ns=[at("09:20")]), Cause.UNEXPLAINED),  # an operator changes no bar
        (NOON, Cause.UNEXPLAINED),
    ],
)
@pytest.mark.parametrize(
    ("paper", "backtest"), [([signal(vwap=98.0)], [signal()]), ([signal()], []), ([], [signal()])]
)
def test_another_signal_is_explained_by_other_bars_only(
    paper: list[Row], backtest: list[Row], given: Given, cause: Cause
) -> None:
    assert causes(side(paper), side(backtest), given) == [cause]


def test_what_comes_after_a_difference_follows_from_it() -> None:
    paper = side([refused("state"), signal("11:15")], [trade("11:15")])
    backtest = side([signal(), refused("position", "11:15")], [trade()])

    assert causes(paper, backtest, Given(commands_ns=[at("09:30")])) == [
        Cause.OPERATOR,  # the signal that was not acted on
        Cause.FOLLOWS,  # the trade it did not become
        Cause.FOLLOWS,
        Cause.FOLLOWS,
    ]


# --- trades --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "given", "cause"),
    [
        ({"exit_reason": "FLATTEN"}, Given(commands_ns=[at("10:30")]), Cause.OPERATOR),
        ({"exit_reason": "FLATTEN"}, NOON, Cause.UNEXPLAINED),
        ({"exit_price": 99.0}, Given(gaps_ns={"INFY": at("10:20")}), Cause.GAP),
        ({"exit_ns": at("10:50")}, Given(late_ns=[at("10:45")]), Cause.LATE),
        ({"quantity": 9}, Given(carries=True), Cause.CARRIED),
        ({"quantity": 9}, NOON, Cause.UNEXPLAINED),
        ({"net_paise": 899}, NOON, Cause.UNEXPLAINED),
    ],
)
def test_a_trade_that_went_otherwise_is_explained(changes: Row, given: Given, cause: Cause) -> None:
    paper = side([signal()], [trade(**changes)])

    assert causes(paper, side([signal()], [trade()]), given) == [cause]


def test_an_entry_that_was_taken_back_is_the_operators() -> None:
    given = Given(commands_ns=[at("10:15")])

    assert causes(side([signal()]), side([signal()], [trade()]), given) == [Cause.OPERATOR]


def test_a_position_of_the_day_before_is_carried() -> None:
    old = trade(entry_ns=at("15:00") - 86_400_000_000_000)

    assert causes(side([], [old]), side(), NOON) == [Cause.CARRIED]


def test_where_nothing_closes_a_forced_exit_at_midnight_is_the_backtests_alone() -> None:
    forced = trade(exit_reason="FORCED")
    given = Given(never_closes=True)

    assert causes(side([signal()]), side([signal()], [forced]), given) == [Cause.CARRIED]
    assert causes(side([signal()]), side([signal()], [forced]), NOON) == [Cause.UNEXPLAINED]


# --- telling -------------------------------------------------------------------------------------


def test_a_difference_tells_both_sides() -> None:
    [halted, lost] = differences(
        side([refused("state")]), side([signal()], [trade()]), Given(commands_ns=[at("10:00")])
    )

    assert halted.text() == (
        "10:15 INFY pixity signal: paper TREND BUY REFUSED state, backtest TREND BUY ACTED"
        " (operator)"
    )
    assert lost.text() == (
        "10:15 INFY pixity trade: paper -, backtest BUY 10 @ 100.0 to 101.0 TARGET, Rs 9.00"
        " (follows)"
    )


def test_a_value_that_differs_is_told() -> None:
    [one] = differences(side([signal(vwap=98.25)]), side([signal()]), NOON)

    assert (one.paper, one.backtest) == ("TREND BUY ACTED vwap 98.25", "TREND BUY ACTED vwap 99.5")


def test_rows_of_one_key_are_compared_in_their_order() -> None:
    twice = [signal(), refused("duplicate")]

    assert differences(side(twice), side(twice), NOON) == []
    assert len(differences(side(twice), side([signal()]), NOON)) == 1


def test_causes_are_counted() -> None:
    one = Difference(0, "signal", "s", "i", "-", "-", Cause.GAP)
    two = Difference(0, "signal", "s", "i", "-", "-", Cause.LATE)

    assert tally([one, two, one]) == {"gap": 2, "late": 1}


# --- a live day ----------------------------------------------------------------------------------

LIVE = Given(open_ns=at("09:15"), is_told=True)


def test_a_live_trade_differs_by_its_fills() -> None:
    both = [signal()]
    dearer, part = trade(entry_price=100.05), trade(quantity=4)
    for theirs in (dearer, part):
        found = causes(side(both, [theirs]), side(both, [trade()]), LIVE)
        assert [Cause.FILLS] == found
    assert [Cause.FILLS] == causes(side(both), side(both, [trade()]), LIVE)  # rejected, or held
    assert [Cause.FILLS] == causes(side(both, [trade()]), side(both), LIVE)


def test_an_entry_an_operator_took_back_is_his_on_a_live_day_too() -> None:
    commanded = replace(LIVE, commands_ns=[at("10:20")])
    both = [signal()]
    assert [Cause.OPERATOR] == causes(side(both), side(both, [trade()]), commanded)


def test_what_a_live_book_refuses_by_its_breakers_is_theirs() -> None:
    tripped = replace(LIVE, tripped_ns=[at("10:10")])
    for given, refusal, cause in (
        (tripped, "state", Cause.BREAKER),
        (replace(tripped, tripped_ns=[at("10:20")]), "state", Cause.UNEXPLAINED),
        (LIVE, "max_positions", Cause.BREAKER),
        (LIVE, "unknown_order", Cause.BREAKER),
    ):
        assert [cause] == causes(side([refused(refusal)]), side([signal()]), given)


def test_a_line_names_who_traded_the_day() -> None:
    [one] = differences(side([signal()]), side([signal()], [trade()]), LIVE)
    assert "live -, backtest BUY 10" in one.text("live")
    assert "paper -, backtest BUY 10" in one.text()
