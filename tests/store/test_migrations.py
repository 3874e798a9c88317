"""Databases of versions before this one, with calls in them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert

from phoneagent.store import database as databases
from phoneagent.store import open_store
from phoneagent.store.calls import CallFilter
from phoneagent.store.database import open_database
from phoneagent.store.migrate import NEWEST
from phoneagent.store.models import calls, metadata, turns
from tests.store.shape import differences
from tests.store.story import ADA, NOON, OURS, seconds

SCRIPTS = Path(databases.__file__).with_name("migrations")


def up_to(revision: str):
    """What brings a database to an older shape, in place of `migrate`."""

    def migrate(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        script = ScriptDirectory.from_config(config)
        with EnvironmentContext(config, script, fn=lambda now, _: script._upgrade_revs(revision, now)) as environment:
            environment.configure(connection=connection, target_metadata=metadata)
            environment.run_migrations()

    return migrate


def a_call(call_id: str, n: int, **more):
    return {
        "id": call_id, "call_sid": f"CA{call_id}", "instance": "i1", "direction": "inbound", "caller": ADA,
        "called": OURS, "agent": "clinic", "agent_version": "v1", "engine": "openai", "model": "gpt",
        "began": NOON + seconds(n), "usd": Decimal("0.1"), "ended": NOON + seconds(n + 60),
        "outcome": "agent_hung_up", "duration_s": 58.0, "streamed": NOON + seconds(n + 1), "first_audio_ms": 500,
    } | more  # fmt: skip


def a_turn(call_id: str, turn_id: str, text: str):
    return {
        "call_id": call_id, "turn_id": turn_id, "speaker": "agent", "text": text, "unheard": "", "at_s": 1.0,
        "latency_ms": 700, "interrupted": False, "final": True,
    }  # fmt: skip


def test_the_newest_revision_is_the_last_of_the_migrations():
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert ScriptDirectory.from_config(config).get_current_head() == NEWEST


@pytest.mark.parametrize("revision", ["2", "3"])
async def test_calls_that_were_there_are_found_and_counted(address, revision, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(databases, "migrate", up_to(revision))
        before = await open_database(address)
    async with before.begin() as connection:
        rows = [a_call(f"c{n}", n) for n in range(5)]
        rows.append(a_call("live", 9, ended=None, outcome=None, duration_s=None, streamed=None, first_audio_ms=None))
        await connection.execute(insert(calls), rows)
        said = [a_turn(row["id"], f"t{n}", word) for row in rows for n, word in enumerate(("Schöne", "Grüße"))]
        await connection.execute(insert(turns), [*said, a_turn("c2", "t9", "abracadabra")])
    await before.close()
    monkeypatch.setattr("phoneagent.store.migrations.versions.r4_words_sums._AT_ONCE", 2)
    store = await open_store(address)
    found = await store.calls.page(CallFilter(text="grusse scho"))
    assert [call.id for call in found.calls] == ["live", "c4", "c3", "c2", "c1", "c0"]
    monkeypatch.setattr("phoneagent.store.search.NEWEST", 1)
    assert [call.id for call in (await store.calls.page(CallFilter(text="abra"))).calls] == ["c2"]
    total = (await store.statistics.report(NOON.date(), NOON.date())).total
    assert (total.calls, total.over, total.latency.total, total.first_word.total) == (6, 5, 13, 5)
    await store.close()
    database = await open_database(address)
    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()
