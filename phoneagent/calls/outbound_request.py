"""A call that somebody wants placed, and whether it may be: by this agent, from this number, to that one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from phoneagent.agents.directory import AgentDirectory
from phoneagent.agents.numbers import EVERY_NUMBER, allowed_countries, dialable, e164
from phoneagent.core.agents import Agent
from phoneagent.core.dials import Dial

Refusal = Literal["unknown_agent", "bad_from", "bad_number", "number_in_use", "key_reused", "too_many", "over_limit"]


class DialRefusedError(Exception):
    """A call that is not going to be placed; the text says what to do."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class DialRequest:
    """A call that somebody wants. `from_` is one of the agent's numbers, None for its first; `variables` are what its
    prompt may name as `{{var.name}}`."""

    to: str = field(repr=False)
    agent: str
    from_: str | None = field(default=None, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


def new_dial(request: DialRequest, agents: AgentDirectory, region: str | None, now: datetime) -> Dial:
    """The dial of a request. `region` is that of numbers that name no country. Raises DialRefusedError."""
    agent = agents.by_name(request.agent)
    if agent is None:
        known = ", ".join(sorted(agents.agents)) or "none"
        raise DialRefusedError("unknown_agent", f"there is no agent {request.agent!r}; there are: {known}")
    try:
        to = dialable(request.to, region=region, countries=allowed_countries(agent, region))
    except ValueError as error:
        raise DialRefusedError("bad_number", str(error)) from None
    return Dial(
        id=secrets.token_hex(16),  # which becomes that of the call
        nonce=secrets.token_urlsafe(24),
        agent=agent.name,
        to=to,
        from_=_from(agent, request.from_, region),
        variables=dict(request.variables),
        created=now,
    )


def _from(agent: Agent, wanted: str | None, region: str | None) -> str:
    """The number that the agent calls from. Raises DialRefusedError."""
    own = [number for number in agent.numbers if number != EVERY_NUMBER]
    if not own:
        raise DialRefusedError(
            "bad_from", f"the agent {agent.name!r} has no number to call from: give it one in numbers:"
        )
    if wanted is None:
        return own[0]
    try:
        number = e164(wanted, region)
    except ValueError as error:
        raise DialRefusedError("bad_from", str(error)) from None
    if number not in own:
        raise DialRefusedError("bad_from", f"{number} is none of the numbers of {agent.name!r}: {', '.join(own)}")
    return number
