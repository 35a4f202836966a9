"""Wraps any provider and adds the strategy bars that are complete, and only those."""

from collections.abc import AsyncIterator

from core.bars import Resampler
from core.ports import BarProvider
from core.types import MinuteSpan


class ResamplingProvider:
    """The spans of `inner`, each strategy bar attached to the Minute that ends it."""

    def __init__(self, inner: BarProvider, resampler: Resampler) -> None:
        self._inner = inner
        self._resampler = resampler

    async def spans(self) -> AsyncIterator[MinuteSpan]:
        async for span in self._inner.spans():
            yield self._resampler.resample(span)
