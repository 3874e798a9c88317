"""The OpenAPI of the API."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

routes = APIRouter()


@routes.get("/api/openapi.json", include_in_schema=False)
async def get_description(request: Request) -> JSONResponse:
    return JSONResponse(await description(request.app))


async def description(api: FastAPI) -> dict[str, Any]:
    """What all the routes do. Making it takes a while, the first time, in which calls go on."""
    return await asyncio.to_thread(api.openapi)
