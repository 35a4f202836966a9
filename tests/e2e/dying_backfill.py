"""The command, which signals itself when the NTHth file is about to get its name: `SIGNAL NTH ...`.

A program of the tests: the command has no such switch.
"""

import os
import signal
import sys

from cli.main import main
from core import crashpoints

if __name__ == "__main__":
    number, left = signal.Signals[sys.argv.pop(1)], [int(sys.argv.pop(1))]

    def reached(name: str) -> None:
        if name == "files.rename.before":
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), number)

    crashpoints.watch(reached)
    main()
