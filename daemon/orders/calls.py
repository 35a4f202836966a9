"""The one place from which a broker is called: what is asked for as a call, and its answer.

Decides nothing. A test may end the process around each call, and nobody calls a broker elsewhere.
"""

from typing import assert_never

from core.crashpoints import crashpoint
from core.events import Cancel, Modify, Submit
from core.ports import Broker, BrokerReport

Call = Submit | Modify | Cancel


async def called(broker: Broker, call: Call) -> BrokerReport:
    """What the broker answers to a call whose intent is durable."""
    match call:
        case Submit(order):
            crashpoint("broker.submit.before")
            answer = await broker.submit(order)
            crashpoint("broker.submit.after")
        case Modify(order):
            crashpoint("broker.modify.before")
            answer = await broker.modify(order)
            crashpoint("broker.modify.after")
        case Cancel(order):
            crashpoint("broker.cancel.before")
            answer = await broker.cancel(order.order_id)
            crashpoint("broker.cancel.after")
        case _:
            assert_never(call)
    return answer
