"""What comes of calls, and what is then in their rows, however often and in whatever pieces it comes."""

from __future__ import annotations

import itertools
import json
import traceback
from dataclasses import asdict, replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update

from phoneagent.core.agents import AfterCall, Redaction
from phoneagent.core.models import LONGEST
from phoneagent.core.records import (
    Afterwards,
    Charge,
    CostPosted,
    Happened,
    MessageTaken,
    RecordingKept,
    StreamBegan,
    ToolKept,
)
from phoneagent.store import open_store
from phoneagent.store.database import StoreError, open_database
from phoneagent.store.entries import Entries, EntryRefusedError
from phoneagent.store.models import agent_versions, calls, recordings
from tests.store.story import NOON, VERSION, began, listen, over, said, seconds, told, whole

ONE_OF_EACH = ["call.started", "message.taken", "call.transferred", "call.ended"]


@pytest.fixture
async def database(address):
    database = await open_database(address)
    yield database
    await database.close()


async def test_a_whole_call_is_found_again_as_it_was_told(store):
    await store.entries.apply("i1", whole("c1"))
    call = await store.calls.get("c1")
    row = call.row
    assert (row.call_sid, row.caller, row.called, row.agent, row.model) == (
        "CAc1", "+15550199", "+15550100", "clinic", "gpt-mini",
    )  # fmt: skip
    assert (row.began, row.streamed, row.ended) == (NOON, NOON + seconds(2), NOON + seconds(60))
    assert (row.outcome, row.reason, row.duration_s) == ("transferred", "desk", 58.0)
    assert (row.turn_count, row.barge_ins, row.first_audio_ms, row.latency_ms) == (3, 1, 420, 500)
    assert row.usd == Decimal("0.0785")
    assert (call.stream_sid, call.session_id, call.after) == ("MZ2", "sess_2", "pending")
    assert call.counters == {"barge_ins": 1, "errors": 0}
    assert [(turn.speaker, turn.text, turn.unheard, turn.final) for turn in call.turns] == [
        ("agent", "Clinic, good morning.", "", True),
        ("caller", "I'd like to come in.", "", True),
        ("agent", "Tomorrow", "at nine? Or ten?", True),
    ]
    entries = whole("c1")
    assert [*call.tools, *call.events] == [entries[11], entries[8], entries[16]]
    assert set(call.charges) == set(entries[18].charges)
    assert [(recording.kept, recording.place) for recording in call.recordings] == [(entries[19], "local")]
    assert call.agent_files == VERSION.files
    assert [message.text for message in await store.messages.newest()] == ["Call me back."]


_IDS = itertools.count()


@st.composite
def deliveries_of_a_journal(draw):
    """Two interleaved calls, and the batches in which they come: after each kill all again, from somewhere on."""
    ids = [f"c{next(_IDS)}", f"c{next(_IDS)}"]
    stories = [whole(ids[0]), whole(ids[1], NOON + seconds(3))]
    order = draw(st.permutations([0] * len(stories[0]) + [1] * len(stories[1])))
    queues = [iter(story) for story in stories]
    journal = [next(queues[which]) for which in order]
    batches, reached = [], 0
    for end in [*sorted(draw(st.lists(st.integers(0, len(journal)), max_size=3))), len(journal)]:
        place, reached = draw(st.integers(0, reached)), max(end, reached)
        while place < reached:
            size = draw(st.integers(1, 25))
            batches.append(journal[place : min(place + size, reached)])
            place += size
    return ids, batches


@given(deliveries_of_a_journal())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_comes_again_in_whatever_pieces_ends_in_the_same_rows(store, database, case):
    if await store.calls.get("plain") is None:
        await listen(database)
        await store.entries.apply("i1", whole("plain"))
    ids, batches = case
    for batch in batches:
        await store.entries.apply("i1", batch)
    assert await rows(store, ids[0]) == await rows(store, "plain")
    for call_id in ids:
        assert await told(database, call_id) == ONE_OF_EACH


async def rows(store, call_id):
    """All that is known of a call but its id."""
    return json.dumps(asdict(await store.calls.get(call_id)), default=str, sort_keys=True).replace(call_id, "THIS")


async def test_a_final_turn_is_not_overwritten_by_what_was_known_before(store):
    final = said("c1", "t1", "I'd like to come in.")
    await store.entries.apply("i1", [began(), final])
    await store.entries.apply("i1", [said("c1", "t1", "I'd", final=False)])
    assert (await store.calls.get("c1")).turns == (final.turn,)


async def test_a_call_stays_over_as_it_first_was(store, database):
    await listen(database)
    await store.entries.apply("i1", [began(), over()])
    await store.entries.apply("i1", [over(outcome="failed", reason="late", usd="9"), CostPosted("c1", Decimal(9))])
    row = (await store.calls.get("c1")).row
    assert (row.outcome, row.reason, row.usd) == ("agent_hung_up", "end_call", Decimal("0.10"))
    assert await told(database) == ["call.started", "call.ended"]


async def test_a_call_that_was_closed_for_a_dead_service_is_still_filled_in(store, database):
    """The service was not dead, only without the database, or its journal was found."""
    await listen(database)
    await store.entries.apply("i1", [began(), StreamBegan("c1", "MZ1", NOON), Happened("c1", 0, 2.0, "barge_in")])
    assert await store.instances.close_lost(NOON + seconds(30)) == ["c1"]
    late = said("c1", "t1", "Hello?")
    await store.entries.apply("i1", [late, CostPosted("c1", Decimal("0.04")), over(turns=["t1"], summarize=True)])
    call = await store.calls.get("c1")
    assert (call.row.outcome, call.row.ended, call.row.duration_s) == ("lost", NOON + seconds(2), 2.0)
    assert (call.turns, call.row.turn_count, call.row.usd) == ((late.turn,), 1, Decimal("0.10"))
    assert (call.counters, call.after) == ({"barge_ins": 0, "errors": 0}, "pending")
    assert await told(database) == ["call.started", "call.failed"]


async def test_what_a_call_costs_so_far_never_falls(store):
    await store.entries.apply("i1", [began(), CostPosted("c1", Decimal("0.03"))])
    await store.entries.apply("i1", [CostPosted("c1", Decimal("0.02"))])
    assert (await store.calls.get("c1")).row.usd == Decimal("0.03")


@pytest.mark.parametrize("outcome", ["failed", "lost", "caller_silent"])
async def test_what_failed_is_told_as_such(store, database, outcome):
    await listen(database)
    await store.entries.apply("i1", [began(), over(outcome=outcome)])
    assert (await told(database))[-1] == ("call.ended" if outcome == "caller_silent" else "call.failed")


async def test_each_time_that_a_person_is_reached_is_told(store, database):
    await listen(database)
    states = ["begun", "failed", "begun", "connected", "returned", "connected"]
    events = [Happened("c1", n, n + 1.0, "transfer", {"state": state}) for n, state in enumerate(states)]
    await store.entries.apply("i1", [began(), *events])
    assert await told(database) == ["call.started", "call.transferred", "call.transferred"]


async def test_what_is_of_a_deleted_call_is_left_out(store, database, caplog):
    async with database.begin() as connection:
        await connection.execute(delete(calls))
    caplog.set_level("INFO")
    await store.entries.apply("i1", [*whole("gone")[2:], began("c1")])
    assert await store.calls.get("gone") is None
    assert await store.messages.newest() == []
    assert await store.calls.get("c1") is not None
    assert [record.entries for record in caplog.records if "deleted" in record.message] == [18]


async def test_a_deleted_transcript_does_not_come_back(store, database):
    story = whole("c1")
    await store.entries.apply("i1", story[:4])
    async with database.begin() as connection:
        await connection.execute(update(calls).values(transcript_deleted=NOON))
    await store.entries.apply("i1", story)
    call = await store.calls.get("c1")
    assert (call.turns, call.tools, call.events) == ((), (), ())
    assert await store.messages.newest() == []
    assert (call.row.outcome, call.after) == ("transferred", "skipped")  # there is nothing to be summed up
    assert len(call.recordings) == 1


async def test_a_recording_that_was_taken_elsewhere_stays_there(database):
    entries = Entries(database, uploads=True, clock=lambda: NOON)
    kept = RecordingKept("c1", "c1.wav", 0.0, 1.0, 16044, "ab" * 32)
    await entries.apply("i1", [began(), kept])
    async with database.begin() as connection:
        assert (await connection.execute(select(recordings.c.upload_at))).scalar() == NOON
        await connection.execute(update(recordings).values(place="remote", upload_at=None))
    await entries.apply("i1", [kept])
    async with database.begin() as connection:
        [row] = await connection.execute(select(recordings.c.place, recordings.c.upload_at))
    assert tuple(row) == ("remote", None)


async def test_what_is_no_text_to_a_database_does_not_stop_the_others(store, database):
    await listen(database)
    words = "one\0two\ud800three"
    await store.entries.apply(
        "i1",
        [
            began(),
            said("c1", "t\0", words),
            Happened("c1", 0, 1.0, "message", {"text": words}),
            MessageTaken("m1", "c1", "clinic", words, words, words, NOON),
            over(reason=words),
        ],
    )
    call = await store.calls.get("c1")
    assert call.turns[0].text == call.row.reason == "one\ufffdtwo\ufffdthree"
    assert call.events[0].data["text"] == "one\0two\ufffdthree"  # JSON knows NUL
    assert await told(database) == ["call.started", "message.taken", "call.ended"]


async def test_the_longest_names_and_ids_are_kept(store):
    """An agent's file may name a model of this length; what an engine calls things is its own."""
    first, second, run = "t" * 5000 + "1", "t" * 5000 + "2", "call_" * 1000
    charge = Charge("model", "m" * LONGEST, Decimal("0.10"))
    await store.entries.apply(
        "i1",
        [
            began(),
            said("c1", second, "I am Ada."),
            said("c1", first, "Hello."),
            said("c1", first, "Hello!"),
            ToolKept("c1", run, "look_up", "{}", "{}", False, 2.0, 10),
            ToolKept("c1", run, "look_up", "{}", "[]", False, 2.0, 10),
            over(turns=[first, second], charges=(charge,)),
        ],
    )
    call = await store.calls.get("c1")
    assert [turn.text for turn in call.turns] == ["Hello!", "I am Ada."]
    assert [tool.output for tool in call.tools] == ["[]"]
    assert call.charges == (charge,)


@pytest.mark.parametrize(
    "bad",
    [
        replace(began("bad"), began=None),
        said("c1", "t1", "secret", latency_ms=2**80),
        said("c1", "t1", "secret", at_s=None),
        Happened("c1", 0, 1.0, "message", {"text": float("nan")}),
        Happened("c1", 0, 1.0, "message", {"text": object()}),
    ],
    ids=["no moment", "too large", "missing", "not a number", "no JSON"],
)
async def test_an_entry_that_can_never_be_kept_is_told_from_a_database_that_is_away(store, bad):
    with pytest.raises(EntryRefusedError) as refused:
        await store.entries.apply("i1", [began(), bad])
    assert "secret" not in "".join(traceback.format_exception(refused.value))
    assert await store.calls.get("c1") is None  # all or nothing
    await store.entries.apply("i1", [began()])


async def test_a_database_that_has_no_room_is_away(tmp_path):
    store = await open_store(f"sqlite:///{tmp_path}/a.db")
    database = store.calls._database
    async with database.begin() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar()
        await connection.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
    with pytest.raises(StoreError, match="full"):
        await store.entries.apply("i1", [began(), *(said("c1", f"t{n}", "word " * 1000) for n in range(50))])
    await store.close()


async def test_what_is_made_of_calls_afterwards_is_kept_with_the_agent(store, database):
    afterwards = Afterwards(
        AfterCall(True, "In a line.", {"type": "object"}), "en", "UTC", Redaction(patterns={"a": "b"})
    )
    await store.entries.apply("i1", [replace(VERSION, afterwards=afterwards)])
    async with database.begin() as connection:
        kept = (await connection.execute(select(agent_versions.c.afterwards))).scalar()
    assert kept == json.loads(json.dumps(asdict(afterwards)))


async def test_a_backlog_of_many_calls_is_kept(store):
    """As after an outage: batches with a bit of every call, one entry here and there twice."""
    stories = [whole(f"c{n}") for n in range(40)]
    journal = [entry for entries in zip(*stories, strict=True) for entry in entries]
    for place in range(0, len(journal), 190):
        await store.entries.apply("i1", journal[place : place + 200])
    [total] = await store.costs.sums("agent")
    assert (total.calls, total.usd) == (40, 40 * Decimal("0.0785"))
    assert await rows(store, "c0") == await rows(store, "c39")
