"""`slippage`: live fills beside paper's, of one day or many, as lines and as a file.

Reads the ledger and what the evenings kept, also while the daemon runs; writes but what it is
asked to.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from backtest.files import write_text
from cli.config_commands import configuration
from core.errors import ConfigError, DataError
from core.session import day_text
from daemon.slippage.figures import GROUPS, figures, line, other_ways
from daemon.slippage.kept import RunDay, legs_of, run_days
from daemon.slippage.page import slippage_page
from stores.ledger_reader import LEDGER_FILE, open_read_only

Tell = Callable[[str], None]

FORMS = (".html", ".parquet", ".csv")
NOTE = "charges      by the broker's published rates; his contract note decides"


def both_ways() -> ConfigError:
    return ConfigError("slippage takes --day DATE, or --from and --to, and not both")


def slippage(
    state_dir: Path | None, first: int | None, last: int | None, out: Path | None, tell: Tell
) -> None:
    """Tell the legs of the live days from `first` to `last`. Raises ConfigError, DataError."""
    if out is not None and out.suffix not in FORMS:
        raise ConfigError(f"--out {out}: must end in {', '.join(FORMS)}")
    directory = state_dir or Path(configuration(None, None).settings.paths.state_dir)
    if not (directory / LEDGER_FILE).exists():
        raise DataError(f"there is no {directory / LEDGER_FILE}")
    with closing(open_read_only(directory)) as ledger:
        days = _live(run_days(ledger), first, last)
        legs = legs_of(directory, ledger, days)
    span = day_text(days[0].day)
    if len(days) > 1:
        span += f" to {day_text(days[-1].day)}, {len(days)} live days"
    for text in told(span, legs, each=len(days) == 1):
        tell(text)
    if out is not None:
        write(out, span, legs)
        tell(f"written      {legs.height} legs to {out}")


def told(span: str, legs: pl.DataFrame, *, each: bool) -> list[str]:
    """What a person is told; `each`: of every leg a line, else of those without a counterpart."""
    lines = [f"slippage     {span}: {line(legs)}"]
    for by in GROUPS:
        lines += [_figures(by, row) for row in figures(legs, by).to_dicts()]
    left = legs.filter(pl.col("without") != "")
    lines += [_leg(row) for row in (legs if each else left).to_dicts()]
    if other := other_ways(legs):
        lines.append(f"paths        {other} ways out are of another kind than paper's")
    return [*lines, NOTE]


def write(path: Path, span: str, legs: pl.DataFrame) -> None:
    """Raises ConfigError where `path` cannot be written."""
    if path.suffix == ".html":
        write_text(path, slippage_page(f"Slippage, {span}", legs))
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            legs.write_parquet(path, compression="zstd")
        else:
            legs.write_csv(path, float_scientific=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ConfigError(f"cannot write {path}: {error}") from error


def _live(days: Sequence[RunDay], first: int | None, last: int | None) -> list[RunDay]:
    """Those in the span that a broker filled. Raises DataError if there is none."""
    inside = [one for one in days if (first or 0) <= one.day and (last is None or one.day <= last)]
    live = [one for one in inside if one.is_told]
    if live:
        return live
    if inside:
        raise DataError(
            f"{day_text(inside[-1].day)} was a day of mode {inside[-1].mode}: its fills are paper's"
        )
    held = (
        f" it holds {day_text(days[0].day)} to {day_text(days[-1].day)}" if days else " it is empty"
    )
    raise DataError(f"the ledger holds no live day of this span:{held}")


def _figures(by: str, row: dict[str, Any]) -> str:
    name = f"{row[by]:02}h" if by == "hour" else str(row[by])
    delay = row["median_delay_ms"]
    late = "" if delay is None else f", after {delay:,.0f} ms"
    return (
        f"{'by ' + by:<15}{name:<12}{row['legs']:>5} fills: mean {row['mean_bps']:7.2f},"
        f" median {row['median_bps']:7.2f}, p95 {row['p95_bps']:7.2f} bps,"
        f" Rs {row['rupees']:,.2f}{late}"
    )


def _leg(row: dict[str, Any]) -> str:
    name = f"{row['day']} {row['instrument']} {row['role']} {row['side']} {row['quantity']}"
    if row["without"]:
        return f"leg          {name}: {row['without']}"
    return (
        f"leg          {name} @ {row['live_price']:.2f}, paper {row['paper_price']:.2f}:"
        f" {row['difference_bps']:.2f} bps, Rs {row['difference_paise'] / 100:,.2f}"
    )
