"""Who looks at a page."""

from __future__ import annotations

from dataclasses import dataclass, field

from phoneagent.store.sessions import Session
from phoneagent.web.access.principal import Principal


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody with a session of the console. `csrf` is what their pages must send with everything that is not safe."""

    principal: Principal
    session: Session
    csrf: str = field(repr=False)
