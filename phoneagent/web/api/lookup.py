"""Finds a call: in what is kept of answered calls, and among those that we placed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Path

from phoneagent.core.dials import Dial
from phoneagent.records.export import call_document
from phoneagent.store.calls import CallDetail, Calls
from phoneagent.web.api.errors import ApiError
from phoneagent.web.api.models import Call, PlacedCall

CallId = Annotated[str, Path(description="Our id of the call; or its CallSid, once somebody has answered.")]
_ID = re.compile(r"[0-9A-Za-z]{1,64}")


@dataclass(frozen=True, slots=True)
class Answered:
    """A call that was answered, and its dial if we placed it."""

    detail: CallDetail
    dial: Dial | None

    def standing(self) -> PlacedCall:
        """How it stands. Of a call that we placed Twilio says so."""
        row, dial = self.detail.row, self.dial
        if dial is None:
            state, reason = "live" if row.ended is None else "completed", row.reason
        else:
            state, reason = dial.state, dial.reason or (row.reason if dial.over else None)
        return PlacedCall(id=row.id, agent=row.agent, state=state, reason=reason, call_sid=row.call_sid)

    def shown(self) -> Call:
        """All that is known of it."""
        standing = self.standing()
        return Call.model_validate(call_document(self.detail) | {"state": standing.state, "reason": standing.reason})


def dialled(dial: Dial) -> PlacedCall:
    """How a call stands that we placed."""
    return PlacedCall(id=dial.id, agent=dial.agent, state=dial.state, reason=dial.reason, call_sid=dial.call_sid)


class Lookup:
    """Finds calls. Raises ApiError for those that there are not, and StoreError."""

    def __init__(self, calls: Calls, dial: Callable[[str], Awaitable[Dial | None]]) -> None:
        """`dial` gives the dial of an id."""
        self._calls = calls
        self._dial = dial

    async def call(self, id: str) -> Answered | Dial:
        """The call of this id or CallSid; only its dial if nobody has answered yet."""
        named = _named(id)
        detail = await self._calls.get(named)
        dial = await self._dial(detail.row.id if detail is not None else named)
        if detail is not None:
            return Answered(detail, dial)
        if dial is None:
            raise unknown()
        return dial

    async def detail(self, id: str) -> CallDetail:
        """What is kept of the call of this id or CallSid; there is none before somebody has answered."""
        if (detail := await self._calls.get(_named(id))) is None:
            raise unknown()
        return detail


def _named(id: str) -> str:
    if _ID.fullmatch(id) is None:  # which not every database can be asked for
        raise unknown()
    return id


def unknown() -> ApiError:
    """The error for a call that there is not."""
    return ApiError(404, "unknown_call", "there is no such call")
