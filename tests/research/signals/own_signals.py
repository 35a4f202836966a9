"""Functions of a user, as `package.module:function` names them."""

from research.signals.spec import CLOSE, OPEN, SignalSpec


def body() -> SignalSpec:
    return SignalSpec(
        name="my_body",
        family="mine",
        source="folklore",
        direction=1,
        lookback=1,
        expression=CLOSE / OPEN - 1.0,
    )


def nothing() -> None:
    """Returns no signal."""
