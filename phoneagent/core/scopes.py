"""What a key to the API, and a user of the console, may do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args

Scope = Literal["read", "call", "admin"]
"""Reading what is kept of calls; placing calls, and stepping into any; all of that, and holding and deleting what is
kept, agents, users and keys."""

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
USUAL: Final[frozenset[Scope]] = frozenset({"read", "call"})
"""The scopes of a key for which nobody has named any."""

Role = Literal["viewer", "operator", "admin"]
"""What a user of the console may do."""

ROLES: Final[Mapping[Role, frozenset[Scope]]] = MappingProxyType(
    {"viewer": frozenset({"read"}), "operator": frozenset({"read", "call"}), "admin": frozenset(SCOPES)}
)
