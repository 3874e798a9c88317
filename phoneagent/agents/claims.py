"""One agent for each number, when several claim it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from phoneagent.core.agents import Agent


@dataclass(frozen=True, slots=True)
class LostClaim:
    """`loser` claims a number that `holder` has."""

    number: str
    holder: str
    loser: str


def settle(fresh: Mapping[str, Agent], before: Mapping[str, Agent]) -> tuple[dict[str, Agent], list[LostClaim]]:
    """The agents, by name, without disputes, and who had to give way.

    Who answered a number before keeps it, else the first by name. The others fall back to their version of
    `before`, if they have one. Those were free of disputes, so each round takes one new version out, and the
    rounds come to an end.
    """
    agents = dict(fresh)
    incumbents = {number: agent.name for agent in before.values() for number in agent.numbers}
    lost: list[LostClaim] = []
    while (claim := _dispute(agents, incumbents)) is not None:
        lost.append(claim)
        if claim.loser in before:
            agents[claim.loser] = before[claim.loser]
        else:
            del agents[claim.loser]
    return agents, lost


def _dispute(agents: Mapping[str, Agent], incumbents: Mapping[str, str]) -> LostClaim | None:
    holders: dict[str, str] = {}
    for name, agent in agents.items():
        for number in agent.numbers:
            holder = holders.setdefault(number, name)
            if holder == name:
                continue
            if incumbents.get(number) == name:
                holder, name = name, holder
            return LostClaim(number, holder, loser=name)
    return None
