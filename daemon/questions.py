"""A person's SELECT over the market store of a running daemon, as the control socket asks it.

Decides that one is answered at a time, on the thread that owns the store: a Minute's commit waits
for it, and so it is bounded. Whatever goes wrong is an answer; the daemon goes on.
"""

import json
from collections.abc import Callable

from core.errors import ConfigError, StoreFailed, TryAgain
from core.ports import MarketStore
from daemon.control import refusal
from stores.market import DuckMarketStore
from stores.owner import Owner


class Questions:
    """Asks the store by its owner's thread; `store` is None until it is open."""

    def __init__(self, store: Callable[[], MarketStore | None], owner: Owner) -> None:
        self._store = store
        self._owner = owner
        self._is_asked = False

    async def answer(self, sql: str) -> bytes:
        """A line of JSON: `names`, `rows` and `is_cut`, or a refusal."""
        store = self._store()
        if not isinstance(store, DuckMarketStore):
            return _line(refusal("the market store is not open", try_again=True))
        if self._is_asked:
            return _line(refusal("another question is being answered", try_again=True))
        self._is_asked = True
        try:
            return await self._owner.run(_asked, store, sql)
        except ConfigError as error:
            return _line(refusal(str(error), try_again=False))
        except (TryAgain, StoreFailed) as error:
            return _line(refusal(str(error), try_again=True))
        finally:
            self._is_asked = False


def _asked(store: DuckMarketStore, sql: str) -> bytes:
    """Written here, too: the loop has nothing to do with the rows."""
    answer = store.select(sql)
    return _line({"ok": True, "names": answer.names, "rows": answer.rows, "is_cut": answer.is_cut})


def _line(answer: dict[str, object]) -> bytes:
    return json.dumps(answer).encode() + b"\n"
