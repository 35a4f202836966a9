"""The report of a backtest: where its money came from and went, read from the files of the run.

Nothing is decided or priced anew here: rows of trades and signals are grouped, added up and drawn.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from backtest.charts import MONTHS, excursions, month_rows
from backtest.html import ACCENT, DOWN, QUIET, UP, Chart, Facts, Section, Table, page
from core.session import IST_OFFSET_NS

REPORT = "report.html"  # its name beside the files of the run
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MOST_INSTRUMENTS = 6  # candle charts, those traded most
MOST_BARS = 3_000  # of a candle chart; a browser draws them at once
SHOWN_BARS = 200  # of them at first; the others by moving


def report_of(
    summary: Mapping[str, object],
    signals: pl.DataFrame,
    trades: pl.DataFrame,
    bars: pl.DataFrame | None = None,
    alone: pl.DataFrame | None = None,
) -> str:
    """One HTML page.

    Args:
        summary: summary.json of the run.
        signals, trades: its rows, as in cli.md 3.
        bars: strategy bars (instrument, open_ns, open, high, low, close); None: no candles.
        alone: what each signal makes by itself (instrument, bar_open_ns, net_paise, r; null: it
            cannot be traded); None: not told.
    """
    told = with_times(trades, offset_ns(summary))
    sections = [Section("In short", [_facts(summary)])]
    if told.height:
        sections += [
            Section(
                "Equity and drawdown",
                [_equity(told)],
                "Net rupees of closed trades, in the order of their exits; below, how far under"
                " the highest point so far.",
            ),
            Section("Months", [Table(months(told), signed=[*MONTHS, "year"], decimals=0)]),
            Section(
                "Where it comes from",
                [_bars_of(told, "hour"), _bars_of(told, "weekday")]
                + [Table(by(told, name), signed=["net", "mean R"]) for name in ("kind", "exit")]
                + [Table(by(told, "instrument"), signed=["net", "mean R"])],
                "By the hour and weekday of the entry, the kind of signal, the reason of the exit.",
            ),
            Section(
                "How far it went",
                [excursions(told), _holding(told)],
                "Each trade's worst and best price against its entry while it was held, in per cent"
                " of the entry; below, how many strategy bars it was held.",
            ),
        ]
    refused = Table(refusals(signals, alone), signed=["net alone", "mean R alone"])
    note = "Which rule refused a signal, and what it would have made by itself: on an account"
    note += " without limits, other positions or cooldown."
    sections.append(Section("Signals and refusals", [refused], note if alone is not None else ""))
    if bars is not None:
        sections += _candles(told, bars, offset_ns(summary))
    sections.append(Section("Trades", [Table(_trade_rows(told), signed=["net", "R"])]))
    sections.append(Section("Identity", [Table(_identity(summary))]))
    span = summary["span"]
    assert isinstance(span, dict)
    return page(
        f"Backtest of {summary['strategy']}",
        f"{span['from']} to {span['to']}, {span['days']} days; rupees, times in"
        f" {'UTC' if offset_ns(summary) == 0 else 'IST'}",
        sections,
    )


def with_times(trades: pl.DataFrame, to_local_ns: int) -> pl.DataFrame:
    """Trades with what they are grouped by: local entry and exit, hour, weekday, net in rupees."""
    entry, exit_ = (
        (pl.col(name) + to_local_ns).cast(pl.Datetime("ns")) for name in ("entry_ns", "exit_ns")
    )
    return trades.with_columns(
        entry.alias("entry"),
        exit_.alias("exit_time"),
        entry.dt.hour().cast(pl.Int64).alias("hour"),
        (entry.dt.weekday() - 1).cast(pl.Int64).alias("weekday"),
        pl.col("exit_reason").alias("exit"),
        (pl.col("net_paise") / 100).alias("net"),
    )


def by(trades: pl.DataFrame, name: str) -> pl.DataFrame:
    """Trades of `with_times` grouped by a column: count, won, net rupees, mean R, fees."""
    return (
        trades.group_by(name)
        .agg(
            pl.len().alias("trades"),
            ((pl.col("net") > 0).mean() * 100).alias("won %"),
            pl.col("net").sum().alias("net"),
            pl.col("r").mean().alias("mean R"),
            (pl.col("fees_paise").sum() / 100).alias("fees"),
        )
        .sort(name)
    )


def months(trades: pl.DataFrame) -> pl.DataFrame:
    """Net rupees by year and month of the exit; null: no trade ended in it."""
    exits = trades["exit_time"]
    dated = pl.DataFrame({"year": exits.dt.year(), "month": exits.dt.month(), "net": trades["net"]})
    cells = dated.group_by("year", "month").agg(pl.col("net").sum())
    of_year = dated.group_by("year").agg(pl.col("net").sum())
    return month_rows(
        {(year, month): net for year, month, net in cells.iter_rows()}, dict(of_year.iter_rows())
    )


def refusals(signals: pl.DataFrame, alone: pl.DataFrame | None = None) -> pl.DataFrame:
    """How many signals of each kind and side traded, and which rule refused the others; with
    `alone` also what they make by themselves, where they can be traded."""
    became = pl.coalesce(pl.col("refusal"), pl.col("status").str.to_lowercase()).alias("became")
    counted = [pl.len().alias("signals")]
    rows = signals.with_columns(became)
    if alone is not None:
        own = alone.select("instrument", "bar_open_ns", "net_paise", "r")
        rows = rows.join(own, on=["instrument", "bar_open_ns"], how="left")
        first = pl.col("status") != "SUPPRESSED"  # a bar's outcome is that of its first event
        counted += [
            (pl.col("net_paise").filter(first).sum() / 100).alias("net alone"),
            pl.col("r").filter(first).mean().alias("mean R alone"),
        ]
    return (
        rows.group_by("became", "kind", "side")
        .agg(counted)
        .sort("signals", "became", "kind", "side", descending=[True, False, False, False])
    )


def _facts(summary: Mapping[str, object]) -> Facts:
    def rupees(name: str) -> float:
        paise = summary[name]
        assert isinstance(paise, int)
        return paise / 100

    def share(name: str) -> object:
        value = summary[name]
        return f"{value:.1%}" if isinstance(value, float) else None

    return Facts(
        {
            "trades": summary["trades"],
            "net": rupees("net_paise"),
            "fees": rupees("fees_paise"),
            "deepest fall": rupees("max_drawdown_paise"),
            "win rate": share("win_rate"),
            "profit factor": summary["profit_factor"],
            "Sharpe": summary["sharpe"],
        }
    )


def _equity(trades: pl.DataFrame) -> Chart:
    done = trades.sort("exit_ns", maintain_order=True)
    cash = np.cumsum(done["net"].to_numpy())
    peak = np.maximum.accumulate(np.maximum(cash, 0.0))
    times = _iso(done["exit_time"])
    shared = {"x": times, "type": "scatter", "mode": "lines"}
    return Chart(
        [
            {**shared, "y": cash.round(2).tolist(), "name": "net", "line": {"color": ACCENT}},
            {
                **shared,
                "y": (cash - peak).round(2).tolist(),
                "name": "below the peak",
                "yaxis": "y2",
                "fill": "tozeroy",
                "line": {"color": DOWN, "width": 1},
            },
        ],
        {
            "yaxis": {"domain": [0.34, 1.0], "title": {"text": "rupees"}},
            "yaxis2": {"domain": [0.0, 0.26]},
            "xaxis": {"anchor": "y2"},
        },
        460,
    )


def _bars_of(trades: pl.DataFrame, name: str) -> Chart:
    rows = by(trades, name)
    nets = rows["net"].to_list()
    places = [
        WEEKDAYS[one] if name == "weekday" else f"{one:02d}:00" for one in rows[name].to_list()
    ]
    return Chart(
        [
            {
                "type": "bar",
                "x": places,
                "y": [round(net, 2) for net in nets],
                "text": [f"{count} trades" for count in rows["trades"]],
                "textposition": "none",
                "marker": {"color": [UP if net > 0 else DOWN for net in nets]},
            }
        ],
        {
            "xaxis": {"type": "category", "title": {"text": name}},
            "yaxis": {"title": {"text": "net"}},
        },
        260,
    )


def _holding(trades: pl.DataFrame) -> Chart:
    held = by(trades, "bars_held")
    return Chart(
        [
            {
                "type": "bar",
                "x": held["bars_held"].to_list(),
                "y": held["trades"].to_list(),
                "marker": {"color": QUIET},
            }
        ],
        {"xaxis": {"title": {"text": "bars held"}}, "yaxis": {"title": {"text": "trades"}}},
        260,
    )


def _candles(trades: pl.DataFrame, bars: pl.DataFrame, to_local_ns: int) -> list[Section]:
    """One chart for each instrument, those with the most trades first."""
    counts = trades.group_by("instrument").agg(pl.len().alias("n"))
    chosen = counts.sort(["n", "instrument"], descending=[True, False]).head(MOST_INSTRUMENTS)
    sections = []
    for symbol in chosen["instrument"].to_list():
        own = bars.filter(pl.col("instrument") == symbol).sort("open_ns").tail(MOST_BARS)
        mine = trades.filter(pl.col("instrument") == symbol)
        sections.append(
            Section(
                f"{symbol}: trades on its bars",
                [_candle_chart(own, mine, to_local_ns)],
                "Entries point the way of the trade; a line leads to the exit, green if it won."
                + (f" The last {MOST_BARS:,} bars." if own.height == MOST_BARS else ""),
            )
        )
    return sections


def _candle_chart(bars: pl.DataFrame, trades: pl.DataFrame, to_local_ns: int) -> Chart:
    """Bars stand side by side, without nights and holidays between them."""
    opened = bars["open_ns"].to_numpy()
    seen = trades.filter(pl.col("entry_ns") > int(opened[0]))
    # A fill at the very open of a bar belongs to it; one stamped with a close, to the bar before.
    enters = np.searchsorted(opened, seen["entry_ns"].to_numpy(), side="right") - 1
    leaves = np.searchsorted(opened, seen["exit_ns"].to_numpy(), side="left") - 1
    leaves = np.maximum(leaves, enters)
    local = (bars["open_ns"] + to_local_ns).cast(pl.Datetime("ns"))
    times, days = _iso(local), local.dt.date().cast(pl.String).to_list()
    firsts = [i for i, day in enumerate(days) if i == 0 or days[i - 1] != day]
    ticks = firsts[:: max(1, len(firsts) // 40)]
    first = max(0, bars.height - SHOWN_BARS)
    low, high = float(bars["low"][first:].min()), float(bars["high"][first:].max())  # type: ignore[arg-type]
    traces: list[Mapping[str, object]] = [
        {
            "type": "candlestick",
            "x": list(range(bars.height)),
            **{name: bars[name].to_list() for name in ("open", "high", "low", "close")},
            "text": times,
            "name": "bars",
            "increasing": {"line": {"color": UP, "width": 1}},
            "decreasing": {"line": {"color": DOWN, "width": 1}},
        }
    ]
    traces += [_ways(seen, enters, leaves, won) for won in (True, False)]
    traces += [
        {
            "type": "scatter",
            "mode": "markers",
            "name": f"entry {side.lower()}",
            "x": enters[(own := (seen["side"] == side).to_numpy())].tolist(),
            "y": seen["entry_price"].to_numpy()[own].tolist(),
            "marker": {"symbol": symbol, "size": 9, "color": ACCENT},
        }
        for side, symbol in (("BUY", "triangle-up"), ("SELL", "triangle-down"))
    ]
    return Chart(
        traces,
        {
            "xaxis": {
                "tickvals": ticks,
                "ticktext": [days[i] for i in ticks],
                "range": [first - 1, bars.height],
                "rangeslider": {"visible": True, "thickness": 0.08},
            },
            "yaxis": {"title": {"text": "rupees"}, "range": [low * 0.998, high * 1.002]},
        },
        520,
    )


def _ways(
    trades: pl.DataFrame, enters: np.ndarray, leaves: np.ndarray, won: bool
) -> Mapping[str, object]:
    """From entry to exit, trade by trade; None breaks the line."""
    x: list[object] = []
    y: list[object] = []
    rows = trades.select("net", "entry_price", "exit_price").iter_rows()
    for (net, entry, exit_), begun, ended in zip(rows, enters, leaves, strict=True):
        if (net > 0) is won:
            x += [int(begun), int(ended), None]
            y += [entry, exit_, None]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "won" if won else "lost",
        "x": x,
        "y": y,
        "line": {"color": UP if won else DOWN, "width": 1.5},
        "marker": {"size": 4},
    }


def _trade_rows(trades: pl.DataFrame) -> pl.DataFrame:
    return trades.select(
        "instrument",
        "side",
        "quantity",
        "kind",
        pl.col("entry").dt.to_string("%Y-%m-%d %H:%M"),
        pl.col("entry_price").alias("at"),
        pl.col("exit_time").dt.to_string("%Y-%m-%d %H:%M").alias("exit"),
        pl.col("exit_price").alias("out at"),
        pl.col("exit_reason").alias("reason"),
        pl.col("bars_held").alias("bars"),
        "net",
        pl.col("r").alias("R"),
    )


def _identity(summary: Mapping[str, object]) -> pl.DataFrame:
    parameters, counts = summary["parameters"], summary["counts"]
    assert isinstance(parameters, dict)
    assert isinstance(counts, dict)
    instruments = summary["instruments"]
    assert isinstance(instruments, list)
    told: dict[str, object] = {
        **{name: summary[name] for name in ("data_hash", "run_scope", "code_version")},
        "instruments": ", ".join(instruments[:40])
        + (f" and {len(instruments) - 40} more" if len(instruments) > 40 else ""),
        **{name.replace("_", " "): f"{count:,}" for name, count in counts.items()},
        **parameters,
    }
    return pl.DataFrame({"what": list(told), "value": [str(one) for one in told.values()]})


def offset_ns(summary: Mapping[str, object]) -> int:
    """From UTC to the clock that the run's times are shown in."""
    return 0 if summary["session"] == "24x7" else IST_OFFSET_NS


def _iso(times: pl.Series) -> Sequence[str]:
    return times.dt.to_string("%Y-%m-%d %H:%M:%S").to_list()
