"""Bodies of requests: small, soon there, and read only for whoever may send them."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from phoneagent.web.api.errors import MAX_BODY, body_not_understood
from phoneagent.web.body import read_body

Wanted = TypeVar("Wanted", bound=BaseModel)


async def read(request: Request, kind: type[Wanted], *, at_most: int = MAX_BODY) -> Wanted:
    """What the body says, of at most so many bytes. Raises ApiError and HTTPException."""
    try:
        return kind.model_validate_json(await read_body(request, at_most))
    except ValidationError as error:
        raise body_not_understood(error) from None


def body(kind: type[BaseModel]) -> dict[str, Any]:
    """The body of a route, for its description. FastAPI would read bodies itself: of any size, and before the key."""
    content = {"application/json": {"schema": kind.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}
