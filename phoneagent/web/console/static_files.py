"""The static files: under a path that changes with their content, so that browsers may keep them for good."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles as _StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

FOLDER = Path(__file__).parent / "static"


@cache
def static_root() -> str:
    """Where the files are: modules import each other by relative paths, so one hash stands for all of them."""
    found = sha256()
    for path in sorted(path for path in FOLDER.rglob("*") if path.is_file()):
        found.update(path.relative_to(FOLDER).as_posix().encode() + b"\0" + path.read_bytes())
    return f"/static/{found.hexdigest()[:16]}"


class _Kept(_StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


class StaticFiles:
    """Serves them, compressed for whoever takes that."""

    def __init__(self) -> None:
        self._app: ASGIApp = GZipMiddleware(_Kept(directory=FOLDER), minimum_size=1000)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
