"""Which versions of an agent had calls, and what they were."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from phoneagent.core.records import AgentKept
from phoneagent.store import Store
from phoneagent.store.agent_versions import UsedVersion
from tests.store.entries import NOON, began

LATER = NOON + timedelta(hours=1)


async def test_versions_are_listed_with_their_calls_the_newest_first(store: Store):
    await store.entries.apply(
        "an instance",
        [
            AgentKept("v1", "ada", {"ada.md": "one"}, NOON),
            began("c1"),
            began("c2", LATER),
            AgentKept("v2", "ada", {"ada.md": "two"}, LATER),
            AgentKept("v3", "bob", {"bob.md": "three"}, LATER),
            replace(began("c3", LATER), agent="bob", agent_version="v3"),
        ],
    )
    assert await store.agent_versions.of("ada") == [
        UsedVersion("v2", LATER, None, 0),
        UsedVersion("v1", NOON, LATER, 2),
    ]
    assert [used.version for used in await store.agent_versions.of("ada", limit=1)] == ["v2"]
    assert await store.agent_versions.of("nobody") == []
    files = await store.agent_versions.files("ada", "v1")
    assert files is not None
    assert (files.files, files.first_used) == ({"ada.md": "one"}, NOON)
    assert await store.agent_versions.files("ada", "v3") is None
    assert await store.agent_versions.files("ada", "v9") is None


async def test_two_agents_with_the_same_text_both_have_the_version(store: Store):
    await store.entries.apply(
        "an instance",
        [
            AgentKept("v1", "ada", {"ada.md": "one"}, NOON),
            replace(began("c1"), agent="copy"),
        ],
    )
    assert [used.calls for used in await store.agent_versions.of("copy")] == [1]
    assert await store.agent_versions.files("copy", "v1") is not None
