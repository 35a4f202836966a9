"""`--cluster`: what cannot be asked of a cluster is refused with the exit code of its reason."""

from functools import partial
from pathlib import Path
from socket import socket

import pytest

from cli import cluster_commands
from research.search.cluster import Cluster
from tests.cli.command import call, rows_of, write_csv
from tests.datasets import generated

LINE = "optimize --data bars.csv --grid sl_mult=1,2 --out found --state-dir state".split()


def test_what_a_cluster_cannot_do_is_one_line_and_a_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster_commands, "Cluster", partial(Cluster, connect_s=0.3))
    write_csv(tmp_path / "bars.csv", rows_of(generated("week")))
    monkeypatch.chdir(tmp_path)
    with socket() as bound:
        bound.bind(("127.0.0.1", 0))
        nobody = f"tcp://127.0.0.1:{bound.getsockname()[1]}"

    for code, said, words in (
        (75, f"cluster {nobody}: no scheduler answers there", ["--cluster", nobody]),
        (2, "is not an address like tcp://host:8786", ["--cluster", "here"]),
        (2, "--workers is of this machine", ["--cluster", nobody, "--workers", "2"]),
        (2, "--shared-data is of a cluster", ["--shared-data"]),
    ):
        answer = call(capfd, *LINE, *words)
        assert code == answer.code, answer
        assert said in answer.err
        assert not (tmp_path / "found").exists()
