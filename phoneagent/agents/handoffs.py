"""Handing over needs somebody to hand over to."""

from __future__ import annotations

from collections.abc import Mapping

from phoneagent.agents.crosschecks import Finding
from phoneagent.core.agents import Agent


def without_dead_ends(
    fresh: Mapping[str, Agent], last_good: Mapping[str, Agent]
) -> tuple[dict[str, Agent], list[tuple[str, Finding]]]:
    """Of the versions that were just read, those whose handoffs lead somewhere, and what is wrong with any of them.

    Who is left out may have a version in `last_good`, which then answers, and can take over, as before. Else it is
    missing for others, so this goes on until nothing changes.
    """
    agents = dict(fresh)
    findings: list[tuple[str, Finding]] = []
    while dead_ends := [
        (name, other)
        for name, agent in agents.items()
        for other in agent.handoff
        if other not in agents and other not in last_good
    ]:
        for name, other in dead_ends:
            agents.pop(name, None)
            findings.append((name, Finding(("handoff", other), f"there is no agent {other!r} to hand over to")))
    everybody = {**last_good, **agents}
    findings += [
        (name, Finding(("handoff", other), f"{other} has another {differs}, {_NEW}", "warning"))
        for name, agent in agents.items()
        for other in agent.handoff
        if (differs := _what_is_heard(agent, everybody[other]))
    ]
    return agents, findings


_NEW = (
    "which can't change in a session once it was heard: a new session is opened, and the agent says that it hands over"
)


def _what_is_heard(one: Agent, other: Agent) -> str:
    """In which respects two agents can't share a session."""
    return " and ".join(key for key in ("voice", "model") if getattr(one, key) != getattr(other, key))
