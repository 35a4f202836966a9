"""The lab on one page, for notebooks: the names of its rooms, and nothing of its own.

    from research.lab import ParquetLoader, ParamOptimizer, WalkForwardValidator, show

Bars. `load_dataset` (or a `ParquetLoader` with its `DataSpec`) gives a lazy frame of Parquet files,
`resample` longer bars of it, the very ones that trade live, `content_hash` names what it holds.
`adjust` puts prices on one basis (`factors_between` finds the factors), `mask` marks jumps that
nothing explains (`masked_days` lists them), `coverage` names what is missing, `panel_of` makes
matrices. `load` gives the checked `Dataset` that the trade gears read.

Strategies. Subclass `StrategyBase` and run it on a frame with a `VectorizedEngine`; `KernelSignal`
takes a strategy that trades, as it is. A `TradedSubject` is a strategy under the full rules.

Search. `ParamOptimizer` tries sets of a `Space` (`space_from`), `run_parallel` is the short way.
`WalkForwardValidator` does so window after window (`Scheme`, `Length`).

Honesty. `deflated_sharpe`, `probability_of_overfitting`, `min_track_record`, `block_bootstrap`,
`sharpe_difference`; `evidence_of` puts them together, `judged` says what would pass the gate.

Signals. `compute` puts those of the library beside the bars (`names_for`, `specs`); `leaks` proves
that a `SignalSpec` of your own knows nothing of the future; `rank_ics` correlates ranks. `study`
measures functions of a panel as `Asked`: leaderboard, decay, regimes, pruning.

Runs. Folders that the verbs have written: `read_lab_run`, `show` in a cell, `read_record` and
`compare` for several. docs/notebook.md is a session.
"""

from backtest.run import Gear, Request
from providers.dataset import DataOptions, Dataset, load
from research.evaluation import TradedSubject
from research.honesty.difference import sharpe_difference
from research.honesty.evidence import Tried, evidence_of
from research.honesty.gate import granted, judged
from research.honesty.montecarlo import block_bootstrap, trade_paths
from research.honesty.overfitting import probability_of_overfitting
from research.honesty.sharpe import deflated_sharpe, min_track_record, probabilistic_sharpe
from research.honesty.trials import TrialLedger
from research.kinds import page_of, show
from research.metrics import METRICS, metrics_of
from research.pages.comparison import compare
from research.pages.daily_records import read_record
from research.panel.adjust import adjust, factors_between, mask, masked_days
from research.panel.coverage import coverage
from research.panel.dataset import DataSpec, ParquetLoader, content_hash, load_dataset
from research.panel.matrix import Panel, panel_of
from research.panel.resample import resample
from research.panel.strategy import KernelSignal, StrategyBase
from research.panel.vectorized import Terms, VectorizedEngine
from research.runs import LabRun, read_lab_run, write_lab_run
from research.search.optimizer import Constraints, ParamOptimizer, run_parallel
from research.search.proposals import How
from research.search.space import Space, space_from
from research.signals.causality import leaks
from research.signals.forward import Horizon
from research.signals.ic import rank_ics
from research.signals.leaderboard import filtered, ranked
from research.signals.library import compute, names_for, specs
from research.signals.spec import SignalSpec
from research.signals.study import Asked, study
from research.walk.validator import WalkForwardValidator
from research.walk.windows import Length, Scheme

__all__ = [
    "METRICS",
    "Asked",
    "Constraints",
    "DataOptions",
    "DataSpec",
    "Dataset",
    "Gear",
    "Horizon",
    "How",
    "KernelSignal",
    "LabRun",
    "Length",
    "Panel",
    "ParamOptimizer",
    "ParquetLoader",
    "Request",
    "Scheme",
    "SignalSpec",
    "Space",
    "StrategyBase",
    "Terms",
    "TradedSubject",
    "TrialLedger",
    "Tried",
    "VectorizedEngine",
    "WalkForwardValidator",
    "adjust",
    "block_bootstrap",
    "compare",
    "compute",
    "content_hash",
    "coverage",
    "deflated_sharpe",
    "evidence_of",
    "factors_between",
    "filtered",
    "granted",
    "judged",
    "leaks",
    "load",
    "load_dataset",
    "mask",
    "masked_days",
    "metrics_of",
    "min_track_record",
    "names_for",
    "page_of",
    "panel_of",
    "probabilistic_sharpe",
    "probability_of_overfitting",
    "rank_ics",
    "ranked",
    "read_lab_run",
    "read_record",
    "resample",
    "run_parallel",
    "sharpe_difference",
    "show",
    "space_from",
    "specs",
    "study",
    "trade_paths",
    "write_lab_run",
]
