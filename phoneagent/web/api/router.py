"""What the routes of the API have in common."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from phoneagent.web.api.errors import declared


def router(tag: str, *needed: Any) -> APIRouter:
    """Takes routes with this tag. `needed` are dependencies of them all."""
    return APIRouter(
        prefix="/api",
        tags=[tag],
        dependencies=needed,
        responses=declared(401, 403, 422, 503),
        generate_unique_id_function=lambda route: route.name,
    )
