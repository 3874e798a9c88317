"""The versions of agents that had calls: what their files were, and how many calls they had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import exists, func, or_, select

from phoneagent.store.database import Database
from phoneagent.store.models import agent_versions, calls


@dataclass(frozen=True, slots=True)
class UsedVersion:
    """A version, when it had its first call and the last that is kept, and how many of its calls are."""

    version: str
    first_used: datetime
    last_used: datetime | None
    calls: int


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """What a version's files were, by their names: the agent's own first, then those that it extends."""

    version: str
    first_used: datetime
    files: Mapping[str, str] = field(repr=False)


class AgentVersions:
    """Versions are kept as long as anything is known of them. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, name: str, *, limit: int = 100) -> list[UsedVersion]:
        """The versions of an agent, the newest first."""
        # of two agents with the same text only one has it under its name
        used = (
            select(calls.c.agent_version, func.count().label("count"), func.max(calls.c.began).label("last_used"))
            .where(calls.c.agent == name)
            .group_by(calls.c.agent_version)
            .subquery()
        )
        found = (
            select(
                agent_versions.c.version, agent_versions.c.first_used, used.c.last_used, func.coalesce(used.c.count, 0)
            )
            .outerjoin(used, used.c.agent_version == agent_versions.c.version)
            .where(or_(agent_versions.c.name == name, used.c.count > 0))
            .order_by(agent_versions.c.first_used.desc(), agent_versions.c.version)
            .limit(limit)
        )
        async with self._database.look() as connection:
            return [UsedVersion(*row) for row in await connection.execute(found)]

    async def files(self, name: str, version: str) -> VersionFiles | None:
        """The files of a version of an agent, if there was such a one."""
        used = exists().where(calls.c.agent == name, calls.c.agent_version == version)
        found = select(agent_versions.c.version, agent_versions.c.first_used, agent_versions.c.files).where(
            agent_versions.c.version == version, or_(agent_versions.c.name == name, used)
        )
        async with self._database.look() as connection:
            row = (await connection.execute(found)).one_or_none()
        return row and VersionFiles(*row)
