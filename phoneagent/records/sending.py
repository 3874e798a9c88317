"""One message to a webhook: signed as the Standard Webhooks specification says, and what was answered."""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import responses

import httpx
from standardwebhooks import Webhook as Signer

from phoneagent.store.webhooks import Target
from phoneagent.tls import trusted
from phoneagent.tools.addresses import ForbiddenAddressError, Resolve, guard, is_public
from phoneagent.tools.lookup import resolve

TIMEOUT_S = 15.0
_MOST_READ = 64 * 1024  # of an answer, which says nothing to us; read to the end, a connection can be used again


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a message: it arrived, or `problem` says why not. `wait_s` is asked for by the receiver."""

    status: int | None
    problem: str | None = None
    wait_s: float | None = None

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no message any more."""
        return self.status == 410


def url_problem(url: str, *, allow_private: bool) -> str | None:
    """What is wrong with the address of a webhook, None if nothing is; where names lead to shows when it is used."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return "is not an address"
    if parts.scheme not in ("https", "http") or not parts.host:
        return "must be an address such as https://example.com/calls"
    if parts.userinfo:
        return "must not hold a user and password: messages prove by their signature where they come from"
    if allow_private:
        return None
    if parts.scheme == "http":
        return "must begin with https:// (or allow http and private addresses with --allow-private)"
    try:
        public = is_public(parts.host)
    except ValueError:  # a name
        public = True
    return None if public else "is no address of the public internet (or allow it with --allow-private)"


class Sender:
    """Sends messages. `ssl_context`: None for the system's."""

    def __init__(
        self,
        *,
        timeout_s: float = TIMEOUT_S,
        ssl_context: ssl.SSLContext | None = None,
        resolve: Resolve = resolve,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        tls = ssl_context or trusted()
        public = httpx.AsyncHTTPTransport(verify=tls, trust_env=False)
        guard(public, resolve)
        # Two pools: a connection that one webhook may have is not there for another that may not.
        self._public = _client(public)
        self._anywhere = _client(httpx.AsyncHTTPTransport(verify=tls, trust_env=False))

    async def send(self, to: Target, event_id: str, body: str) -> Answer:
        """Send a message, and say what came of it. Redirects are not followed."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._send(to, event_id, body)
        except TimeoutError:
            return Answer(None, f"no answer within {self._timeout_s:g} s")
        except httpx.InvalidURL:
            return Answer(None, "its address can't be used")
        except ForbiddenAddressError:
            return Answer(None, "it is not on the public internet, and --allow-private was not given")
        except (httpx.ConnectError, OSError) as error:
            return Answer(None, f"it can't be reached: {error or type(error).__name__}")
        except httpx.HTTPError as error:
            return Answer(None, f"it broke off: {error or type(error).__name__}")

    async def test(self, to: Target) -> Answer:
        """Send a message that tells of nothing, of the type `webhook.test`."""
        message = {"type": "webhook.test", "timestamp": self._clock().isoformat(), "data": {"webhook": to.webhook_id}}
        return await self.send(to, f"test_{secrets.token_hex(8)}", json.dumps(message))

    async def _send(self, to: Target, event_id: str, body: str) -> Answer:
        now = self._clock()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(Signer(secret).sign(event_id, now, body) for secret in to.secrets),
        }
        client = self._anywhere if to.allow_private else self._public
        async with client.stream("POST", to.url, content=body.encode(), headers=headers) as response:
            if not response.is_success:
                name = responses.get(response.status_code, "")
                problem = f"it answered {response.status_code} {name}".rstrip()
                return Answer(response.status_code, problem, _wait_s(response, now))
            read = 0
            async for part in response.aiter_raw():
                read += len(part)
                if read > _MOST_READ:
                    break
                await asyncio.sleep(0)  # what came at once can be thousands of parts, and calls are going on
            return Answer(response.status_code)

    async def close(self) -> None:
        """End the connections."""
        await self._public.aclose()
        await self._anywhere.aclose()


def _client(transport: httpx.AsyncHTTPTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=transport,
        trust_env=False,
        timeout=None,  # noqa: S113 - `send` limits the whole
        headers={"User-Agent": "phoneagent"},
    )


def _wait_s(response: httpx.Response, now: datetime) -> float | None:
    """How long the receiver wants to be left alone: seconds, or until a moment."""
    text = response.headers.get("Retry-After", "")
    try:
        return float(text) if text.isdecimal() else (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):  # none; a moment without its time zone; one beyond all time
        return None
