"""A recipe: what it says of a day's books makes them again."""

import json

from core.session import recorded_session
from core.types import NEVER_NS
from daemon.proof.recipe import recipe_of, setups_of
from strategies.brakes import BrakeSettings
from tests.daemon.brokered import DAYS, PAPER, TOLD

KINDS = sorted({one.session_class for one in PAPER.instruments})
SESSIONS = [recorded_session(DAYS[0], kind) for kind in KINDS]


def test_a_live_book_is_made_again_with_the_brakes_it_had_and_a_paper_one_with_none() -> None:
    recipe = json.loads(json.dumps(recipe_of([TOLD, PAPER], SESSIONS, NEVER_NS)))
    told, paper = setups_of(recipe, TOLD.code)

    assert (TOLD.brakes, TOLD.digest) == (told.brakes, told.digest)
    assert (None, PAPER.digest) == (paper.brakes, paper.digest)
    assert BrakeSettings() == told.brakes
