"""A crash point tells whoever watches, and nobody else."""

from core.crashpoints import crashpoint, unwatched, watch


def test_a_point_is_told_to_whoever_watches_until_the_watch_is_given_back() -> None:
    reached: list[str] = []
    before = watch(reached.append)
    crashpoint("first")
    mine = watch(before)
    crashpoint("second")

    assert ["first"] == reached
    assert unwatched is before
    assert mine == reached.append
