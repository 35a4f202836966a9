"""A process that records orders until it is killed, and says which it may rely on.

Prints the head after each acknowledged step; run as `python appending_process.py DIRECTORY`.
"""

import sys
from pathlib import Path

from stores.ledger import SqliteLedger
from tests.stores.ledger_events import minute, order


def main(directory: Path) -> None:
    ledger = SqliteLedger(directory)
    while True:
        number = ledger.head()[0]
        head = ledger.append([minute(number, b"x" * 4096), order(order_id=f"order-{number}")])
        sys.stdout.write(f"{head}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
