"""`backtest` and `audit`: options into a request, a result into files and lines."""

import os
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Literal, TypeVar

import polars as pl
import typer

from backtest.audit import audit as audit_checks
from backtest.files import DAILY, SIGNALS, SUMMARY, TRADES, write_run, write_text
from backtest.files import check_writable as check_writable
from backtest.report import REPORT, report_of
from backtest.run import Gear, Request, Result, run, strategy_bars
from backtest.summary import daily_of, summary_of
from cli.config_commands import configuration
from cli.options import listed
from cli.progress import progress
from cli.reading import read
from core.errors import ConfigError
from core.session import DAY_NS, MINUTE_NS, parse_day
from core.types import Market
from providers.dataset import DataCounts, DataOptions, Dataset, StampLabel
from providers.raw_bars import SourceLayout
from providers.shortlist import expanded
from research.meta.labels import label_events
from strategies.registry import build, needs_event_gear
from strategies.settings import TIMEFRAME_WORDS, StrategySettings, timeframe_ns

E = TypeVar("E", bound=StrEnum)
DEFAULT_LAYOUT = SourceLayout()


def data_options(
    label: str,
    base: str,
    session: str,
    symbols: Sequence[str] | None,
    closing_auction: str,
    layout: SourceLayout = DEFAULT_LAYOUT,
) -> DataOptions:
    """The options every verb that reads --data shares. Raises ConfigError."""
    return DataOptions(
        label=choice("--label", StampLabel, label),
        base_ns=_base_ns(base),
        market=choice("--session", Market, session),
        symbols=_symbols(symbols),
        closing_auction=_auction(closing_auction),
        layout=layout,
    )


def request_of(
    strategy: str,
    data: Sequence[Path] | Dataset,
    options: DataOptions,
    config: Path | None,
    sets: Sequence[str] | None,
    gear: str | None,
    from_day: str | None,
    to_day: str | None,
) -> Request:
    """Everything checked, cheap things first; then the data is read."""
    first, last = span_of(from_day, to_day)
    wanted = None if gear is None else choice("--gear", Gear, gear)
    instance, layer = strategy, {}
    if ":" in strategy:
        instance = strategy.rpartition(":")[2].lower()
        layer = {"strategies": {instance: {"strategy": strategy}}}
        import_from_here()
    configured = configuration(config, sets, layer, [instance])
    chosen = configured.strategies[instance]
    check_timeframe(instance, chosen.settings, options.base_ns)
    return Request(
        strategy=chosen.strategy,
        settings=chosen.settings,
        risk=configured.settings.risk.for_market(options.market),
        dataset=data if isinstance(data, Dataset) else read(data, options),
        instance=instance,
        gear=wanted or (Gear.EVENT if needs_event_gear(chosen.strategy) else Gear.COMPILED),
        from_day=first,
        to_day=last,
        history_sessions=configured.settings.history_sessions,
    )


def span_of(from_day: str | None, to_day: str | None) -> tuple[int | None, int | None]:
    """The days of --from and --to. Raises ConfigError for no date, or the wrong way round."""
    first = None if from_day is None else day_of("--from", from_day)
    last = None if to_day is None else day_of("--to", to_day)
    if first is not None and last is not None and first > last:
        raise ConfigError(f"--from {from_day} is after --to {to_day}")
    return first, last


def day_of(option: str, text: str) -> int:
    """`parse_day` that names the option."""
    try:
        return parse_day(text)
    except ConfigError as error:
        raise ConfigError(f"{option}: {error}") from error


def check_timeframe(instance: str, settings: StrategySettings, base_ns: int) -> None:
    """Raise ConfigError unless whole bars of the data make up a strategy bar.

    A day is made of whatever bars it has: its last one may be short (market.md 4).
    """
    if settings.timeframe_ns % base_ns and settings.timeframe_ns != DAY_NS:
        raise ConfigError(
            f"strategy {instance}: timeframe {settings.timeframe} is not a multiple of the data's"
            f" bars of {base_ns // MINUTE_NS}m (--base)"
        )


def backtest(request: Request, out: Path, *, with_report: bool = False) -> None:
    """Run, write the files and the page, say what came of it."""
    title = f"backtest of {request.name} ({request.gear})"
    with progress(title, len(request.dataset.bars), "bars") as advance:
        result = run(request, advance)
    finish(request, result, out, with_report=with_report)


def finish(request: Request, result: Result, out: Path, *, with_report: bool) -> None:
    """Write the files of a run, say what came of it."""
    summary = summary_of(request, result)
    write_run(out, result.signals, result.trades, summary, daily_of(request, result))
    for line in [*summary_lines(summary), *_put_right(request.dataset.counts)]:
        print(line)
    written = f"{SIGNALS}, {TRADES}, {SUMMARY}, {DAILY}"
    if with_report:
        bars, each = strategy_bars(request), alone(request)
        text = report_of(summary, result.signals, result.trades, bars, each)
        write_text(out / REPORT, text)
        written += f", {REPORT}"
    print(f"written      {out}/{written}")


def alone(request: Request) -> pl.DataFrame | None:
    """What every signal makes by itself; None of a strategy whose events have no label."""
    names = [instrument.symbol for instrument in request.dataset.instruments]
    if not build(request.strategy, request.settings, names).features:
        return None
    return label_events(request).frame


def audit(request: Request) -> None:
    """Print one line per check; exit 1 if any failed."""
    failed = False
    for check in audit_checks(request):
        word = {True: "ok", False: "FAILED", None: "not told"}[check.ok]
        print(f"{check.name:<12} {word:<9} {check.text}", flush=True)
        failed |= check.ok is False
    if failed:
        raise typer.Exit(1)


def summary_lines(summary: dict[str, object]) -> list[str]:
    """The run in a few lines for a terminal; rupees with two decimals."""
    span, counts = summary["span"], summary["counts"]
    assert isinstance(span, dict)
    days = "1 day" if span["days"] == 1 else f"{span['days']} days"
    assert isinstance(counts, dict)

    def rupees(key: str) -> str:
        paise = summary[key]
        assert isinstance(paise, int)
        return f"{paise / 100:,.2f}"

    def ratio(key: str) -> str:
        value = summary[key]
        return "-" if value is None else f"{value:.3f}"

    return [
        f"strategy     {summary['strategy']} on {len(list(summary['instruments']))} instruments,"  # type: ignore[call-overload]
        f" {span['from']} to {span['to']} ({days})",
        f"bars         {counts['base_bars']:,} base, {counts['strategy_bars']:,} strategy",
        f"signals      {_told(summary['status'])}",
        f"refusals     {_told(summary['refusals'])}",
        f"trades       {summary['trades']}: {_told(summary['exits'])}",
        f"rupees       gross {rupees('gross_paise')}, fees {rupees('fees_paise')},"
        f" net {rupees('net_paise')}, deepest fall {rupees('max_drawdown_paise')}",
        f"ratios       win rate {ratio('win_rate')}, profit factor {ratio('profit_factor')},"
        f" Sharpe {ratio('sharpe')}",
        f"speed        {summary['bars_per_second']:,} bars/s",
    ]


def _put_right(counts: DataCounts) -> Iterator[str]:
    """What was found in the data and dealt with; nothing where there was nothing."""
    found = {
        "rows outside the session kept out": counts.outside_session,
        "equal duplicates dropped": counts.duplicates,
        "unsorted rows sorted": counts.unsorted,
        "null volumes read as 0": counts.null_volumes,
    }
    told = [f"{count:,} {what}" for what, count in found.items() if count]
    if told:
        yield f"data         {', '.join(told)}"


def _told(tally: object) -> str:
    assert isinstance(tally, dict)
    return ", ".join(f"{count} {name}" for name, count in tally.items()) or "none"


def _auction(text: str) -> Literal["all", "none"] | tuple[str, ...]:
    if text == "all":
        return "all"
    if text == "none":
        return "none"
    symbols = tuple(listed([text]))
    if not symbols:
        raise ConfigError("--closing-auction names nobody: write all, none or symbols A,B")
    return symbols


def _symbols(words: Sequence[str] | None) -> tuple[str, ...] | None:
    """--symbols, where @FILE stands for those that a file lists."""
    if words is None:
        return None
    try:
        return tuple(str(one) for one in expanded(listed(words)))
    except ValueError as error:
        raise ConfigError(f"--symbols: {error}") from error


def _base_ns(text: str) -> int:
    try:
        return timeframe_ns(text)
    except ConfigError as error:
        raise ConfigError(f'--base "{text}" is not allowed: {TIMEFRAME_WORDS}') from error


def import_from_here() -> None:
    """Let `module:Class` name a file of the current folder, after everything that is installed.

    The installed command does not look there, and for its own imports it must not.
    """
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)


def choice(option: str, kind: type[E], text: str) -> E:
    """A member of a StrEnum by its text."""
    try:
        return kind(text)
    except ValueError as error:
        known = ", ".join(str(member) for member in kind)
        raise ConfigError(f'{option} "{text}" is not one of {known}') from error
