"""`promote`: the checks as lines, and a configuration with its evidence if all of them passed."""

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from math import isfinite, nan
from pathlib import Path

import typer

from backtest.files import check_writable, write_text
from backtest.summary import code_version
from cli.config_commands import configuration, toml_value
from core.errors import ConfigError
from core.types import Market
from daemon.config import INSTANCE
from research.honesty.gate import Check, limits_of
from research.honesty.promotion import Promotion, promotion
from research.honesty.trials import TRIALS_FILE, TrialLedger
from strategies.settings import split_assignment


def promote(
    run: Path,
    out: Path,
    state_dir: Path | None,
    stricter: Sequence[str],
    laxer: Sequence[str],
) -> None:
    """Exit 1 if it is refused, and then nothing is written."""
    limits = limits_of(_numbers("--limit", stricter), _numbers("--loosen", laxer))
    if out.suffix != ".toml":
        raise ConfigError(f"--out {out} is not a .toml file")
    if out.exists():
        raise ConfigError(f"--out {out} is there already: a configuration is not overwritten")
    check_writable(out.parent)
    directory = state_dir or Path(configuration(None, None).settings.paths.state_dir)
    found = promotion(run, TrialLedger(directory / TRIALS_FILE), limits, code_version())
    for line in lines(found):
        print(line)
    if not found.is_granted:
        raise typer.Exit(1)
    evidence = out.with_suffix(".evidence.json")
    text = json.dumps(found.document, indent=1, allow_nan=False) + "\n"
    write_text(evidence, text)
    write_text(out, configured(found, evidence, sha256(text.encode()).hexdigest()))
    print(f"written      {out}, {evidence}")


def lines(found: Promotion) -> Iterator[str]:
    """Every check with its value and limit, then the verdict."""
    for check in found.checks:
        yield check_line(check)
    failed = sum(not check.passed for check in found.checks)
    loosened = sum(check.usual is not None for check in found.checks)
    if failed:
        yield f"refused      {failed} of {len(found.checks)} checks failed, nothing is written"
        return
    said = f", {loosened} of them loosened" if loosened else ""
    yield f"granted      all {len(found.checks)} checks passed{said}"


def check_line(check: Check) -> str:
    told = check.told()
    value = "-" if check.value is None else f"{check.value:.4g}"
    line = f"{'ok' if check.passed else 'FAILED':<12} {check.limit.figure:<27} {value:>9}"
    line += f"  {told['limit']}"
    if check.limit.or_at_most is not None and check.instead is not None:
        line += f" ({check.instead:.4g})"
    if check.usual is not None:
        line += f", loosened from {check.usual:.12g}"
    return line if check.passed else f"{line}: not shown that {check.limit.why}"


def configured(found: Promotion, evidence: Path, digest: str) -> str:
    """The text of a tradingd.toml: instruments, account and strategy as they were tried."""
    name = found.strategy if INSTANCE.fullmatch(found.strategy) else "promoted"
    head = [
        f"# Promoted by `tradingd promote` from run {found.document['run'][:12]}, out of sample",
        f"# {' to '.join(found.document['out_of_sample'])}. Whatever is changed here is no longer",
        "# what was tried: the daemon says so.",
        f"symbols = {toml_value(found.symbols)}",
    ]
    if found.session != Market.NSE:
        head += ["", "[feed]", f"session = {toml_value(found.session)}"]
    account = found.risk.model_dump(mode="json")
    own = found.settings.model_dump(mode="json")
    return "\n".join(
        [
            *head,
            "",
            "[risk]",
            *(f"{key} = {toml_value(value)}" for key, value in account.items()),
            "",
            f"[strategies.{name}]",
            f"strategy = {toml_value(found.strategy)}",
            f"evidence = {toml_value(f'{evidence}@{digest}')}",
            *(f"{key} = {toml_value(value)}" for key, value in own.items()),
            "",
        ]
    )


def _numbers(option: str, words: Sequence[str]) -> dict[str, float]:
    numbers = {}
    for key, value in map(split_assignment, words):
        try:
            numbers[key] = float(value)
        except ValueError:
            numbers[key] = nan
        if not isfinite(numbers[key]):
            raise ConfigError(f"{option} {key}={value} is not a number")
    return numbers
