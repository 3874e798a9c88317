"""`phoneagent erase`, typed beside a running service: nothing of a person is left."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from click.testing import CliRunner

from phoneagent.app import Service
from phoneagent.cli import main
from phoneagent.core.dials import Dial
from phoneagent.simulate.fake_phone import FakePhone
from phoneagent.simulate.realtime_events import ToolCall, caller_turn_ended, response, transcribed
from phoneagent.simulate.script import Say, Silence
from phoneagent.simulate.scripted_model import ScriptedModel
from phoneagent.store import Store, open_store
from phoneagent.store.audit import DeedFilter
from tests.calls.service import CALLER, NUMBER, phone_of, records, serving, write_agent, write_tools
from tests.store import entries

BOB = "+15550188"
SPELLINGS = [b"5550199", b"555-0199", b"555 0199", b"five five five zero one nine nine"]
AGENT = "greeting: none\nidle: none\nrecording: on\nevent_log: on\ntools: [look_up, take_message]"
TOOLS = '''
from phoneagent.tools import tool

@tool
def look_up(number: int) -> str:
    """Whose number is this?"""
    return f"{number} is Ada's, +1 555-0199"
'''


@dataclass
class Desk:
    """A terminal beside a service, and phones that call it."""

    folder: Path
    service: Service
    model: ScriptedModel
    phone: FakePhone

    async def type(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors of the command."""
        return await asyncio.to_thread(typed, self.folder / "data", *arguments)

    async def call(self, caller: str) -> None:
        """A call of somebody who speaks of Ada's number, to its end, and until all of it is kept."""
        finished = records(self.service)
        before = len(self.model.sessions)
        call = self.phone.dial(NUMBER, [Say("Hello?"), Silence(30)], caller=caller)
        session = await self.model.session(before)
        await call.until(lambda record: record.caller.utterances)
        session.emit(*caller_turn_ended(), transcribed("It is five five five zero one nine nine, or 555-0199."))
        tools = (
            ToolCall("look_up", '{"number":15550199}'),
            ToolCall("take_message", '{"text":"Call 555 0199","callback_number":"555 0199"}', "call_2", "item_2"),
        )
        session.emit(*response(*tools, response_id="resp_1"))
        for _ in tools:
            await session.received("conversation.item.create", item={"type": "function_call_output"})
        call.hang_up()
        record = await asyncio.wait_for(finished.get(), 30)

        async def kept(store: Store) -> bool:
            found = await store.calls.get(record.call_id)
            unfinished = any((self.folder / "data" / "events").rglob("*.jsonl"))
            return found is not None and found.row.ended is not None and bool(found.recordings) and not unfinished

        await self.until(kept)

    async def noted(self, action: str) -> list[str]:
        """The receipts in the audit log."""
        store = await open_store(f"sqlite:///{self.folder}/data/phoneagent.db")
        page = await store.audit.page(DeedFilter(action=action))
        await store.close()
        return [deed.data["receipt"] for deed in page.deeds]

    async def until(self, true: Callable[[Store], Awaitable[bool]]) -> None:
        store = await open_store(f"sqlite:///{self.folder}/data/phoneagent.db")
        async with asyncio.timeout(30):
            while not await true(store):  # noqa: ASYNC110 -- it is in a database
                await asyncio.sleep(0.05)
        await store.close()


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    write_agent(folder, AGENT)
    write_tools(folder, TOOLS)
    async with ScriptedModel() as model, serving(folder, model) as service, phone_of(service) as phone:
        yield Desk(folder, service, model, phone)


def typed(data: Path, *arguments: str) -> tuple[int, str, str]:
    environ = {"PHONEAGENT_DATA": str(data), "PHONEAGENT_REGION": "US"}
    run = CliRunner().invoke(main, ["erase", *arguments], env=environ, catch_exceptions=False)
    return run.exit_code, run.stdout, run.stderr


def left(data: Path) -> set[str]:
    """The files in which the number stands."""
    files = [path for path in data.rglob("*") if path.is_file()]
    return {path.name for path in files if any(spelled in path.read_bytes() for spelled in SPELLINGS)}


async def test_nothing_is_left_of_a_person_in_any_file(tmp_path: Path):
    async with desk(tmp_path) as at:
        store = await open_store(f"sqlite:///{tmp_path}/data/phoneagent.db")
        await store.webhooks.add("http://127.0.0.1:9/", ["call.ended", "message.taken"], allow_private=True)
        await store.dials.add(Dial("d1", "n1", "ada", CALLER, NUMBER, {}, entries.NOON, state="busy"))
        await store.dials.add(Dial("d2", "n2", "ada", BOB, NUMBER, {"of": "+1 (555) 0199"}, entries.NOON, state="busy"))
        await store.close()
        await at.call(CALLER)
        await at.call(BOB)
        assert left(tmp_path / "data")
        recordings = tmp_path / "data" / "recordings"
        assert len(list(recordings.rglob("*.wav"))) == 2

        code, output, errors = await at.type(CALLER, "--dry-run")
        assert (code, errors) == (0, "")
        counted = r"1 calls, 1 recordings, 1 messages, 1 dials, \d+ mentions"
        assert re.fullmatch(f"would erase: {counted}\n", output)
        would = output.removeprefix("would erase: ")
        assert len(list(recordings.rglob("*.wav"))) == 2
        code, output, errors = await at.type("555-0199", "--yes")
        assert (code, errors) == (0, "")
        assert f"\nerased: {would}" in output
        assert left(tmp_path / "data") == set()
        assert len(list(recordings.rglob("*.wav"))) == 1
        receipt = re.search(r"^receipt ([0-9a-f]{16}) of \d{4}-", output, re.MULTILINE)
        assert receipt is not None
        assert await at.noted("person.erase") == [receipt[1]]  # and not whom
        assert (await at.type(CALLER, "--yes"))[1].startswith(
            "to erase: 0 calls, 0 recordings, 0 messages, 0 dials, 0 m"
        )
    assert left(tmp_path / "data") == set()


async def test_a_call_that_goes_on_is_left_and_named(tmp_path: Path):
    async with desk(tmp_path) as at:
        call = at.phone.dial(NUMBER, [Silence(30)], caller=CALLER)
        await at.model.session()

        async def begun(store: Store) -> bool:
            return bool((await store.calls.page()).calls)

        await at.until(begun)
        code, _, errors = await at.type(CALLER, "--yes")
        assert code == 1
        assert re.fullmatch("left: call [0-9a-f]{32} goes on; erase again when it is over\n", errors)
        call.hang_up()

        async def over(store: Store) -> bool:
            return (await store.calls.page()).calls[0].ended is not None

        await at.until(over)
        assert (await at.type(CALLER, "--yes"))[0] == 0


async def test_a_call_that_is_held_is_left_and_named(tmp_path: Path):
    store = await open_store(f"sqlite:///{tmp_path}/phoneagent.db")
    await store.entries.apply("i", entries.call("held"))
    await store.calls.hold("held", True)
    code, _, errors = await asyncio.to_thread(typed, tmp_path, CALLER, "--yes")
    assert (code, "call held is held; phoneagent calls release held" in errors) == (1, True)
    await store.calls.hold("held", False)
    assert (await asyncio.to_thread(typed, tmp_path, CALLER, "--yes"))[0] == 0
    await store.close()


async def test_a_held_call_in_which_others_speak_of_the_number_is_named(tmp_path: Path):
    store = await open_store(f"sqlite:///{tmp_path}/phoneagent.db")
    await store.entries.apply("i", [replace(entries.began("held"), caller=BOB), *entries.call("held")[2:]])
    await store.calls.add_note("held", "bob", f"knows {CALLER}")
    await store.calls.hold("held", True)
    code, _, errors = await asyncio.to_thread(typed, tmp_path, CALLER, "--yes")
    assert (code, "call held is held; phoneagent calls release held" in errors) == (1, True)
    await store.close()


async def test_a_number_of_our_own_is_no_person(tmp_path: Path):
    store = await open_store(f"sqlite:///{tmp_path}/phoneagent.db")
    await store.entries.apply("i", [replace(entries.began(), called=NUMBER)])
    await store.close()
    code, _, errors = await asyncio.to_thread(typed, tmp_path, NUMBER, "--yes")
    assert (code, "a number of the service's own" in errors) == (1, True)


def test_what_is_no_number_is_refused_and_nothing_is_done_without_a_yes(tmp_path: Path):
    assert typed(tmp_path, "Ada")[0] == 2
    code, output, _ = typed(tmp_path, CALLER)
    assert code == 1
    assert "erased" not in output


def test_the_command_explains_itself_with_an_example():
    assert "Example: " in CliRunner().invoke(main, ["erase", "--help"]).stdout
