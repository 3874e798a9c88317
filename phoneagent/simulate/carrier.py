"""Twilio's requests to a service: signed over the public URL, sent to wherever the service really listens."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from phoneagent.tls import trusted
from phoneagent.twilio.signature import SIGNATURE_HEADER, sign

_USER_AGENT = "Twilio.TmeWs/1.0"
_TIMEOUT_S = 15.0


class WebhookError(Exception):
    """A webhook that did not bring a document; the message begins with the number of Twilio's debugger."""


class Carrier:
    """Makes requests in Twilio's name. `origin` is dialled; `public_url` is signed and expected in TwiML."""

    def __init__(self, origin: str, public_url: str, auth_token: str | None) -> None:
        self._origin = origin.rstrip("/")
        self._public = public_url.rstrip("/")
        self._auth_token = auth_token
        self._http = httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, verify=trusted())

    async def fetch(self, url: str, method: str, fields: Mapping[str, str]) -> tuple[int, str]:
        """The HTTP status and the text that a webhook answers. Raises WebhookError: no answer at all (11200)."""
        if method == "GET":
            url, form = str(httpx.URL(url).copy_merge_params(dict(fields))), None
        else:
            form = dict(fields)
        headers = self._signed(url, form or {})
        try:
            answer = await self._http.request(method, self._dialled(url), data=form, headers=headers)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise WebhookError(f"11200: no answer from {self._dialled(url)}: {reason}") from error
        return answer.status_code, answer.text

    def upgrade(self, url: str) -> tuple[str, dict[str, str]]:
        """Where to dial for a <Stream url>, and the headers of the upgrade."""
        return self._dialled(url), {"User-Agent": _USER_AGENT, **self._signed(url, {})}

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    def public(self, path: str) -> str:
        """A path of the service as the world knows it."""
        return self._public + path

    def _signed(self, url: str, fields: Mapping[str, str]) -> dict[str, str]:
        return {SIGNATURE_HEADER: sign(self._auth_token, url, fields)} if self._auth_token else {}

    def _dialled(self, url: str) -> str:
        """`url`, or the same on the service's real origin if it is one of the public URL."""
        for scheme in ("http", "ws"):
            public, origin = (scheme + base.removeprefix("http") for base in (self._public, self._origin))
            if url.startswith((public + "/", public + "?")) or url == public:
                return origin + url.removeprefix(public)
        return url
