"""Three windows: the tightest one decides, and a refused request does not count."""

from sandbox.limits import STANDARD, Windows


def test_one_more_than_a_window_allows_is_refused_until_it_has_moved_on() -> None:
    windows = Windows({1: 2, 60: 3})

    assert [True, True, False] == [windows.take(at) for at in (0.0, 0.1, 0.2)]
    assert windows.take(1.05)
    assert not windows.take(3.0)  # the minute is full
    assert windows.take(60.0)


def test_the_half_hour_binds_whoever_asks_steadily() -> None:
    windows = Windows(STANDARD)
    taken = sum(windows.take(at * 0.2) for at in range(9_000))  # half an hour of five a second

    assert 2_000 == taken
