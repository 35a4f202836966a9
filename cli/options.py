"""Options that several verbs share; what their values may be is checked where they are used."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    list[Path],
    typer.Option(
        "--data", metavar="PATH ...", help="Parquet files, hive folders or CSV; several may follow"
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE ...", help="any key of the configuration"),
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="configuration file (TOML)")
]
Symbols = Annotated[
    list[str] | None,
    typer.Option("--symbols", metavar="A,B", help="choice and order of instruments"),
]
Label = Annotated[
    str, typer.Option("--label", metavar="open|end", help="which end of its bar a stamp marks")
]
Base = Annotated[
    str, typer.Option("--base", metavar="1m|15m|1h|...", help="length of the data's bars")
]
SessionOption = Annotated[
    str, typer.Option("--session", metavar="nse|24x7", help="trading hours of the data")
]
Auction = Annotated[
    str,
    typer.Option("--closing-auction", metavar="all|none|A,B", help="who has it from 2026-08-03 on"),
]
FromDay = Annotated[
    str | None, typer.Option("--from", metavar="DATE", help="first day; earlier bars warm up")
]
ToDay = Annotated[str | None, typer.Option("--to", metavar="DATE", help="last day, inclusive")]
StateDir = Annotated[
    Path | None, typer.Option("--state-dir", metavar="DIR", help="where the daemon keeps things")
]
Strategy = Annotated[
    str,
    typer.Option(
        "--strategy", metavar="NAME", help="of the registry, of the configuration, or module:Class"
    ),
]
OutFolder = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="folder for the files of the run")
]
Cluster = Annotated[
    str | None,
    typer.Option("--cluster", metavar="ADDRESS", help="of a Dask scheduler: tcp://host:8786"),
]
SharedData = Annotated[
    bool, typer.Option("--shared-data", help="with --cluster: workers read --data themselves")
]


def listed(words: Sequence[str]) -> list[str]:
    """`A,B C` as A, B, C."""
    return [part.strip() for word in words for part in word.split(",") if part.strip()]
