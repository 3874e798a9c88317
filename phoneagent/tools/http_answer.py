"""What an HTTP tool makes of an answer: little enough of it, and only what is text."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable
from http.client import responses
from typing import Any

import httpx
import jmespath
import orjson
from jmespath.exceptions import JMESPathError

from phoneagent.tools import tool_secrets
from phoneagent.tools.function import ToolError

MAX_BYTES = 1024 * 1024
_LONGEST_EXCERPT = 300
_LATIN = {"iso-8859-1", "latin-1", "latin1", "windows-1252", "cp1252"}


async def read(response: httpx.Response, result: str | None, secrets: Iterable[str]) -> Any:
    """What the JMESPath expression `result` finds in the answer, all of it for None; text as text.

    Raises ToolError for what is no answer: an error, a redirect, too much, neither JSON nor text.
    """
    body = await _body(response)
    return await asyncio.to_thread(_understood, response, body, result, secrets)  # 1 MiB takes its time


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > MAX_BYTES:
            raise _too_long()
        await asyncio.sleep(0)  # what was received at once can be thousands of parts, and calls are going on
    return bytes(body)


def _understood(response: httpx.Response, body: bytes, result: str | None, secrets: Iterable[str]) -> Any:
    body = _inflated(body, response.headers.get("Content-Encoding", "identity").strip().lower())
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if response.status_code >= 300:
        raise _refused(response.status_code, kind, body, response, secrets)
    if not body:
        return None
    if kind == "application/json" or kind.endswith("+json"):
        return tool_secrets.hidden(_found(body, result), secrets)
    if not kind.startswith("text/"):
        raise _unusable(
            f"The service answered with {kind[:80] or 'something unnamed'}, which is neither JSON nor text."
        )
    if result is not None:
        raise _unusable("The service answered with text where JSON was expected.")
    return tool_secrets.hidden(_decoded(body, response), secrets)


def _inflated(body: bytes, encoding: str) -> bytes:
    if encoding == "identity":
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise _unusable("The service answered in an encoding that was not asked for.")
    try:
        inflated = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, MAX_BYTES + 1)
    except zlib.error:
        raise _unusable("The service's answer is damaged.") from None
    if len(inflated) > MAX_BYTES:
        raise _too_long()
    return inflated


def _found(body: bytes, result: str | None) -> Any:
    try:
        answer = orjson.loads(body)
        return answer if result is None else jmespath.search(result, answer)
    except orjson.JSONDecodeError:
        raise _unusable("The service's answer is not JSON.") from None
    except JMESPathError:
        raise _unusable("The service's answer is not what was expected.") from None


def _decoded(body: bytes, response: httpx.Response) -> str:
    # Of all the codecs of Python, only those whose time is linear.
    latin = (response.charset_encoding or "").lower() in _LATIN
    return body.decode("cp1252" if latin else "utf-8", errors="replace")


def _refused(status: int, kind: str, body: bytes, response: httpx.Response, secrets: Iterable[str]) -> ToolError:
    if status < 400:
        return _unusable("The service answered with a redirect, which is not followed.")
    readable = kind.startswith("text/") or kind.endswith("json")
    text = tool_secrets.hidden(_decoded(body, response), secrets)[:_LONGEST_EXCERPT] if readable else ""
    # an error of the client's is a refusal; one of the server's may come after the deed
    return ToolError(
        f"The service answered {status} {responses.get(status, '')}".rstrip() + (f": {text}" if text else "."),
        ran=status >= 500,
    )


def _unusable(message: str) -> ToolError:
    return ToolError(message, ran=True)


def _too_long() -> ToolError:
    return _unusable(f"The service's answer is longer than {MAX_BYTES // 1024} KiB.")
