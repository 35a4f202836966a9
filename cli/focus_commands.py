"""`backtest --candidates`: a focused replay, its report, and with --verify its proof."""

from collections.abc import Iterator
from pathlib import Path

import typer

from backtest.candidates import CandidateFile, read_candidates
from backtest.focus import Plan, Proof, focused, plan_of, prove, screen_request, skipped
from backtest.run import Request, Result
from cli.backtest_commands import finish
from core.errors import DataError

MOST_SHOWN = 10


def focused_backtest(
    request: Request, path: Path, out: Path, *, window: int, verify: bool, with_report: bool
) -> None:
    """Replay on the candidates of `path`; exit 1 if --verify finds a difference, DataError if the
    full replay has no entry, so that nothing was proven."""
    found = read_candidates(path, screen_request(request))
    plan = plan_of(request, found, window)
    result = focused(request, plan)
    finish(request, result, out, with_report=with_report)
    for line in _lines(request, plan, result):
        print(line)
    if verify:
        _verify(request, found, plan, result)


def _verify(request: Request, found: CandidateFile, plan: Plan, result: Result) -> None:
    proof = prove(request, found, plan, result)
    for line in _proof_lines(plan, proof):
        print(line)
    if proof.mismatches:
        raise typer.Exit(1)
    if not len(proof.full.trades):
        raise DataError("--verify: the full replay has no entry, so nothing was proven")


def _lines(request: Request, plan: Plan, result: Result) -> Iterator[str]:
    yield (
        f"candidates   {plan.candidates:,} on {plan.bars:,} decision bars: density"
        f" {plan.density:.2%}, coverage {plan.coverage:.2%} (window {plan.window})"
    )
    if plan.falls_back:
        yield f"replay       in full: {plan.falls_back}"
    share = skipped(request, plan, result)
    if share is None:
        yield "evaluations  part of the compiled step, none to leave out"
    else:
        yield f"evaluations  {result.evaluations:,}, {share:.2%} left out"
    yield f"time         {result.seconds:.2f} s"


def _proof_lines(plan: Plan, proof: Proof) -> Iterator[str]:
    full_s, focused_s, screen_s = proof.full.seconds, proof.focused_s, proof.screen_s
    entries = len(proof.full.trades)
    yield (
        f"times        screen {screen_s:.2f} s, focused {focused_s:.2f} s, full {full_s:.2f} s:"
        f" {full_s / focused_s:.1f} times as quick, {full_s / (focused_s + screen_s):.1f} with"
        " the screen"
    )
    share = f" ({proof.recalled / entries:.2%})" if entries else ""
    yield f"recall       {proof.recalled} of {entries} entries of the full replay{share}"
    for mismatch in proof.mismatches[:MOST_SHOWN]:
        yield f"differs      {mismatch}"
    more = len(proof.mismatches) - MOST_SHOWN
    if more > 0:
        yield f"differs      and {more} more"
    if entries and not proof.mismatches:
        yield f"verified     {entries} trades are the same, one by one"
