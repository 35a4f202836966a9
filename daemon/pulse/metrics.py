"""What is measured, in the form that Prometheus collects. Names and meanings: docs/metrics.md.

A registry of its own, filled when somebody asks: no figure is kept twice, and none is global.
"""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from core.types import TradingState
from daemon.pulse.meters import BOUNDS_S, Durations
from daemon.pulse.vitals import Vitals
from daemon.scanner import DaemonFacts


class Metrics(Collector):
    """Everything about one process; `text` is what is scraped."""

    def __init__(
        self,
        vitals: Vitals,
        facts: Callable[[], DaemonFacts],
        day_pnl_paise: Callable[[], int],
    ) -> None:
        self._vitals = vitals
        self._facts = facts
        self._day_pnl_paise = day_pnl_paise
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(namespace="tradingd", registry=self._registry)
        self._registry.register(self)

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Nothing is collected at registration: there may be no day yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield from self._counts()
        yield from self._durations()
        yield from self._present()

    def _counts(self) -> Iterator[Metric]:
        meters = self._vitals.meters
        ticks = _counter("ticks", "Ticks of the day by what became of them", "outcome")
        for outcome, count in meters.tick_outcomes().items():
            ticks.add_metric([outcome], count)
        signals = _counter("signals", "Events of strategies", "status", "refusal")
        for labels, count in meters.signals.items():
            signals.add_metric(labels, count)
        orders = _counter("orders", "Moves of orders by the state reached", "role", "state")
        for labels, count in meters.orders.items():
            orders.add_metric(labels, count)
        trips = _counter("breaker_trips", "Breakers that tripped", "breaker")
        for name, count in meters.trips.items():
            trips.add_metric([name], count)
        audited = _counter("bars_audited", "Our bars against the broker's", "against", "outcome")
        for against, audit in self._facts().audits.items():
            for outcome in ("equal", "differ", "missing"):
                audited.add_metric([against, outcome], getattr(audit, outcome))
        yield from (ticks, signals, orders, trips, audited)
        for name, told, count in (
            ("minutes", "Minutes decided", meters.decision.count),
            ("fills", "Executions", meters.fills),
            ("trades", "Round trips", meters.trades),
            ("store_failures", "Commits that the market store did not take", meters.store_failures),
        ):
            yield CounterMetricFamily(f"tradingd_{name}", told, value=count)

    def _durations(self) -> Iterator[Metric]:
        meters = self._vitals.meters
        yield _histogram("publication", "End of a minute to its Minute", meters.publication)
        yield _histogram("decision", "A Minute to its signals and orders", meters.decision)
        yield _histogram("commit", "Signals and orders to durable", meters.commit)
        yield _histogram("loop_lag", "How late the event loop is", meters.loop_lag)

    def _present(self) -> Iterator[Metric]:
        facts = self._facts()
        yield _gauge("ready", "Whether the start-up path is through", self._vitals.ready)
        yield _gauge("feed_up", "Whether the feed delivers", facts.feed_up)
        yield _gauge("market_open", "Whether a session is under way", facts.market_open)
        told = "Result of the day, open positions included"
        yield _gauge("day_pnl_paise", told, self._day_pnl_paise())
        told = "Whether the market store took no rows the last time"
        yield _gauge("store_failing", told, bool(self._vitals.meters.store_failing))
        state = GaugeMetricFamily(
            "tradingd_trading_state", "1 for the state that holds", labels=["state"]
        )
        for one in TradingState:
            state.add_metric([one.name.lower()], one is facts.trading_state)
        queues = GaugeMetricFamily("tradingd_queue_depth", "What waits, by queue", labels=["queue"])
        for name, depth in self._vitals.queues.items():
            queues.add_metric([name], depth())
        yield from (state, queues)


def _counter(name: str, told: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"tradingd_{name}", told, labels=labels)


def _gauge(name: str, told: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tradingd_{name}", told, value=value)


def _histogram(name: str, told: str, durations: Durations) -> HistogramMetricFamily:
    buckets, seen = [], 0
    for bound, count in zip((*BOUNDS_S, float("inf")), durations.counts, strict=True):
        seen += count
        buckets.append(("+Inf" if bound == float("inf") else repr(bound), seen))
    return HistogramMetricFamily(
        f"tradingd_{name}_seconds", told, buckets=buckets, sum_value=durations.total_s
    )
