"""What is still to be made of calls that are over, and what was made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import TypeAdapter
from sqlalchemy import and_, or_, select, update

from phoneagent.core.records import Afterwards, Charge
from phoneagent.store.database import Database, upsert
from phoneagent.store.day_sums import mark_stale
from phoneagent.store.models import agent_versions, calls, charges
from phoneagent.store.outbox import announce_summary

CLAIM = timedelta(minutes=10)
"""After which another instance takes over what one has claimed and not done."""

_AFTERWARDS = TypeAdapter(Afterwards)
_WAITING = and_(calls.c.after == "pending", calls.c.transcript_deleted.is_(None))


@dataclass(frozen=True, slots=True)
class Claim:
    """A call of which something is to be made; `afterwards` is of the version of the agent that answered it."""

    call_id: str
    afterwards: Afterwards | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `problem` says why there is nothing, in words that hold nothing of what was said."""

    state: Literal["done", "skipped", "failed"]
    problem: str | None = None
    summary: str | None = field(default=None, repr=False)
    extracted: Mapping[str, Any] | None = field(default=None, repr=False)
    charge: Charge | None = None


class Summaries:
    """The way from the calls that wait for it to what is made of them. Every method raises StoreError."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    async def claim(self) -> Claim | None:
        """The call that waits longest, which is nobody else's for `CLAIM`; None: none waits."""
        now = self._clock()
        waiting = (
            select(calls.c.id)
            .where(_WAITING, or_(calls.c.after_due.is_(None), calls.c.after_due <= now))
            .order_by(calls.c.ended)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        mine = update(calls).where(calls.c.id == waiting).values(after_due=now + CLAIM)
        async with self._database.begin() as connection:
            claimed = (await connection.execute(mine.returning(calls.c.id, calls.c.agent_version))).first()
            if claimed is None:
                return None
            rules = select(agent_versions.c.afterwards).where(agent_versions.c.version == claimed.agent_version)
            found = (await connection.execute(rules)).scalar()
        return Claim(claimed.id, None if found is None else _AFTERWARDS.validate_python(found))

    async def give_back(self, call_id: str) -> None:
        """Let others have the call at once."""
        async with self._database.begin() as connection:
            await connection.execute(update(calls).where(calls.c.id == call_id, _WAITING).values(after_due=None))

    async def keep(self, call_id: str, outcome: Outcome) -> bool:
        """Write down what came of a call, and tell webhooks of a summary.

        Returns False for a call that is not waiting for it any more: it, or what was said in it, was deleted meanwhile.
        """
        usd = outcome.charge.usd if outcome.charge and outcome.charge.usd else Decimal(0)
        values = {
            "after": outcome.state,
            "after_due": None,
            "after_problem": outcome.problem,
            "summary": outcome.summary,
            "extracted": outcome.extracted,
            "usd": calls.c.usd + usd,
        }
        async with self._database.begin() as connection:
            kept = await connection.execute(
                update(calls).where(calls.c.id == call_id, _WAITING).values(values).returning(calls)
            )
            if (row := kept.mappings().first()) is None:
                return False
            if outcome.charge is not None:
                charge = asdict(outcome.charge) | {"call_id": call_id}
                await connection.execute(upsert(connection, charges).values(charge).on_conflict_do_nothing())
            await mark_stale(connection, [row["began"]])
            if outcome.state == "done":
                await announce_summary(connection, row, self._clock())
        return True
