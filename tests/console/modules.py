"""A page on which modules of the console are tried by themselves: no service is needed for these files."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Browser, Page

from phoneagent.web.console.static_files import FOLDER
from tests.console.browser import visiting

Samples = NDArray[np.float64]

# Numbers by the thousand go to and fro as text: Playwright would wrap each of them.
_NUMBERS = """
window.fromText = (text) => new Float64Array(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)).buffer);
window.toText = (numbers) =>
    btoa(Array.from(new Uint8Array(Float64Array.from(numbers).buffer), (byte) => String.fromCharCode(byte)).join(""));
"""


class _Files(SimpleHTTPRequestHandler):
    extensions_map = {".js": "text/javascript", ".svg": "image/svg+xml"}  # noqa: RUF012  # as its base has it

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@asynccontextmanager
async def bare_page(browser: Browser) -> AsyncIterator[Page]:
    """A page that shows a picture, and has the console's static files at the root of its origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(FOLDER))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        async with visiting(browser, f"http://127.0.0.1:{server.server_port}") as (page, watch):
            watch.expected = ("console: Failed to load resource",)  # the page's icon
            await page.add_init_script(_NUMBERS)
            await page.goto("/icon.svg")
            yield page
        server.shutdown()


def to_text(numbers: Samples) -> str:
    """For `fromText` in the page."""
    return base64.b64encode(np.asarray(numbers, "<f8").tobytes()).decode()


def from_text(text: str) -> Samples:
    """What `toText` in the page has made of them."""
    return np.frombuffer(base64.b64decode(text), "<f8")
