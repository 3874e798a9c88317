"""What a browser is told to refuse, whatever an answer should come to hold."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_YEAR_S = 365 * 24 * 3600


def content_policy(style_nonce: str | None = None) -> str:
    """The Content-Security-Policy: everything from here, nothing inline but styles with the nonce."""
    styles = f" 'nonce-{style_nonce}'" if style_nonce else ""
    return (
        f"default-src 'self'; style-src 'self'{styles}; img-src 'self' data:; media-src 'self' blob:; "
        "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer, forms would be sent with Origin: null
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": content_policy(),
}


class SecurityHeaders:
    """Adds them to every answer that does not say otherwise."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        """`https`: whether the public has to come by it, so that browsers are to try nothing else."""
        self._app = app
        self._headers = _HEADERS | ({"Strict-Transport-Security": f"max-age={_YEAR_S}"} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
