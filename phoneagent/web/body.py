"""The body of a request, if it is small and comes soon."""

from __future__ import annotations

import asyncio

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

BODY_WITHIN_S = 10.0


async def read_body(request: Request, at_most: int) -> bytes:
    """The body, of at most so many bytes. Raises HTTPException: 413 if it is larger, 408 if slow, 400 if broken off."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > at_most:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408) from None
    except ClientDisconnect:
        raise HTTPException(400) from None
    return bytes(body)
