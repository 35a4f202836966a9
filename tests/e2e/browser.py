"""A real browser, driven over its debugging socket with what is installed anyway.

Waits happen inside the browser, frame by frame: nothing here sleeps. Also a program, which takes
a picture: python -m tests.e2e.browser ADDRESS FILE.png [WIDTH HEIGHT]
"""

import base64
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from websockets.sync.client import ClientConnection, connect

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE_S = 60.0
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"),
    "--remote-debugging-port=0",
)
# A promise that is kept once the condition holds; it is looked at before every frame.
UNTIL = (
    "new Promise((done) => {{ const look = () =>"
    " ({condition}) ? done(true) : requestAnimationFrame(look); look(); }})"
)


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []  # exceptions, and what the browser refused or missed
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")

    def open(self, address: str, *, width: int = 1400, height: int = 900, scale: int = 1) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": scale}
        self._ask("Emulation.setDeviceMetricsOverride", mobile=width < 600, **size)
        self._ask("Page.navigate", url=address)
        self.until("document.readyState === 'complete'")

    def value(self, expression: str) -> Any:
        """What a JavaScript expression, or the promise it is, comes to."""
        told = self._ask(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in told:
            raise AssertionError(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def until(self, condition: str) -> None:
        self.value(UNTIL.format(condition=condition))

    def click(self, selector: str) -> None:
        """As a person does: with the mouse, on what lies on top there."""
        x, y = self.value(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)});"
            " one.scrollIntoView({block: 'nearest'}); const box = one.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text: str) -> None:
        self._ask("Input.insertText", text=text)

    def screenshot(self, path: Path) -> None:
        told = self._ask("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(told["data"]))

    def _ask(self, method: str, **parameters: object) -> dict[str, Any]:
        number = next(self._numbers)
        deadline_s = time.perf_counter() + PATIENCE_S
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            left_s = max(0.0, deadline_s - time.perf_counter())  # events come in between
            told: dict[str, Any] = json.loads(self._socket.recv(left_s))
            if told.get("id") == number:
                if "error" in told:
                    raise AssertionError(f"{method}: {told['error']}")
                result: dict[str, Any] = told["result"]
                return result
            self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        if told["method"] == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told["params"]["exceptionDetails"]))
        elif told["method"] == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
            entry = told["params"]["entry"]
            self.complaints.append(f"{entry['text']} {entry.get('url', '')}")


@contextmanager
def browser() -> Iterator[Page]:
    """A new tab of a new profile. The caller has looked whether there is a PROGRAM."""
    assert PROGRAM is not None
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [PROGRAM, *ARGUMENTS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            with connect(_tab(process), max_size=None) as socket:
                yield Page(socket)
        finally:
            process.kill()
            process.wait()
            assert process.stderr is not None
            process.stderr.close()


def _tab(process: "subprocess.Popen[str]") -> str:
    """The debugging socket of the first tab."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("DevTools listening on ws://"):
            port = line.split("/")[2]
            with urlopen(f"http://{port}/json/list", timeout=PATIENCE_S) as answer:
                [tab] = [one for one in json.load(answer) if one["type"] == "page"]
            return str(tab["webSocketDebuggerUrl"])
    raise AssertionError("the browser ended before it could be driven")


def main(address: str, file: str, width: str = "1400", height: str = "900") -> None:
    """One picture of `address`: of the scanner once it is live, of a report once it is drawn."""
    with browser() as page:
        page.open(address, width=int(width), height=int(height))
        page.until("(document.getElementById('link')?.textContent ?? 'live') === 'live'")
        page.value("new Promise((done) => setTimeout(done, 1500))")  # charts, and flashes, settle
        page.screenshot(Path(file))
        for complaint in page.complaints:
            print(complaint, file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
