"""Who makes a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from phoneagent.core.scopes import Scope


@dataclass(frozen=True, slots=True)
class Principal:
    """A key to the API, a user of the console, or (without a password) whoever sits at this machine.

    `name` is what others read on the record of a call, and in the audit log.
    """

    kind: Literal["key", "user", "local"]
    id: str
    name: str
    scopes: frozenset[Scope]

    def allows(self, scope: Scope) -> bool:
        """Whether they may do that."""
        return scope in self.scopes or "admin" in self.scopes
