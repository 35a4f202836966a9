"""The certificate of a day that a broker told of: his reports are given, what follows is not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from core.ports import BrokerReport, EventKind, LedgerEvent, ReportKind
from core.session import day_text, recorded_session
from core.types import BAR, NEVER_NS, TICK, Command
from daemon.desk import DeskSetup
from daemon.proof.certificate import Certificate, certified
from daemon.proof.evidence import Evidence
from daemon.proof.recipe import frame_of, recipe_of
from tests.daemon.brokered import DAYS, TOLD, AsOnPaper, Brokered, Rough

DAY = DAYS[2]
Steps = list[list[LedgerEvent]]


@pytest.fixture(scope="module")
def rough() -> Evidence:
    """A day of parts, losses and refusals."""
    return left_by(lambda: Rough(DAY, 3))


@pytest.fixture(scope="module")
def sound() -> Evidence:
    """A day with targets."""
    return left_by(lambda: AsOnPaper(DAY))


def left_by(begun: Callable[[], Brokered]) -> Evidence:
    """What such a day leaves behind, of imported bars."""
    played = begun()
    opened = played.floor.opening()
    assert isinstance(played, AsOnPaper | Rough)
    played.play(DAY)
    recipe = recipe_for(TOLD)
    start = {"source": "test", "mode": "live", "scope": TOLD.scope, "setup": TOLD.digest}
    start |= {"code": "", "code_digest": "", "day": DAY, "recipe": recipe}
    return Evidence(
        day=DAY,
        starts=[LedgerEvent(0, EventKind.RUN_START, day_text(DAY), start)],
        opened=opened,
        before=0,
        steps=played.steps,
        closed=played.floor.close_day(frame_of(recipe, DAY).close_ns),
        seen=[],
        ticks=np.zeros(0, TICK),
        altered=np.zeros(0, np.int64),
        bars=np.zeros(0, BAR),
        history=np.zeros(0, BAR),
        decisions=[[] for _ in TOLD.instruments],
        broken="",
    )


def recipe_for(setup: DeskSetup) -> dict[str, object]:
    kinds = sorted({one.session_class for one in setup.instruments})
    return recipe_of([setup], [recorded_session(DAY, kind) for kind in kinds], NEVER_NS)


def steps_of(evidence: Evidence) -> Steps:
    return [list(step) for step in evidence.steps]


def first_told(steps: Steps, kind: ReportKind) -> int:
    """The step of the first report of a kind of which something came."""
    return next(
        number
        for number, (given, *results) in enumerate(steps)
        if given.kind is EventKind.BROKER_REPORT and given.payload["kind"] == kind and results
    )


def changed(event: LedgerEvent, **values: object) -> LedgerEvent:
    return replace(event, payload=event.payload | values)


def dropped(steps: Steps, number: int) -> Steps:
    """Without the input of a step; what came of it is left where it was recorded."""
    _, *results = steps[number]
    before = [*steps[number - 1], *results]
    return [*steps[: number - 1], before, *steps[number + 1 :]]


def certificate_of(evidence: Evidence, steps: Steps) -> Certificate:
    return certified(replace(evidence, steps=steps))


@pytest.mark.parametrize("name", ["rough", "sound"])
def test_a_told_day_is_green_and_counts_what_was_given(
    name: str, request: pytest.FixtureRequest
) -> None:
    evidence: Evidence = request.getfixturevalue(name)
    certificate = certified(evidence)
    kinds = [step[0].kind for step in evidence.steps]

    assert certificate.difference is None
    assert kinds.count(EventKind.BROKER_REPORT) == certificate.given["broker reports"] > 10
    assert kinds.count(EventKind.TARGET_TOUCHED) == certificate.given["target touches"] > 0
    assert certificate.computed["fill"]["rows"] == sum(
        one.kind is EventKind.FILL for step in evidence.steps for one in step
    )


def test_a_tampered_report_is_red_and_names_what_does_not_follow(sound: Evidence) -> None:
    steps = steps_of(sound)
    number = first_told(steps, ReportKind.FILLED)
    given, *results = steps[number]
    price = float(str(given.payload["price"]))
    steps[number] = [changed(given, price=price + 0.05), *results]
    found = certificate_of(sound, steps).difference

    [instrument] = [one.payload["instrument"] for one in results if one.kind is EventKind.FILL]
    assert found is not None
    assert ("order", "price") == (found.layer, found.field)  # of the stop, which hangs on it
    assert found.ours != found.theirs
    assert str(instrument) in found.row


@pytest.mark.parametrize(
    ("kind", "layer"),
    [(ReportKind.FILLED, "refusal"), (ReportKind.ACKNOWLEDGED, "order")],  # what came of it first
)
def test_a_dropped_report_is_red(kind: ReportKind, layer: str, sound: Evidence) -> None:
    steps = steps_of(sound)
    number = first_told(steps, kind)
    of = steps[number][1].payload
    found = certificate_of(sound, dropped(steps, number)).difference

    assert found is not None
    assert found.layer == layer
    assert str(of["instrument"]) in found.row


def test_a_dropped_touch_of_a_target_is_red(sound: Evidence) -> None:
    steps = steps_of(sound)
    number = next(
        n for n, step in enumerate(steps) if step[0].kind is EventKind.TARGET_TOUCHED and step[1:]
    )
    found = certificate_of(sound, dropped(steps, number)).difference
    assert found is not None
    assert found.layer == "order"


def test_a_changed_price_of_a_recorded_fill_is_red(sound: Evidence) -> None:
    steps = steps_of(sound)
    number = first_told(steps, ReportKind.FILLED)
    steps[number] = [
        changed(one, price=1.0) if one.kind is EventKind.FILL else one for one in steps[number]
    ]
    found = certificate_of(sound, steps).difference
    assert found is not None
    assert ("fill", "price", 1.0) == (found.layer, found.field, found.theirs)


def test_an_invented_report_is_red(rough: Evidence) -> None:
    steps = steps_of(rough)
    number = first_told(steps, ReportKind.FILLED)
    again = changed(steps[number][0], fill_id="made up")
    found = certificate_of(rough, [*steps[: number + 1], [again], *steps[number + 1 :]]).difference
    assert found is not None


def test_a_dropped_word_of_a_stranger_is_red_though_an_operator_resumed_since() -> None:
    stranger = BrokerReport(ReportKind.STRANGER, "240108010918222", 1, "BUY 10")

    class Interrupted(AsOnPaper):
        def play(self, day: int) -> None:
            super().play(day)
            self.tell(stranger)
            self._took(self.floor.obey(Command.RESUME, "operator", 1))

    evidence = left_by(lambda: Interrupted(DAY))
    steps = steps_of(evidence)
    found = certificate_of(evidence, dropped(steps, len(steps) - 2)).difference

    assert certified(evidence).difference is None
    assert found is not None
    assert found.layer == "breaker"
    assert "breaker_tripped" in found.row


def test_the_digest_of_a_day_hangs_on_what_was_told(sound: Evidence) -> None:
    steps = steps_of(sound)
    number = first_told(steps, ReportKind.FILLED)
    given, *results = steps[number]
    steps[number] = [changed(given, price=float(str(given.payload["price"])) + 0.05), *results]
    assert certified(sound).digest != certificate_of(sound, steps).digest
