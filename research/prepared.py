"""The bars of one span, resampled once and traded by as many settings as one likes.

What a run of the compiled gear does again for every set of parameters is only what depends on
them; its round trips are those of a backtest of the same span, to the paisa.
"""

import numpy as np

from backtest.compiled import CompiledRun
from backtest.run import check_span, session_terms
from backtest.score import Score, score
from core.bars import Resampler
from core.errors import ConfigError
from core.types import Int64s, MinuteSpan, Records
from providers.dataset import Dataset
from providers.replay import ReplayProvider
from strategies.registry import build
from strategies.settings import MarketRisk, StrategySettings
from strategies.terms import open_holdings


class Prepared:
    """Read-only once made: threads may trade it side by side.

    Args:
        from_day, to_day: the span that is traded, inclusive; every earlier bar warms up.

    Raises DataError if no day of the data lies in the span.
    """

    def __init__(
        self,
        dataset: Dataset,
        risk: MarketRisk,
        timeframe_ns: int,
        from_day: int | None,
        to_day: int | None,
    ) -> None:
        provider = ReplayProvider(dataset, session_terms(risk), to_day)
        check_span(provider, from_day, to_day)
        resampler = Resampler([timeframe_ns], dataset.options.base_ns, provider.groups)
        self.dataset = dataset
        self.risk = risk
        self.timeframe_ns = timeframe_ns
        self.symbols = [instrument.symbol for instrument in dataset.instruments]
        self.always_open = provider.always_open
        self._groups = provider.groups
        before = [] if from_day is None else provider.day_spans(to_day=from_day - 1)
        self._earlier: list[Records] = [_resampled(resampler, one).strategy_bars for one in before]
        self._spans = [_resampled(resampler, one) for one in provider.day_spans(from_day, to_day)]
        days = [one.sessions["day"][:, 0] for one in self._spans]
        self.days: Int64s = np.unique(np.concatenate(days)).astype(np.int64)

    def round_trips(
        self, strategy: str, settings: StrategySettings, risk: MarketRisk | None = None
    ) -> Records:
        """REPORT rows of what a fresh book trades, in the order of the exits.

        Args:
            risk: another account and other limits; the sessions' terms stay those prepared.

        Raises ConfigError for a strategy without a kernel, or of another timeframe.
        """
        fresh = build(strategy, settings, self.symbols)
        if fresh.sees_account or list(fresh.timeframes_ns) != [self.timeframe_ns]:
            raise ConfigError(
                f"strategy {strategy} cannot be searched here: it needs a kernel and one timeframe"
            )
        instruments, timeframes_ns = self.dataset.instruments, [self.timeframe_ns]
        holdings = open_holdings(
            risk or self.risk, [settings], instruments, self._groups, timeframes_ns
        )
        compiled = CompiledRun(fresh, holdings, trades_alone=True)
        for bars in self._earlier:
            fresh.on_bars(bars)
        for span in self._spans:
            compiled.trade(span)
        if self.always_open:
            compiled.finish(self._spans[-1])
        return compiled.round_trips

    def score(self, round_trips: Records) -> Score:
        return score(
            round_trips["fill_ns"],
            round_trips["gross_paise"],
            round_trips["round_fees_paise"],
            days=self.days,
            initial_cash=self.risk.initial_cash,
            always_open=self.always_open,
        )


def _resampled(resampler: Resampler, span: MinuteSpan) -> MinuteSpan:
    """With strategy bars of its own, no larger than they need be."""
    made = resampler.resample(span)
    return made._replace(strategy_bars=made.strategy_bars.copy())
