"""All that people and their programs ask for: the API and the console, each an application of its own."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Site:
    """Gives everything below /api to the API, and the rest to the console."""

    def __init__(self, api: ASGIApp, console: ASGIApp) -> None:
        self._api = api
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        asked = self._api if path == "/api" or path.startswith("/api/") else self._console
        await asked(scope, receive, send)
