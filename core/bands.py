"""Between which prices a share can trade today: a tick outside was never a trade.

The exchange's own band where it is known, else a share of the previous close around it; none where
neither is known, as in recorded data.
"""

from collections.abc import Sequence

import numpy as np

from core.types import Float64s, Instrument, Records

NO_BAND = (0.0, np.inf)


def price_bands(
    instruments: Sequence[Instrument], previous_closes: Float64s, percent: float
) -> Float64s:
    """float64[n, 2]: lowest and highest price of each instrument today.

    Args:
        previous_closes: rupees; NaN: not known.
        percent: of the previous close to either side, for instruments without a band; 0: none.
    """
    bands = np.tile(np.array(NO_BAND), (len(instruments), 1))
    known = np.isfinite(previous_closes) & (percent > 0.0)
    bands[known, 0] = previous_closes[known] * (1.0 - percent / 100.0)
    bands[known, 1] = previous_closes[known] * (1.0 + percent / 100.0)
    for band, instrument in zip(bands, instruments, strict=True):
        if instrument.band is not None:
            band[:] = instrument.band
    return bands


def last_closes(bars: Records, instruments: int) -> Float64s:
    """float64[n]: close of each instrument's last bar; NaN without one.

    Args:
        bars: BAR rows by time; a bar that was not seen has no price and tells nothing.
    """
    closes: Float64s = np.full(instruments, np.nan)
    seen = bars[np.isfinite(bars["close"])]
    closes[seen["instrument"]] = seen["close"]  # the last one written stays
    return closes
