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
