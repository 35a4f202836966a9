"""The verb of the broker's login; what it does is imported when it is called."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cli.options import Config, Sets, StateDir
from core.errors import ConfigError

login_app = typer.Typer()


@login_app.command()
def login(
    *,
    api_key: Annotated[
        str | None,
        typer.Option("--api-key", metavar="K", help="of your app at the broker (client_id)"),
    ] = None,
    redirect: Annotated[
        str | None,
        typer.Option("--redirect", metavar="URI", help="as registered with the app"),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option("--secret-file", metavar="FILE", help="holds the client secret, mode 0600"),
    ] = None,
    api: Annotated[
        str | None, typer.Option("--api", metavar="ADDRESS", help="a local exchange instead")
    ] = None,
    opened: Annotated[bool, typer.Option("--open", help="open the address in a browser")] = False,
    paste: Annotated[
        bool, typer.Option("--paste", help="no browser here: paste the address it was sent to")
    ] = False,
    timeout: Annotated[
        float, typer.Option(metavar="S", help="wait for the browser", min=1, max=3_600)
    ] = 300,
    analytics: Annotated[
        bool, typer.Option("--analytics", help="keep a read-only token made on the broker's site")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="what is kept, until when")] = False,
    logout: Annotated[bool, typer.Option("--logout", help="revoke the token, remove it")] = False,
    state_dir: StateDir = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Log in at Upstox in a browser and keep the access token, which ends at 03:30 IST.

    A running daemon uses it at once. The client secret comes from TRADINGD_UPSTOX_CLIENT_SECRET, a
    file, or is asked for; so it stands in no list of processes.

    Example: tradingd login --api-key 1a2b3c --open
    """
    from cli import config_commands, login_commands

    chosen = {"--paste": paste, "--analytics": analytics, "--status": status, "--logout": logout}
    if len(given := [name for name, is_given in chosen.items() if is_given]) > 1:
        raise ConfigError(f"{given[0]} and {given[1]}: one of them at a time")
    options = {
        "upstox": {"client_id": api_key, "redirect_uri": redirect, "api": api},
        "paths": {"state_dir": None if state_dir is None else str(state_dir)},
    }
    said = {
        table: {key: value for key, value in values.items() if value is not None}
        for table, values in options.items()
    }
    settings = config_commands.configuration(config, sets, said).settings
    tell = partial(print, flush=True)
    if status:
        login_commands.status(settings, tell)
    elif logout:
        login_commands.logout(settings, tell)
    elif analytics:
        login_commands.keep_analytics(settings, tell)
    else:
        asked = login_commands.asked_of(
            settings, secret_file, timeout, is_pasted=paste, is_opened=opened
        )
        login_commands.login(asked, tell)
