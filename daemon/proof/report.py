"""The report of a day: what it made on paper or live, and what a backtest of its bars makes of it.

Reads the stores, computes, writes two files; decides nothing about trading. The backtest has the
day's stored bars, the history it was opened with and its settings, and starts with nothing else.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from backtest.run import Request, run_book
from core.audit import BarAudit
from core.book import MAIN_BOOK
from core.errors import StoreFailed
from core.ports import MarketStore
from core.session import Session, day_text
from core.types import BAR, MISSING, Instrument, Records
from daemon.plan import Plan
from daemon.proof import day_audit
from daemon.proof.day_inputs import given_of
from daemon.proof.evidence import start_of
from daemon.proof.reasons import Cause, Difference, Given, Row, differences, tally
from daemon.proof.recipe import instruments_of
from daemon.slippage import figures
from daemon.slippage.kept import keep, legs_of_day, run_days
from providers.dataset import DataOptions, Dataset, trusted
from stores.files import DiskFiles
from stores.ledger_reader import open_read_only

FOLDER = "reports"
LAST_DAYS = 5
MAX_ROWS = 500  # differences that are written down; all are counted

# Said of every live day: our charges are computed, his are what is paid.
CHARGES = "charges by the broker's published rates; his contract note decides"

Sessions = Sequence[Session | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLine:
    """One side of a day in figures."""

    signals: int
    entries: int
    fills: int
    trades: int
    net_paise: int

    def told(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A day of the main book, both sides, and the days before it."""

    day: int
    mode: str
    headline: str  # the mode, and in live whose account it was
    strategies: tuple[str, ...]
    paper: DayLine
    backtest: DayLine
    given: Given
    found: tuple[Difference, ...]
    earlier: tuple[Row, ...]  # short lines of the days before, oldest first
    audits: Mapping[str, BarAudit] = field(default_factory=dict)  # of our bars
    legs: pl.DataFrame | None = None  # of a live day: its fills beside paper's

    @property
    def side(self) -> str:
        """Who traded the day."""
        return "paper" if self.legs is None else "live"

    @property
    def unexplained(self) -> list[Difference]:
        return [one for one in self.found if one.cause is Cause.UNEXPLAINED]

    @property
    def line(self) -> Row:
        """The day in the line of the last days."""
        return {
            "day": day_text(self.day),
            "signals": self.paper.signals,
            "trades": self.paper.trades,
            "net_paper_paise": self.paper.net_paise,
            "net_backtest_paise": self.backtest.net_paise,
            "differences": len(self.found),
        }

    @property
    def last_days(self) -> list[Row]:
        return [*self.earlier, self.line]

    def told(self) -> dict[str, object]:
        """JSON values, as the file and the page have them."""
        rows = [
            {
                "at_ns": one.at_ns,
                "what": one.what,
                "strategy": one.strategy,
                "instrument": one.instrument,
                "paper": one.paper,
                "backtest": one.backtest,
                "cause": str(one.cause),
            }
            for one in self.found[:MAX_ROWS]
        ]
        return {
            "day": day_text(self.day),
            "mode": self.mode,
            "headline": self.headline,
            "strategies": list(self.strategies),
            "paper": self.paper.told(),
            "backtest": self.backtest.told(),
            "given": self.given.told(),
            "differences": len(self.found),
            "causes": tally(self.found),
            "rows": rows,
            "audits": day_audit.told(self.audits),
            **self._slippage(),
            "last_days": self.last_days,
            "summary": self.lines(),
        }

    def lines(self) -> list[str]:
        """What a person is told at the end of the day."""
        causes = ", ".join(f"{count} {cause}" for cause, count in tally(self.found).items())
        verdict = f"{len(self.found)} differences: {causes}" if self.found else "row by row equal"
        last = self.last_days
        title = f"last {len(last)} days" if len(last) > 1 else "this day"
        return [
            f"report       {self.side} {_rupees(self.paper.net_paise)},"
            f" backtest {_rupees(self.backtest.net_paise)}; {verdict}",
            f"{title:<12} {_sum(last, 'signals')} signals, {_sum(last, 'trades')} trades,"
            f" {self.side} {_rupees(_sum(last, 'net_paper_paise'))},"
            f" backtest {_rupees(_sum(last, 'net_backtest_paise'))}",
            *([] if self.legs is None else [f"slippage     {figures.line(self.legs)}; {CHARGES}"]),
            *(f"bars         {line}" for line in day_audit.lines(self.audits)),
        ]

    def text(self) -> str:
        """The report for reading, as Markdown."""
        sides = [(self.side, self.paper.told()), ("backtest", self.backtest.told())]
        lines = [
            f"# {day_text(self.day)}, {self.headline}: {', '.join(self.strategies)}",
            "",
            "| | signals | entries | fills | trades | net |",
            "|---|---|---|---|---|---|",
            *(
                f"| {name} | {one['signals']} | {one['entries']} | {one['fills']}"
                f" | {one['trades']} | {_rupees(one['net_paise'])} |"
                for name, one in sides
            ),
            "",
            "## Differences",
            *([f"- {one.text(self.side)}" for one in self.found[:MAX_ROWS]] or ["None."]),
            "",
            *self._slippage_text(),
            "## Our bars against the broker's",
            *([f"- {line}" for line in day_audit.lines(self.audits)] or ["Nobody told any."]),
            "",
            "## The last days",
            f"| day | signals | trades | net {self.side} | net backtest | differences |",
            "|---|---|---|---|---|---|",
            *(
                f"| {one['day']} | {one['signals']} | {one['trades']}"
                f" | {_rupees(one['net_paper_paise'])} | {_rupees(one['net_backtest_paise'])}"
                f" | {one['differences']} |"
                for one in self.last_days
            ),
        ]
        return "\n".join(lines) + "\n"

    def _slippage(self) -> dict[str, object]:
        """Of a live day alone, as JSON has it."""
        if self.legs is None:
            return {}
        return {"slippage": figures.summary(self.legs), "charges": CHARGES}

    def _slippage_text(self) -> list[str]:
        """Of a live day alone: its fills beside paper's, and whose charges these are."""
        if self.legs is None:
            return []
        lines = ["## Slippage", f"{figures.line(self.legs)}.", "", f"{CHARGES.capitalize()}."]
        return [*lines, "", *figures.by_role(self.legs), ""]


def report_day(
    directory: Path,
    plan: Plan,
    day: int,
    store: MarketStore,
    audits: Mapping[str, BarAudit] | None = None,
) -> Report:
    """Report `day`, which is closed, and keep the report. Called by the store's owner.

    Raises StoreFailed, DataError where no bar of the day is stored.
    """
    sessions = plan.source.sessions(day)
    bars, history = _bars(plan, day, sessions, store)
    with closing(open_read_only(directory)) as ledger:
        paper = {name: ledger.rows(name, day, MAIN_BOOK) for name in ("signals", "trades")}
        fills = len(ledger.rows("fills", day, MAIN_BOOK))
        given = given_of(ledger, plan, day, sessions, history)
        listed = instruments_of(start_of(ledger, day))
        legs = [
            legs_of_day(ledger, one) for one in run_days(ledger) if one.day == day and one.is_told
        ]
    backtest = _backtest(plan, day, _dataset(plan, bars, listed), given.off)
    report = Report(
        day=day,
        mode=plan.mode,
        headline=plan.headline,
        strategies=tuple(name for name, _, _ in plan.strategies),
        paper=_line(paper, fills),
        backtest=_line(backtest, 2 * len(backtest["trades"])),
        given=given,
        found=tuple(differences(paper, backtest, given)),
        earlier=tuple(_earlier(directory, day)),
        audits=audits or {},
        legs=legs[0] if legs else None,
    )
    if report.legs is not None:
        keep(directory, day, report.legs)
    path = report_path(directory, day)
    DiskFiles().replace(path.with_suffix(".md"), report.text().encode())
    DiskFiles().replace(path, (json.dumps(report.told(), indent=1) + "\n").encode())
    return report


def report_path(directory: Path, day: int) -> Path:
    return directory / FOLDER / f"{day_text(day)}.json"


def last_report(directory: Path) -> dict[str, object] | None:
    """What the newest report file says; None: there is none. Raises StoreFailed."""
    paths = _files(directory)
    return _read(paths[-1]) if paths else None


# --- the backtest --------------------------------------------------------------------------------


def _bars(plan: Plan, day: int, sessions: Sessions, store: MarketStore) -> tuple[Records, Records]:
    """The day's stored bars behind its history, without flags as imported ones; the history."""
    held = [session for session in sessions if session is not None]
    open_ns, close_ns = min(one.open_ns for one in held), max(one.close_ns for one in held)
    spans = [span.bars for span in plan.source.history(day, store)]
    history: Records = np.concatenate([np.zeros(0, BAR), *spans])
    today = store.bars(open_ns, close_ns)
    bars = np.concatenate([history, today[today["quality"] & MISSING == 0]])
    bars["quality"] = 0
    return bars, history


def _dataset(plan: Plan, bars: Records, listed: Sequence[Instrument]) -> Dataset:
    """`listed`: the instruments as the day had them; the list of a later morning may have other
    ticks."""
    then = {one.symbol: one for one in listed}
    instruments = [then.get(one.symbol, one) for one in plan.source.instruments]
    options = DataOptions(market=plan.source.market, base_ns=plan.source.base_ns)
    return trusted(instruments, bars, options)


def _backtest(plan: Plan, day: int, dataset: Dataset, off: frozenset[str]) -> dict[str, list[Row]]:
    """Rows of the book's strategies on one account; one that raised would raise again."""
    requests = [
        Request(
            strategy=strategy,
            instance=name,
            settings=settings,
            risk=plan.risk,
            dataset=dataset,
            from_day=day,
            to_day=day,
        )
        for name, strategy, settings in plan.strategies
        if name not in off
    ]
    if not requests:
        return {"signals": [], "trades": []}
    result = run_book(requests)
    return {"signals": [*result.signals.to_dicts()], "trades": [*result.trades.to_dicts()]}


def _line(rows: Mapping[str, Sequence[Row]], fills: int) -> DayLine:
    signals, trades = rows["signals"], rows["trades"]
    return DayLine(
        signals=len(signals),
        entries=sum(row["status"] == "ACTED" for row in signals),
        fills=fills,
        trades=len(trades),
        net_paise=_sum(trades, "net_paise"),
    )


def _earlier(directory: Path, day: int) -> list[Row]:
    """Lines of the reports before `day`, oldest first."""
    before = [path for path in _files(directory) if path.stem < day_text(day)]
    return [_read(path)["last_days"][-1] for path in before[-(LAST_DAYS - 1) :]]


def _files(directory: Path) -> list[Path]:
    return sorted((directory / FOLDER).glob("????-??-??.json"))


def _read(path: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(DiskFiles().read(path) or b"")
        if not told["last_days"]:
            raise KeyError("last_days")
    except (ValueError, KeyError, TypeError) as error:
        raise StoreFailed(f"{path} is no report: move it away") from error
    return told


def _sum(rows: Sequence[Row], name: str) -> int:
    return sum(int(str(row[name])) for row in rows)


def _rupees(paise: object) -> str:
    return f"Rs {int(str(paise)) / 100:,.2f}"
