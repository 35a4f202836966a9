"""`--cluster` and `--shared-data`: the workers of a search, if they are not of this machine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.errors import ConfigError
from providers.dataset import DataOptions
from research.evaluation import Subject, TradedSubject
from research.search.cluster import Cluster, SharedData


@contextmanager
def connected(
    address: str | None, workers: int | None, *, shared_data: bool
) -> Iterator[Cluster | None]:
    """The cluster while the search runs; None without an address. Raises ConfigError, TryAgain."""
    if address is None:
        if shared_data:
            raise ConfigError("--shared-data is of a cluster: name it with --cluster")
        yield None
        return
    if workers is not None:
        raise ConfigError("--workers is of this machine: a cluster has the workers that it has")
    with Cluster(address) as cluster:
        yield cluster


def share(
    cluster: Cluster | None, subject: Subject, data: Sequence[Path], options: DataOptions
) -> None:
    """Have the workers read `data` themselves. Raises ConfigError where they cannot."""
    if cluster is None or not isinstance(subject, TradedSubject):
        raise ConfigError("--shared-data is of the gears event and compiled")
    paths = tuple(path.absolute() for path in data)
    cluster.shared = SharedData(paths, options, subject.data_hash)
