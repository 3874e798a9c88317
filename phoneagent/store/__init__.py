"""What the service keeps: keys and users, calls and those it places, messages, webhooks. In SQLite or PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass, field

from phoneagent.store.agent_versions import AgentVersions
from phoneagent.store.audit import Audit
from phoneagent.store.calls import Calls
from phoneagent.store.costs import Costs
from phoneagent.store.database import Database, StoreError, open_database
from phoneagent.store.deliveries import Deliveries
from phoneagent.store.dials import Dials
from phoneagent.store.entries import Entries
from phoneagent.store.erasure import Erasure
from phoneagent.store.instances import Instances
from phoneagent.store.keys import ApiKeys
from phoneagent.store.messages import Messages
from phoneagent.store.passwords import Passwords
from phoneagent.store.people import People
from phoneagent.store.recordings import Uploads
from phoneagent.store.sessions import Sessions
from phoneagent.store.statistics import Statistics
from phoneagent.store.summaries import Summaries
from phoneagent.store.users import Users
from phoneagent.store.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Store:
    """All of it, one part for each concern. Every method of theirs raises StoreError."""

    keys: ApiKeys
    users: Users
    sessions: Sessions
    passwords: Passwords
    audit: Audit
    dials: Dials
    messages: Messages
    webhooks: Webhooks
    deliveries: Deliveries
    erasure: Erasure
    people: People
    calls: Calls
    costs: Costs
    agent_versions: AgentVersions
    entries: Entries
    instances: Instances
    uploads: Uploads
    summaries: Summaries
    statistics: Statistics
    _database: Database = field(repr=False)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._database.close()


async def open_store(address: str, *, uploads: bool = False) -> Store:
    """The store at `sqlite:///path` or `postgresql://…`, which is made and brought up to date if need be.

    `uploads`: whether recordings are to be taken elsewhere. Raises StoreError.
    """
    database = await open_database(address)
    passwords = Passwords()
    return Store(
        ApiKeys(database),
        Users(database, passwords),
        Sessions(database),
        passwords,
        Audit(database),
        Dials(database),
        Messages(database),
        Webhooks(database),
        Deliveries(database),
        Erasure(database),
        People(database),
        Calls(database),
        Costs(database),
        AgentVersions(database),
        Entries(database, uploads=uploads),
        Instances(database),
        Uploads(database),
        Summaries(database),
        Statistics(database),
        database,
    )


__all__ = ["Store", "StoreError", "open_store"]
