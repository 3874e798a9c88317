"""What is done over the API, for the audit log."""

from __future__ import annotations

import logging
from typing import Any

from phoneagent.store import StoreError
from phoneagent.store.audit import Audit
from phoneagent.web.access.principal import Principal

log = logging.getLogger(__name__)


class Deeds:
    """Writes into the audit log what is done to calls in progress. Without a database that is still done: a caller
    waits."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def note(self, principal: Principal, action: str, call_id: str, **data: Any) -> None:
        """Somebody has done something to a call. `data` is for JSON, without what was said."""
        try:
            await self._audit.note(principal.name, principal.kind, action, call_id, data)
        except StoreError as error:
            fields = {"action": action, "call_id": call_id, "principal_id": principal.id, "reason": str(error)}
            log.error("the audit log lacks what was done", extra=fields)
