"""What is kept of calls, read over the API; notes, holds, deletion."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from phoneagent.core.records import CallBegan, CostPosted, StreamBegan, ToolKept, TurnKept
from phoneagent.core.transcript import Turn
from phoneagent.web.api.models import Call
from tests.calls.outbound import ADA, OURS, eventually
from tests.store.entries import NOON, began, call, over
from tests.store.entries import said as turn
from tests.web.api.desk import said


def ids(response) -> list[str]:
    assert response.status_code == 200, response.text
    return [listed["id"] for listed in response.json()["calls"]]


async def test_a_call_is_shown_whole(api):
    await api.keep(*call())
    shown = (await api.http.get("/api/calls/c1")).json()
    assert shown.keys() == Call.model_fields.keys()
    assert (shown["id"], shown["call_sid"], shown["state"], shown["reason"]) == (
        *("c1", "CAc1", "completed", "caller hung up"),
    )
    assert (shown["caller"], shown["called"], shown["began"]) == ("+15550199", "+15550100", "2026-11-21T12:00:00Z")
    [said_] = shown["turns"]
    assert (said_["speaker"], said_["text"]) == ("caller", "Guten Tag – schön! 🙏")
    [tool] = shown["tools"]
    assert (tool["name"], tool["arguments"], tool["output"]) == ("book", {"at": "8"}, None)
    assert shown["events"][0]["data"] == {"heard_ms": 120, "more": [None, 1.5, {"a": True}]}
    assert [(charge["part"], charge["model"], charge["usd"]) for charge in shown["charges"]] == [
        ("model", "gpt", "0.000000001"),
        ("telephone", None, None),
    ]
    assert shown["usd"] == "0.000000001"
    assert shown["recordings"][0]["place"] == "local"
    assert (await api.http.get("/api/calls/CAc1")).json() == shown


@pytest.mark.parametrize("depth", [50, 500, 5000, 50_000])
async def test_a_call_is_shown_whatever_its_tools_have_answered(api, depth):
    output = "[" * depth + "]" * depth
    await api.keep(*call(), ToolKept("c1", "t9", "odd", '{"a": NaN}', output, False, 9.0, 1))
    *_, tool = (await api.http.get("/api/calls/c1")).json()["tools"]
    assert tool["output"] == (json.loads(output) if depth == 50 else output)


async def test_a_call_that_goes_on_is_live(api):
    await api.keep(began(), CostPosted("c1", Decimal("0.25")))
    shown = (await api.http.get("/api/calls/c1")).json()
    assert (shown["state"], shown["ended"], shown["outcome"], shown["usd"]) == ("live", None, None, "0.25")


async def test_a_call_that_we_place_keeps_its_id_from_the_wish_to_the_record(api):
    wish = (await api.post()).json()
    url = f"/api/calls/{wish['id']}"
    assert (await api.http.get(url)).json().keys() == {"id", "agent", "state", "reason", "call_sid"}
    assert said(await api.http.get(f"{url}/transcript"), 404, "unknown_call")
    placed = await api.office.placed()
    api.office.callback(placed, "in-progress")
    began_ = CallBegan(
        wish["id"], placed.call_sid, "outbound", ADA, OURS, "sales", "v1", "openai", "gpt", NOON, began().retention
    )
    await api.keep(began_)
    shown = (await api.http.get(url)).json()
    assert (shown["id"], shown["state"], shown["caller"], shown["ended"]) == (wish["id"], "live", ADA, None)
    await api.keep(over(wish["id"]))
    shown = (await api.http.get(url)).json()
    assert (shown["state"], shown["outcome"], shown["reason"]) == ("live", "completed", None)
    api.office.callback(placed, "completed")
    shown = (await api.http.get(url)).json()
    assert (shown["state"], shown["outcome"], shown["reason"]) == ("completed", "completed", "caller hung up")
    assert (await api.http.get(f"/api/calls/{placed.call_sid}")).json() == shown


@pytest.fixture
async def five(api):
    """Five calls, c1 to c5, the last of them three at the same moment."""
    for number in range(1, 6):
        at = NOON + timedelta(hours=min(number, 3))
        agent, caller = "ada" if number < 3 else "bob", "anonymous" if number == 4 else f"+1555019{number}"
        first = replace(began(f"c{number}", at), agent=agent, caller=caller)
        await api.keep(first, turn(f"c{number}", text=f"My name is Ø{number}."))
    await api.keep(replace(over("c1"), outcome="failed"), over("c2"))
    return api


async def test_calls_are_listed_newest_first_page_by_page(five):
    assert ids(await five.http.get("/api/calls")) == ["c5", "c4", "c3", "c2", "c1"]
    found, cursor = [], {}
    while cursor is not None:
        response = await five.http.get("/api/calls", params={"limit": 2, **cursor})
        found.append(ids(response))
        following = response.json()["next"]
        cursor = following and {"cursor": following}
    assert found == [["c5", "c4"], ["c3", "c2"], ["c1"]]


FOUND = [
    ({"number": "+15550192"}, ["c2"]),
    ({"number": "+15550100", "agent": "ada"}, ["c2", "c1"]),
    ({"number": "anonymous"}, ["c4"]),
    ({"agent": "nobody"}, []),
    ({"since": "2026-11-21T14:00:00Z", "before": "2026-11-21T16:00:00+01:00"}, ["c2"]),
    ({"since": "2026-11-21"}, ["c5", "c4", "c3", "c2", "c1"]),
    ({"before": "2026-11-21"}, []),
    ({"since": "2026-11-22"}, []),
    ({"outcome": "failed"}, ["c1"]),
    ({"text": "ø4"}, ["c4"]),
    ({"text": "%"}, []),
    ({"open": "true"}, ["c5", "c4", "c3"]),
    ({"open": "false"}, ["c2", "c1"]),
]


async def test_calls_are_found(five):
    for query, found in FOUND:
        assert ids(await five.http.get("/api/calls", params=query)) == found, query


async def test_those_that_are_found_are_had_as_a_table(five):
    response = await five.http.get("/api/calls.csv", params={"open": "true"})
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="calls.csv"'
    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
    assert [row["id"] for row in rows] == ["c5", "c4", "c3"]
    assert rows[0]["caller"] == "'+15550195"
    assert (await five.http.get("/api/calls.csv", params={"agent": "nobody"})).text == ""
    assert said(await five.http.get("/api/calls.csv", params={"limit": "1"}), 422, "bad_request", "limit")


async def test_any_place_in_the_list_can_be_asked_for(five):
    for cursor in ("0_0", "9" * 17 + "_z"):
        ids(await five.http.get("/api/calls", params={"cursor": cursor}))


NOT_UNDERSTOOD = [
    ("limit=0", "limit: "),
    ("limit=201", "limit: "),
    ("limit=" + "9" * 5000, "limit: "),
    ("limit=", "limit: "),
    ("number=+15550199", "number: "),  # a + in a URL is a space
    ("number=0199", "number: "),
    ("agent=%00", "agent: "),
    ("text=a%00b", "text: "),
    ("text=", "text: "),
    ("text=" + "a" * 201, "text: "),
    ("since=yesterday", "since: must be a day"),
    ("since=2026-11-21T12:00:00", "since"),
    ("since=0001-01-01T00:00:00%2B14:00", "since"),
    ("before=9999-12-31T23:59:59-14:00", "before"),
    ("since=99999999999999999999", "since"),
    ("open=perhaps", "open: "),
    ("nmber=1", "nmber: "),
    ("cursor=", "cursor: "),
    ("cursor=x", "cursor: "),
    ("cursor=%00", "cursor: "),
    ("cursor=1_c%0a", "cursor: "),
    ("cursor=" + "9" * 18 + "_c1", "cursor: "),
    ("cursor=" + "A" * 5000, "cursor: "),
]


async def test_a_query_that_is_not_understood_is_refused_with_what_is_wrong(api):
    for query, words in NOT_UNDERSTOOD:
        assert said(await api.http.get(f"/api/calls?{query}"), 422, "bad_request", words), query


async def test_a_call_that_there_is_not_is_not_found(api):
    await api.keep(*call())
    methods = {"/notes": "POST", "/hold": "PUT", "/record": "DELETE"}
    for id_ in ["nothing", "%00", "%ff", "c1%20", "c1%0a", "a" * 65, "c%2F1", "'", "CA"]:
        for rest in ["", "/transcript", "/recording", "/costs", "/hold", "/record", "/notes"]:
            method, url = methods.get(rest, "GET"), f"/api/calls/{id_}{rest}"
            response = await api.http.request(method, url, json={"text": "x"})
            error = "unknown_path" if "%2F" in id_ else "unknown_call"
            assert said(response, 404, error), url


async def test_a_transcript_is_json_or_text(api):
    await api.keep(began(), StreamBegan("c1", "MZ1", NOON))
    agent = Turn("item1", "agent", "Hello, this is", "Ada.", 1.25, None, interrupted=True, final=True)
    await api.keep(TurnKept("c1", agent), turn(number=65, text="Ada who?"))
    shown = (await api.http.get("/api/calls/c1/transcript")).json()
    assert (shown["id"], shown["deleted"]) == ("c1", None)
    assert shown["turns"][0] == {
        "speaker": "agent",
        "text": "Hello, this is",
        "unheard": "Ada.",
        "at_s": 1.25,
        "latency_ms": None,
        "interrupted": True,
    }
    text = await api.http.get("/api/calls/c1/transcript", headers={"Accept": "text/plain"})
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text == "00:01  agent:  Hello, this is [not heard: Ada.]\n00:21  caller: Ada who?\n"


async def test_a_transcript_that_was_deleted_says_so(api):
    await api.keep(*call())
    await api.office.store.erasure.delete_transcripts(["c1"])
    shown = (await api.http.get("/api/calls/c1/transcript")).json()
    assert (shown["deleted"] is not None, shown["turns"]) == (True, [])


async def test_a_note_is_added_under_the_name_of_the_key(api):
    await api.keep(*call())
    response = await api.http.post("/api/calls/CAc1/notes", json={"text": "Ada wants a quote. 🙏"})
    assert response.status_code == 201
    note = response.json()
    assert (note["author"], note["text"]) == ("test", "Ada wants a quote. 🙏")
    assert (await api.http.get("/api/calls/c1")).json()["notes"] == [note]


async def test_a_note_is_a_text(api):
    await api.keep(*call())
    for body in [
        "",
        "{}",
        '{"text": ""}',
        '{"text": 1}',
        '{"text": "\\u0000"}',
        '{"text": "\\ud800"}',
        '{"text": "a", "b": 1}',
    ]:
        assert said(await api.http.post("/api/calls/c1/notes", content=body), 422, "bad_request"), body


async def test_a_call_that_is_held_is_not_deleted_before_it_is_released(api):
    await api.keep(*call())
    await api.record("c1")
    for _ in range(2):
        assert (await api.http.put("/api/calls/CAc1/hold")).status_code == 204
    assert (await api.http.get("/api/calls/c1")).json()["held"]
    assert said(await api.http.delete("/api/calls/c1/record"), 409, "held")
    assert (await api.http.delete("/api/calls/c1/hold")).status_code == 204
    response = await api.http.delete("/api/calls/CAc1/record")
    assert (response.status_code, response.json()) == (200, {"id": "c1", "left": []})
    assert said(await api.http.get("/api/calls/c1"), 404, "unknown_call")
    assert not any(api.recordings.rglob("*.wav"))
    done = (await api.office.store.audit.page()).deeds
    assert {(deed.actor, deed.kind, deed.call_id) for deed in done} == {("test", "key", "c1")}
    assert sorted(deed.action for deed in done) == ["call.delete", "call.hold", "call.hold", "call.release"]


async def test_a_call_that_goes_on_is_not_deleted(api):
    await api.keep(began())
    assert said(await api.http.delete("/api/calls/c1/record"), 409, "goes_on")


async def test_a_call_of_somebody_who_called_us_is_hung_up(api):
    await api.keep(began())
    response = await api.http.delete("/api/calls/c1")
    assert (response.status_code, response.json()["state"]) == (202, "live")

    async def hung_up() -> bool:
        return api.office.carrier.hung_up == ["CAc1"]

    await eventually(hung_up)
    await api.keep(over())
    assert (await api.http.delete("/api/calls/c1")).json()["state"] == "completed"
    assert api.office.carrier.hung_up == ["CAc1"]
