"""A world in which nothing trades while the market is to be quiet.

Feed, quotes and candles are all made of its tapes, so they agree that nothing happened.
"""

import numpy as np

from sandbox.faults import kinds
from sandbox.faults.schedule import DAY_MS, IST_OFFSET_MS, Faults
from sandbox.market.universe import Listing
from sandbox.market.world import Tape, World


class Hushed:
    """`world` without what trades in a quiet time; itself where no quiet was asked for."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._quiet = faults.of(kinds.QUIET)

    def tape(self, listing: Listing, day: int) -> Tape:
        tape = self._world.tape(listing, day)
        if not self._quiet:
            return tape
        of_day_ms = (tape.time_ms + IST_OFFSET_MS) % DAY_MS
        heard = np.ones(len(of_day_ms), np.bool_)
        for quiet in self._quiet:
            heard &= (of_day_ms < quiet.from_ms) | (of_day_ms >= quiet.to_ms)
        quantity = tape.quantity[heard]
        return Tape(
            tape.time_ms[heard],
            tape.price[heard],
            quantity,
            tape.last_quantity[heard],
            np.cumsum(0 * quantity if listing.is_index else quantity),
            tape.continuous[heard],
            tape.previous_close,
        )
