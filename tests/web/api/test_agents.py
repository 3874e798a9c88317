"""Agents are seen, checked, edited and saved by the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from phoneagent.core.records import AgentKept
from phoneagent.store.audit import DeedFilter
from tests.store.entries import NOON, began
from tests.web.api.desk import Desk, said

GOOD = "---\nvoice: ash  # calm\n---\nYou are Ada.\n"
BROKEN = "---\nvoice: nobody\n---\nYou are Ada.\n"


def file(api: Desk, name: str = "sales") -> Path:
    return api.office.agents.folder / f"{name}.md"


async def put(api: Desk, name: str, source: str, **headers: str) -> httpx.Response:
    return await api.http.put(f"/api/agents/{name}", json={"source": source}, headers=headers)


async def etag(api: Desk, name: str = "sales") -> str:
    return str((await api.http.get(f"/api/agents/{name}")).json()["etag"])


async def problems(api: Desk, source: str, name: str = "sales") -> list[dict[str, Any]]:
    answer = await api.http.post("/api/agent-check", json={"name": name, "source": source})
    return list(answer.json()["problems"])


async def test_the_agents_are_listed_with_what_they_answer_and_what_is_wrong(api: Desk):
    file(api, "bad").write_text(BROKEN)
    file(api, "not a name").write_text(GOOD)
    api.office.agents.reload()
    file(api).write_text(BROKEN)
    api.office.agents.reload()
    listed = (await api.http.get("/api/agents")).json()
    assert (listed["engine"], listed["writable"]) == ("scripted", True)
    assert [(agent["name"], agent["state"], agent["numbers"]) for agent in listed["agents"]] == [
        ("bad", "broken", []),
        ("sales", "last_good", ["+15550100", "+15550101"]),
    ]
    sales = listed["agents"][1]
    assert sales["settings"]["voice"] == "marin"
    assert sales["version"] == api.office.agents.agents["sales"].version
    assert [(problem["file"], problem["line"], problem["column"]) for problem in sales["problems"]] == [
        ("sales.md", 2, 8)
    ]
    assert [problem["file"] for problem in listed["problems"]] == ["not a name.md"]


async def test_an_agent_is_shown_with_its_file(api: Desk):
    file(api, "ada").write_text("---\nextends: sales\n---\n")
    api.office.agents.reload()
    shown = await api.http.get("/api/agents/ada")
    assert shown.headers["ETag"] == f'"{shown.json()["etag"]}"'
    assert shown.json()["source"] == "---\nextends: sales\n---\n"
    assert shown.json()["extends"] == ["sales"]
    assert said(await api.http.get("/api/agents/nobody"), 404, "unknown_agent", "'nobody'")


async def test_a_text_is_checked_as_if_it_were_saved(api: Desk):
    before = file(api).read_text()
    assert await problems(api, "---\nvoise: ash\n---\nHi\n") == [
        {
            "file": "sales.md",
            "line": 2,
            "column": 1,
            "message": "voise: unknown key, did you mean 'voice'?",
            "severity": "error",
        }
    ]
    [claimed] = await problems(api, '---\nnumbers: ["+15550100"]\n---\nHi\n', "ada")
    assert "already claimed by" in claimed["message"]
    assert await problems(api, GOOD) == []
    [large] = await problems(api, GOOD + "x" * 256 * 1024)
    assert large["message"] == "is larger than 256 KiB"
    answer = await api.http.post("/api/agent-check", json={"name": "sales", "source": GOOD})
    assert answer.json()["settings"]["voice"] == "ash"
    assert file(api).read_text() == before


async def test_a_setting_is_edited_in_the_text(api: Desk):
    edit = {"source": GOOD, "set": {"voice": "cedar", "turn_detection.threshold": 0.6}}
    answer = await api.http.post("/api/agent-edit", json=edit)
    assert answer.json() == {
        "source": "---\nvoice: cedar  # calm\nturn_detection: {threshold: 0.6}\n---\nYou are Ada.\n"
    }
    refused = await api.http.post("/api/agent-edit", json={"source": "---\nvoice: [\n---\n", "set": {"voice": "ash"}})
    assert said(refused, 422, "not_editable", "voice can't be set")


async def test_a_saved_agent_answers_at_once_and_the_log_says_who_saved_it(api: Desk):
    before = api.office.agents.agents["sales"].version
    saved = await put(api, "sales", GOOD, **{"If-Match": f'"{await etag(api)}"'})
    assert saved.status_code == 200
    agent = api.office.agents.agents["sales"]
    assert (agent.voice, agent.version) == ("ash", saved.json()["version"])
    assert file(api).read_text() == GOOD
    assert saved.json()["etag"] == await etag(api)
    [deed] = (await api.office.store.audit.page(DeedFilter(action="agent.save"))).deeds
    assert (deed.actor, deed.kind) == ("test", "key")
    assert deed.data == {"agent": "sales", "before": before, "after": agent.version}


async def test_a_broken_text_is_refused_with_reasons(api: Desk):
    before = file(api).read_text()
    refused = await put(api, "sales", BROKEN, **{"If-Match": await etag(api)})
    assert (refused.status_code, refused.json()["error"]) == (422, "broken")
    assert [problem["line"] for problem in refused.json()["problems"]] == [2]
    assert file(api).read_text() == before


async def test_a_file_that_changed_meanwhile_is_shown_and_not_written_over(api: Desk):
    seen = await etag(api)
    theirs = file(api).read_text() + "More.\n"
    file(api).write_text(theirs)
    refused = await put(api, "sales", GOOD, **{"If-Match": seen})
    assert (refused.status_code, refused.json()["error"]) == (412, "changed")
    assert refused.json()["source"] == theirs
    assert (await put(api, "sales", GOOD, **{"If-Match": refused.json()["etag"]})).status_code == 200
    file(api).unlink()
    gone = await put(api, "sales", GOOD, **{"If-Match": seen})
    assert (gone.status_code, gone.json()["source"]) == (412, None)
    assert said(await put(api, "sales", GOOD), 428, "not_said_which", "If-Match")


async def test_an_agent_is_made_and_deleted(api: Desk):
    new = {"If-None-Match": "*"}
    made = await put(api, "ada", GOOD, **new)
    assert made.status_code == 201
    assert api.office.agents.agents["ada"].voice == "ash"
    assert (await put(api, "ada", GOOD, **new)).status_code == 412
    assert said(await put(api, "readme", GOOD, **new), 422, "bad_name", "readme")
    assert said(await put(api, "_ada", GOOD, **new), 422, "bad_request")
    assert (await api.http.delete("/api/agents/ada")).status_code == 428
    deleted = await api.http.delete("/api/agents/ada", headers={"If-Match": made.headers["ETag"]})
    assert deleted.status_code == 204
    assert "ada" not in api.office.agents.agents
    assert [deed.action for deed in (await api.office.store.audit.page()).deeds] == ["agent.delete", "agent.create"]


async def test_a_file_that_leads_elsewhere_is_left_alone(api: Desk, tmp_path: Path):
    (tmp_path / "secret").write_text("a secret")
    file(api, "ada").symlink_to(tmp_path / "secret")
    assert said(await api.http.get("/api/agents/ada"), 409, "not_writable", "leads out")
    assert said(await put(api, "ada", GOOD, **{"If-Match": "x"}), 409, "not_writable", "leads out")


async def test_the_versions_are_those_that_had_calls(api: Desk):
    files = {"ada.md": GOOD, "base.md": "base"}
    await api.keep(AgentKept("v1", "ada", files, NOON), began("c1"))
    listed = (await api.http.get("/api/agents/ada/versions")).json()
    assert listed == {
        "current": None,
        "versions": [
            {
                "version": "v1",
                "first_used": "2026-11-21T12:00:00Z",
                "last_used": "2026-11-21T12:00:00Z",
                "calls": 1,
            }
        ],
    }
    shown = (await api.http.get("/api/agents/ada/versions/v1")).json()
    assert list(shown["files"].items()) == list(files.items())
    assert said(await api.http.get("/api/agents/ada/versions/v2"), 404, "unknown_version")


async def test_the_schema_knows_what_can_be_named_here(api: Desk):
    schema = (await api.http.get("/api/agent-schema")).json()
    assert schema["properties"]["handoff"]["items"]["examples"] == ["sales"]
    assert "marin" in str(schema["properties"]["voice"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/agents/sales"),
        ("DELETE", "/api/agents/sales"),
        ("POST", "/api/agent-check"),
        ("POST", "/api/agent-edit"),
    ],
)
async def test_only_who_may_administer_changes_an_agent_or_has_a_text_looked_at(api: Desk, method: str, path: str):
    """A check tells which files and secrets there are."""
    key = await api.key("read", "call")
    assert said(await api.http.request(method, path, headers=key, json={}), 403, "missing_scope")
    assert (await api.http.get("/api/agents/sales", headers=key)).status_code == 200
