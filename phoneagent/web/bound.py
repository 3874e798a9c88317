"""Applications that are built once a process, for many services: what a service works with comes with the request."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Bound:
    """An application for one service: its requests find the `backend` in their state."""

    def __init__(self, app: ASGIApp, backend: object) -> None:
        self.app = app
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {**scope.get("state", {}), "backend": self._backend}
        await self.app(scope, receive, send)
