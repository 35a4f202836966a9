"""Every figure is scraped under the name that the documentation gives it."""

import math
import re
from dataclasses import replace
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from core.audit import BarAudit
from daemon.pulse.meters import BOUNDS_S
from daemon.pulse.metrics import Metrics
from tests.daemon.vital_signs import Signs

ROOT = Path(__file__).resolve().parents[3]
Labels = tuple[tuple[str, str], ...]


def scraped(signs: Signs) -> dict[tuple[str, Labels], float]:
    metrics = Metrics(signs.vitals, lambda: signs.facts, lambda: -12_345)
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def measured() -> Signs:
    signs = Signs()
    meters = signs.vitals.meters
    meters.tick_outcomes = lambda: {"merged": 990, "late": 10}
    meters.signals["refused", "cooldown"] += 3
    meters.orders["entry", "filled"] += 2
    meters.trips["rejects"] += 2
    meters.fills, meters.trades = 4, 1
    signs.facts = replace(signs.facts, audits={"feed": BarAudit(equal=90, differ=3, missing=1)})
    for seconds in (0.0003, 0.003, 20.0):
        meters.commit.add(seconds)
    signs.waiting = 7
    return signs


def test_counts_and_states_are_told_with_what_they_count() -> None:
    samples = scraped(measured())

    assert 990 == samples["tradingd_ticks_total", (("outcome", "merged"),)]
    assert 3 == samples["tradingd_signals_total", (("refusal", "cooldown"), ("status", "refused"))]
    assert 2 == samples["tradingd_orders_total", (("role", "entry"), ("state", "filled"))]
    assert 2 == samples["tradingd_breaker_trips_total", (("breaker", "rejects"),)]
    assert (4, 1) == (samples["tradingd_fills_total", ()], samples["tradingd_trades_total", ()])
    audited = ("against", "feed")
    assert 90 == samples["tradingd_bars_audited_total", (audited, ("outcome", "equal"))]
    assert 3 == samples["tradingd_bars_audited_total", (audited, ("outcome", "differ"))]
    assert 7 == samples["tradingd_queue_depth", (("queue", "minutes"),)]
    assert -12_345 == samples["tradingd_day_pnl_paise", ()]
    assert 1 == samples["tradingd_trading_state", (("state", "active"),)]
    assert 0 == samples["tradingd_trading_state", (("state", "halted"),)]
    assert samples["tradingd_process_resident_memory_bytes", ()] > 1e6


def test_durations_are_told_as_cumulative_buckets() -> None:
    samples = scraped(measured())
    counts = {
        float(dict(labels)["le"]): value
        for (name, labels), value in samples.items()
        if name == "tradingd_commit_seconds_bucket"
    }

    assert [*BOUNDS_S, math.inf] == sorted(counts)
    assert (1, 2, 2, 3) == (counts[0.0005], counts[0.005], counts[10.0], counts[math.inf])
    assert 3 == samples["tradingd_commit_seconds_count", ()]


def test_two_processes_in_one_share_no_figure() -> None:
    first, second = measured(), Signs()
    scraped(first)

    assert 0 == scraped(second)["tradingd_fills_total", ()]


def test_the_documentation_names_every_figure_and_nothing_else() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(tradingd_\w+)`", text, re.M))
    metrics = Metrics(measured().vitals, lambda: Signs().facts, lambda: 0)
    families = text_string_to_metric_families(metrics.text().decode())

    assert documented == {
        family.name + ("_total" if family.type == "counter" else "")
        for family in families
        if not family.name.startswith("tradingd_process_")
    }
