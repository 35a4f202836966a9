"""The verbs that ask whether a day is what it was; what they do is imported when one is called."""

from typing import Annotated

import typer

from cli.options import StateDir

certify_app = typer.Typer()


@certify_app.command()
def certify(
    day: Annotated[str, typer.Option("--day", metavar="DATE", help="a closed day")],
    state_dir: StateDir = None,
) -> None:
    """Compute a day again from its ticks and compare: exit 1 and the first difference if it is red.

    Example: tradingd certify --day 2026-07-27 --state-dir var
    """
    from cli import certify_commands
    from cli.backtest_commands import day_of

    certify_commands.certify(state_dir, day_of("--day", day), print)


@certify_app.command()
def diff(
    run_a: Annotated[str, typer.Argument(metavar="RUN_A", help="state directory, or DIR@DATE")],
    run_b: Annotated[str, typer.Argument(metavar="RUN_B", help="or the folder of a backtest")],
) -> None:
    """Hold two runs against each other, layer by layer: exit 1 and the first row that differs.

    Example: tradingd diff var@2026-07-27 other@2026-07-27
    """
    from cli import diff_commands

    diff_commands.diff(run_a, run_b, print)
