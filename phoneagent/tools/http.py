"""Tools that are one HTTP request, declared in an agent file."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from phoneagent.core.agents import HttpTool, ToolPolicy, ToolSpec
from phoneagent.core.secrets import filled
from phoneagent.tls import trusted
from phoneagent.tools import http_answer, tool_secrets
from phoneagent.tools.addresses import ForbiddenAddressError, Resolve, guard
from phoneagent.tools.function import Call, ToolError
from phoneagent.tools.http_request import body_of, problems, url_of
from phoneagent.tools.json_schema import Arguments, closed
from phoneagent.tools.lookup import resolve
from phoneagent.tools.runnable import BadArgumentsError, Runnable

logger = logging.getLogger(__name__)

_MOST_REDIRECTS = 5
_MOST_KEPT = 1000
_CONNECT_S = 2.0  # to one of the addresses of a host


class HttpTools:
    """Makes tools of the HTTP requests that agent files declare, and keeps their connections.

    `secrets` are the values of `${NAME}` in headers. `timeout_s` is for a whole run, looking up the host, redirects and
    reading included, if the agent file says nothing else; the toolbox sees to it. `ssl_context`: None for the system's.
    """

    def __init__(
        self,
        secrets: Mapping[str, str],
        *,
        timeout_s: float = 5.0,
        ssl_context: ssl.SSLContext | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        self._secrets = dict(secrets)
        self._timeout_s = timeout_s
        self._made: dict[tuple[str, int], _HttpRunnable] = {}
        tls = ssl_context or trusted()
        public = httpx.AsyncHTTPTransport(verify=tls, trust_env=False)
        guard(public, resolve)
        # Two pools: a connection that one tool may have is not there for another that may not.
        self._public = _client(public)
        self._anywhere = _client(httpx.AsyncHTTPTransport(verify=tls, trust_env=False))

    def tool(self, name: str, declared: HttpTool) -> Runnable:
        """A tool of that name. Raises ValueError, with the reasons, for one that can't be used (see `problems`)."""
        key = name, id(declared)  # what is made holds what is declared, so its id is not another's
        if key not in self._made:
            if len(self._made) >= _MOST_KEPT:  # agent files were saved that often
                self._made.clear()
            self._made[key] = self._make(name, declared)
        return self._made[key]

    def _make(self, name: str, declared: HttpTool) -> _HttpRunnable:
        if found := problems(declared, self._secrets):
            raise ValueError("; ".join(found))
        headers = {key: filled(text, self._secrets) for key, text in declared.headers.items()}
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise ValueError("headers: a secret has characters that no header may have")
        schema = closed(declared.parameters)
        return _HttpRunnable(
            spec=ToolSpec(name, declared.description, schema, ToolPolicy(timeout_s=self._timeout_s)),
            declared=declared,
            arguments=Arguments(schema),
            headers=headers,
            secrets=tuple(self._secrets[secret] for secret in tool_secrets.named(declared.headers.values())),
            client=self._anywhere if declared.allow_private else self._public,
        )

    async def close(self) -> None:
        """Ends the connections. Runs that are under way fail."""
        await self._public.aclose()
        await self._anywhere.aclose()


def _client(transport: httpx.AsyncHTTPTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=transport,
        trust_env=False,
        timeout=httpx.Timeout(None, connect=_CONNECT_S),  # the toolbox limits a run
        headers={"User-Agent": "phoneagent", "Accept": "application/json, text/*;q=0.9", "Accept-Encoding": "gzip"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # one call's are none of another's business
    )


@dataclass(frozen=True, slots=True)
class _HttpRunnable:
    spec: ToolSpec
    declared: HttpTool
    arguments: Arguments
    headers: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    client: httpx.AsyncClient

    async def run(self, arguments: str, call: Call) -> Any:
        """What of the answer the agent file asks for."""
        request = self._request(self.arguments.parse(arguments), call)
        for sent_on in range(_MOST_REDIRECTS):
            try:
                answer, following = await self._send(request)
            except ToolError as error:
                error.ran = error.ran or sent_on > 0  # who has sent us on may have done its work before
                raise
            if following is None:
                return answer
            request = self._followed(request, following)
        raise ToolError("The service answered with too many redirects.", ran=True)

    async def _send(self, request: httpx.Request) -> tuple[Any, httpx.Request | None]:
        """What of the answer is asked for; or the request that it redirects to. Raises ToolError."""
        try:
            response = await self.client.send(request, stream=True)
            try:
                if self.declared.allow_redirects and response.next_request is not None:
                    return None, response.next_request
                return await http_answer.read(response, self.declared.result, self.secrets), None
            finally:
                await response.aclose()
        except ForbiddenAddressError as error:
            self._log("http tool's host is not on the public internet, and allow_private is not set", error)
            raise ToolError("The service is at an address that is not allowed.") from None
        except (httpx.ConnectError, httpx.ConnectTimeout, OSError) as error:
            self._log("http tool's service can't be reached", error)
            raise ToolError("The service can't be reached.") from None
        except httpx.HTTPError as error:
            self._log("http tool's service broke off", error)
            raise ToolError("The service broke off. It may have done its work.", ran=True) from None

    def _request(self, given: Mapping[str, Any], call: Call) -> httpx.Request:
        body = body_of(self.declared, given)
        headers = httpx.Headers({} if self.declared.method == "GET" else {"Idempotency-Key": call.idempotency_key})
        if body is not None:
            headers["Content-Type"] = "application/json"
        headers.update(self.headers)
        try:
            return self.client.build_request(
                self.declared.method, url_of(self.declared, given), content=body, headers=headers
            )
        except httpx.InvalidURL:
            raise BadArgumentsError("arguments: too long for an address") from None

    def _followed(self, sent: httpx.Request, request: httpx.Request) -> httpx.Request:
        """The request that a redirect asks for, without what is meant for another origin only."""
        if request.url.scheme != "https" and not self.declared.allow_http:
            raise ToolError("The service redirected to an address that is not allowed.", ran=True)
        if _origin(sent) != _origin(request):
            for name in self.headers:
                request.headers.pop(name, None)
        return request

    def _log(self, message: str, error: BaseException) -> None:
        host = httpx.URL(self.declared.url.partition("{")[0]).host
        logger.warning(message, extra={"tool": self.spec.name, "host": host, "error": type(error).__name__})


def _origin(request: httpx.Request) -> tuple[str, str, int | None]:
    return request.url.scheme, request.url.host, request.url.port
