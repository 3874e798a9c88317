"""What is deleted, and what is not: calls, pieces of them, people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, text

from phoneagent.core.agents import Retention
from phoneagent.core.dials import Dial
from phoneagent.core.records import (
    CallBegan,
    CallOver,
    Entry,
    Happened,
    MessageTaken,
    RecordingKept,
    ToolKept,
    TurnKept,
)
from phoneagent.core.redaction.telephones import TelephoneNumber
from phoneagent.core.transcript import Turn
from phoneagent.store import Store, open_store
from phoneagent.store.calls import CallFilter
from phoneagent.store.database import Database, open_database
from phoneagent.store.erasure import Erasure, FileDeletion
from phoneagent.store.models import calls, deliveries, metadata, turns
from phoneagent.store.people import Mentions, Person
from phoneagent.store.search import keep_words
from tests.calls.outbound import eventually
from tests.store import entries

NOON = entries.NOON
ADA, BOB, OURS = "+15550199", "+15550188", "+15550100"
PERSON = Person(ADA, TelephoneNumber("erased", "1", "5550199"))


@pytest.fixture
async def database(address: str, store: Store) -> AsyncIterator[Database]:
    """Behind the store's back."""
    database = await open_database(address)
    yield database
    await database.close()


def called(call_id: str, caller: str = ADA, *, said: str = "Hello", at: datetime = NOON) -> list[Entry]:
    """A whole call, with a message and a recording."""
    changed: list[Entry] = []
    for entry in entries.call(call_id):
        match entry:
            case CallBegan():
                entry = replace(entry, caller=caller, began=at)
            case TurnKept():
                entry = replace(entry, turn=replace(entry.turn, text=said))
            case CallOver():
                entry = replace(entry, ended=at + timedelta(minutes=1))
            case MessageTaken():
                entry = replace(entry, message_id=f"m{call_id}", caller=caller)
            case RecordingKept():
                entry = replace(entry, name=f"2026/11/21/{call_id}.wav")
        changed.append(entry)
    return changed


async def rows(database: Database) -> dict[str, int]:
    """How many there are, by their tables."""
    async with database.begin() as connection:
        counts = {
            table.name: len((await connection.execute(select(text("1")).select_from(table))).all())
            for table in metadata.tables.values()
        }
    return {name: count for name, count in counts.items() if count}


async def test_a_call_is_deleted_with_all_that_belongs_to_it(store: Store, database: Database):
    await store.webhooks.add("https://example.com/", ["call.ended"])
    await store.entries.apply("i", called("a"))
    await store.calls.add_note("a", "bob", "What a call")
    assert await store.erasure.delete(["a", "unknown"]) == {"a"}
    sums = {"day_sums": 1, "stale_days": 1}
    assert await rows(database) == {"agent_versions": 1, "webhooks": 1, "file_deletions": 2} | sums
    assert set(await store.erasure.files()) == {
        FileDeletion("local", "recordings/2026/11/21/a"),
        FileDeletion("local", "events/2026/11/21/a"),
    }


async def test_what_comes_of_a_deleted_call_is_left_out(store: Store, database: Database):
    [*first, last] = called("a")
    await store.entries.apply("i", first)
    await store.erasure.delete(["a"])
    await store.entries.apply("i", [last])
    assert "recordings" not in await rows(database)


async def test_a_deleted_call_does_not_come_back_from_a_journal(store: Store, database: Database):
    await store.entries.apply("i", called("a"))
    await store.erasure.delete(["a"])
    await store.entries.apply("i", [*called("a"), *called("b")])  # of a service that was killed, or a machine away
    assert [call.id for call in (await store.calls.page()).calls] == ["b"]
    assert [message.call_id for message in await store.messages.newest()] == ["b"]
    await Erasure(database, lambda: datetime.now(UTC) + timedelta(days=31)).files_are_gone([])
    assert await store.erasure.files() == []  # nothing is remembered for ever


async def test_a_call_that_is_held_or_goes_on_is_not_deleted(store: Store):
    await store.entries.apply("i", [*called("held"), entries.began("open")])
    await store.calls.hold("held", True)
    assert await store.erasure.delete(["held", "open"]) == set()
    assert await store.erasure.delete_transcripts(["held", "open"]) == 0
    assert await store.erasure.delete_recordings(["held", "open"]) == 0
    await store.calls.hold("held", False)
    assert await store.erasure.delete(["held", "open"]) == {"held"}


async def test_another_call_stays_as_it_is(store: Store):
    await store.entries.apply("i", called("a") + called("b"))
    before = await store.calls.get("b")
    await store.erasure.delete(["a"])
    assert await store.calls.get("b") == before
    assert [message.call_id for message in await store.messages.newest()] == ["b"]


async def test_of_a_transcript_nothing_stays_but_why_there_was_a_recording(store: Store, database: Database):
    agreed = Happened("a", 2, 3.0, "consent", {"given": True, "how": "key"})
    await store.entries.apply("i", [*called("a"), agreed])
    await store.calls.add_note("a", "bob", "What a call")
    assert await store.erasure.delete_transcripts(["a"]) == 1
    call = await store.calls.get("a")
    assert call is not None
    assert call.transcript_deleted is not None
    assert (call.turns, call.tools, call.events, call.notes, call.row.summary, call.extracted) == (
        (),
        (),
        (agreed,),
        (),
        None,
        None,
    )
    assert call.recordings[0].place == "local"
    assert call.charges
    assert await store.messages.newest() == []
    assert [file.name for file in await store.erasure.files()] == ["events/2026/11/21/a"]
    await store.entries.apply("i", called("a"))  # from a journal
    assert (await store.calls.get("a")) == call


async def test_of_a_recording_it_stays_known_that_there_was_one(store: Store):
    await store.entries.apply("i", called("a"))
    assert await store.erasure.delete_recordings(["a"]) == 1
    call = await store.calls.get("a")
    assert call is not None
    assert (call.recordings[0].place, len(call.turns)) == ("gone", 1)
    assert [file.name for file in await store.erasure.files()] == ["recordings/2026/11/21/a"]


async def test_a_recording_in_the_bucket_is_deleted_there(store: Store, database: Database):
    await store.entries.apply("i", called("a"))
    async with database.begin() as connection:
        await connection.execute(text("UPDATE recordings SET place = 'remote'"))
    await store.erasure.delete(["a"])
    assert FileDeletion("remote", "2026/11/21/a.wav") in await store.erasure.files()
    await store.erasure.files_are_gone(["2026/11/21/a.wav"])
    assert {file.place for file in await store.erasure.files()} == {"local"}  # another machine may have them


async def test_the_list_of_files_is_forgotten_after_a_while(store: Store, database: Database):
    await store.entries.apply("i", called("a"))
    await store.erasure.delete(["a"])
    later = Erasure(database, lambda: datetime.now(UTC) + timedelta(days=31))
    await later.files_are_gone([])
    assert await later.files() == []


@pytest.mark.parametrize(
    ("piece", "kept"),
    [
        ("recording", Retention(recording_days=30)),
        ("transcript", Retention(transcript_days=30)),
        ("call", Retention(call_days=30)),
    ],
)
async def test_a_piece_is_due_when_its_days_are_over(store: Store, database: Database, piece, kept):
    await store.entries.apply("i", [*called("a"), *called("b", at=NOON + timedelta(hours=1)), entries.began("open")])
    for agents in (
        {"ada": Retention()},
        {"ada": kept},
        {"bob": Retention()},
    ):  # a rule that is new is for old calls, too
        await store.erasure.keep_by(agents)
    for since_noon, due in [
        (timedelta(days=30), []),
        (timedelta(days=30, minutes=1), ["a"]),
        (timedelta(days=31), ["a", "b"]),
    ]:
        assert await Erasure(database, lambda at=NOON + since_noon: at).due(piece) == due
    later = Erasure(database, lambda: NOON + timedelta(days=99))
    await store.calls.hold("b", True)
    assert await later.due(piece) == ["a"]
    work = {"recording": later.delete_recordings, "transcript": later.delete_transcripts, "call": later.delete}[piece]
    await work(["a"])
    assert await later.due(piece) == []


async def test_what_has_no_rule_is_never_due(store: Store, database: Database):
    await store.entries.apply("i", called("a"))
    await store.erasure.keep_by({"ada": Retention(call_days=10_000_000)})
    later = Erasure(database, lambda: NOON + timedelta(days=36_500))
    assert [await later.due(piece) for piece in ("recording", "transcript", "call")] == [[], [], []]


async def test_what_belongs_to_no_call_goes_when_it_is_old(store: Store, database: Database):
    await store.webhooks.add("https://example.com/", ["call.ended"])
    await store.entries.apply("i", called("a"))
    for number, state in enumerate(("busy", "pending")):
        await store.dials.add(Dial(f"d{number}", f"n{number}", "ada", f"{ADA}{number}", OURS, {}, NOON, state=state))
    later = Erasure(database, lambda: datetime.now(UTC) + timedelta(days=31))
    assert await later.delete_leftovers({"ada": Retention(call_days=31), "bob": Retention()}) == 1
    assert (await rows(database)).get("deliveries") == 1  # it is not over
    async with database.begin() as connection:
        await connection.execute(deliveries.update().values(state="delivered"))
    await later.delete_leftovers({})
    assert "deliveries" not in await rows(database)
    assert [await store.dials.get(f"d{number}") is None for number in range(2)] == [True, False]


async def test_what_is_known_of_a_person(store: Store):
    await store.entries.apply(
        "i", [*called("a"), *called("held"), *called("b", BOB), *called("sip", f"sip:{ADA}@example.com")]
    )
    await store.entries.apply("i", [replace(entries.began("open"), caller=ADA)])
    await store.calls.hold("held", True)
    await store.dials.add(Dial("d1", "n1", "ada", ADA, OURS, {}, NOON, state="busy"))
    await store.dials.add(Dial("d2", "n2", "ada", ADA, OURS, {}, NOON, state="ringing"))
    known = await store.people.known(PERSON)
    assert set(known.calls) == {"a", "sip"}
    assert (known.held, known.open, known.dialing) == (("held",), ("open",), ("d2",))
    assert (known.recordings, known.messages, known.dials) == (2, 2, 1)
    assert {name for name, _ in known.named} == {"a", "sip", "d1"}
    assert await store.people.ours(OURS)
    assert not await store.people.ours(ADA)


async def test_messages_and_dials_of_a_person_are_deleted(store: Store):
    await store.entries.apply("i", [*called("a"), *called("held"), *called("b", BOB)])
    await store.calls.hold("held", True)
    for number, (to, state) in enumerate([(ADA, "busy"), (ADA, "ringing"), (BOB, "busy")]):
        await store.dials.add(Dial(f"d{number}", f"n{number}", "ada", to, OURS, {}, NOON, state=state))
    assert await store.people.delete_messages_and_dials(PERSON) == (1, 1)
    assert {message.call_id for message in await store.messages.newest()} == {"held", "b"}
    assert [await store.dials.get(f"d{number}") is None for number in range(3)] == [True, False, False]


SAID = "Call my friend on +1 (555) 0199, that is five five five oh one double nine, not 555 0198 or 95550199."
KEPT = "Call my friend on +[erased], that is [erased], not 555 0198 or 95550199."


async def test_a_number_is_taken_out_wherever_others_speak_of_it(store: Store):
    taught = ToolKept("b", "tool2", "book", '{"number": 15550199, "at": 8}', '"555-0199"', False, 2.0, 1)
    await store.entries.apply("i", [*called("b", BOB, said=SAID), taught, *called("held", BOB, said=SAID)])
    await store.entries.apply("i", [TurnKept("b", Turn("x", "agent", "Is it 555", "0199?", 3.0))])
    await store.calls.add_note("b", "bob", "knows 555.0199")
    await store.calls.hold("held", True)
    for name in ("d", "held"):
        await store.dials.add(Dial(name, name, "ada", BOB, OURS, {"friend": ADA}, NOON, state="busy"))
    mentions = Mentions(7, frozenset({"b", "d"}), frozenset({"held"}))
    assert await store.people.take_out(PERSON, really=False) == mentions
    held = await store.calls.get("held")
    assert await store.people.take_out(PERSON) == mentions
    call = await store.calls.get("b")
    assert call is not None
    assert call.turns[0].text == KEPT
    assert [(tool.arguments, tool.output) for tool in call.tools if tool.tool_call_id == "tool2"] == [
        ('{"number": "[erased]", "at": 8}', '"[erased]"')
    ]
    assert call.notes[0].text == "knows [erased]"
    dial = await store.dials.get("d")
    assert dial is not None
    assert dial.variables == {"friend": "+[erased]"}
    assert await store.calls.get("held") == held
    dial = await store.dials.get("held")
    assert dial is not None
    assert dial.variables == {"friend": ADA}
    assert (await store.people.take_out(PERSON)).count == 0


async def test_more_rows_than_are_looked_through_at_once(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("phoneagent.store.people._AT_ONCE", 3)
    for number in range(10):
        await store.entries.apply("i", called(f"b{number}", BOB, said=SAID))
    assert (await store.people.take_out(PERSON)).count == 10


async def test_words_that_come_while_a_person_is_taken_out_are_found(store: Store, database: Database):
    await store.entries.apply("i", called("b", BOB, said=SAID))

    async def is_waiting() -> bool:
        async with database.begin() as other:
            return bool((await other.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))).scalar())

    async with database.begin() as connection:  # as `entries` does
        await connection.execute(select(calls).where(calls.c.id == "b").with_for_update())
        late = {
            "call_id": "b",
            "turn_id": "late",
            "speaker": "agent",
            "text": "abracadabra",
            "unheard": "",
            "at_s": 9.0,
        }
        await connection.execute(insert(turns).values(late | {"interrupted": False, "final": True}))
        await keep_words(connection, ["b"])
        taking_out = asyncio.create_task(store.people.take_out(PERSON))
        if database.is_postgresql:
            await eventually(is_waiting)
    assert (await taking_out).count
    assert [call.id for call in (await store.calls.page(CallFilter(text="abracadabra"))).calls] == ["b"]
    assert not (await store.calls.page(CallFilter(text="five"))).calls


async def test_what_was_deleted_is_not_in_the_files_any_more(tmp_path):
    """Of SQLite; what is in PostgreSQL's is written over in time."""
    store = await open_store(f"sqlite:///{tmp_path}/a.db")
    await store.entries.apply(
        "i", called("a", said="The secret word is abracadabra") + called("b", BOB, said="alakazam")
    )
    assert "abracadabra" in "".join(path.read_text("latin-1") for path in tmp_path.iterdir())
    await store.erasure.delete(["a"])
    await store.erasure.compact()
    contents = "".join(path.read_text("latin-1") for path in tmp_path.iterdir())
    assert "abracadabra" not in contents
    assert "alakazam" in contents
    await store.close()


async def index_of_words(database: Database) -> bytes:
    """What is in its files."""
    if database.is_postgresql:
        file = "SELECT pg_read_binary_file(pg_relation_filepath('ix_call_words_words'))"
        async with database.begin() as connection:
            await connection.execute(text("CHECKPOINT"))
            return bytes((await connection.execute(text(file))).scalar_one())
    check = "INSERT INTO call_words_index(call_words_index, rank) VALUES ('integrity-check', 1)"
    async with database.begin() as connection:
        await connection.execute(text(check))
        return b"".join((await connection.execute(text("SELECT block FROM call_words_index_data"))).scalars())


async def test_after_a_sweep_no_deleted_word_is_in_the_index(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("phoneagent.store.search.PAGES", 1)
    await store.entries.apply("i", called("a", said="abracadabra") + called("b", said="alakazam"))
    for n in range(9):
        await store.entries.apply("i", called(f"c{n}", said=f"hello {n}"))
    await store.erasure.delete(["a"])
    await store.erasure.delete_transcripts(["b"])
    gone, there = (b"bracadabra", b"lakazam"), (b"hello", b"8")
    index = await index_of_words(database)
    assert all(word in index for word in gone + there)
    await store.erasure.forget_words()
    index = await index_of_words(database)
    assert [word in index for word in gone + there] == [False, False, True, True]
    assert [call.id for call in (await store.calls.page(CallFilter(text="hello 7"))).calls] == ["c7"]


async def test_compacting_works_on_both_databases_beside_others(store: Store, address: str):
    other = await open_store(address)
    await store.entries.apply("i", called("a"))
    assert await other.calls.get("a") is not None
    await store.erasure.compact()
    assert await other.calls.get("a") is not None
    await other.close()


async def test_a_receipt_is_kept(store: Store, database: Database):
    at = await store.erasure.receipt("r1", {"calls": 2})
    async with database.begin() as connection:
        [row] = (await connection.execute(select(metadata.tables["erasures"]))).all()
    assert (row.id, row.at, row.counts) == ("r1", at, {"calls": 2})
