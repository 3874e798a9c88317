"""Small things that every part of the Realtime protocol needs: identifiers and errors."""

from __future__ import annotations

import uuid
from typing import Any

Event = dict[str, Any]


class RealtimeError(Exception):
    """A request that the session refuses, with OpenAI's code and message for it. The session lives on."""

    def __init__(
        self, code: str | None, message: str, param: str | None = None, type: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.param, self.type = code, message, param, type

    def as_dict(self) -> dict[str, Any]:
        """The error as it stands in an event."""
        return {"type": self.type, "code": self.code, "message": self.message, "param": self.param}


def new_id(prefix: str) -> str:
    """An identifier such as "item_3f…", of at most 32 characters."""
    return f"{prefix}_{uuid.uuid4().hex[: 31 - len(prefix)]}"
