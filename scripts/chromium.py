"""A headless Chromium that is told what to do over a pair of pipes (Chrome DevTools Protocol)."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

LIMIT_S = 120.0


class Chromium:
    """One page of a headless Chromium."""

    def __init__(self, profile: Path) -> None:
        """Start it; SystemExit when it does not answer."""
        program = shutil.which("chromium")
        if program is None:
            sys.exit("chromium is missing: apt-get install chromium")
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        switches = ["--headless", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
        switches += ["--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "about:blank"]
        if os.geteuid() == 0:
            switches.append("--no-sandbox")  # Chromium's does not work as root
        # it reads its commands from descriptor 3 and answers on 4
        shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "bash", program, *switches],
            pass_fds=(theirs_in, theirs_out),
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._rest = b""
        self._number = 0
        self.problems: list[str] = []
        """Exceptions and error messages of the page."""
        self._session: str | None = None
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self._ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")
        self.shape(1280, 900, "light")

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self._ask("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'", url)

    def value(self, expression: str) -> Any:
        """Return what an expression of JavaScript comes to, as JSON carries it."""
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            sys.exit(f"{expression[:200]}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, expression: str, what: str) -> float:
        """Wait until an expression holds; returns the seconds it took. SystemExit at the limit."""
        start = time.monotonic()
        while not self.value(expression):
            if time.monotonic() - start > LIMIT_S:
                sys.exit(f"did not come: {what}\n{self.value('document.body.innerText')}")
            time.sleep(0.1)
        return time.monotonic() - start

    def shape(self, width: int, height: int, scheme: str) -> None:
        """Set the size of the window, and whether it is light or dark."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._ask("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._ask("Emulation.setEmulatedMedia", features=features)

    def picture(self, path: Path) -> None:
        """Write what is seen, the whole page, as PNG."""
        answer = self._ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def click(self, x: float, y: float) -> None:
        """Press and release the left button."""
        for kind in ("mousePressed", "mouseReleased"):
            at = {"x": x, "y": y, "button": "left", "clickCount": 1}
            self._ask("Input.dispatchMouseEvent", type=kind, **at)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        request = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            request["sessionId"] = self._session
        os.write(self._to, json.dumps(request).encode() + b"\0")
        while True:
            answer = self._next(method)
            if answer.get("id") == self._number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def _next(self, method: str) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not select.select([self._from], [], [], LIMIT_S)[0]:
                sys.exit(f"chromium does not answer to {method}")
            data = os.read(self._from, 1 << 16)
            if not data:
                sys.exit(f"chromium ended at {method}, code {self._process.wait()}")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"])[:500])
        if event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(params["entry"]["text"])
